import { of, type Panel, rate } from "./panel.ts";

const NEVER = { 0: { text: "never", color: "text" } };

/** Notifications, secrets, keys and versions in use. */
export const IDENTITY: readonly Panel[] = [
  {
    title: "Notifications of built-in alerts",
    unit: "short",
    width: 24,
    see: "alerts.md#built-in-alerts",
    stacked: true,
    about:
      "Attempts in the last hour, by target and result. refused and gave_up: the target is " +
      "not notified. The log says why, and `lyftr alerts test` tries it.",
    queries: [
      {
        expr: `sum by (target, result) (increase(${of("alert_notifications_total")}[1h]))`,
        legend: "{{target}} {{result}}",
      },
    ],
  },
  {
    title: "Webhooks by secret",
    unit: "reqps",
    width: 12,
    see: "keys-and-secrets.md#rotating-webhook-secrets",
    stacked: true,
    about:
      "Which secret verified the webhooks. previous_1 and on, or a secret that you want to " +
      "retire, above 0: a sender still uses it.",
    queries: [{ expr: `sum by (key) (${rate("webhook_signature_key_total")})`, legend: "{{key}}" }],
  },
  {
    type: "table",
    title: "Secrets, last used",
    unit: "dateTimeFromNow",
    width: 12,
    see: "keys-and-secrets.md#rotating-webhook-secrets",
    about:
      "When each secret last verified a webhook. An old one that was not used for a week: retire it.",
    queries: [
      {
        expr: `max by (key) (${of("webhook_signature_key_last_verified_timestamp_seconds")}) * 1000`,
        instant: true,
      },
    ],
    columns: { key: "Secret", Value: "Last used" },
    words: NEVER,
  },
  {
    type: "stat",
    title: "Reading",
    unit: "none",
    width: 6,
    see: "keys-and-secrets.md#api-keys",
    about:
      "Open: every client that reaches the port may read messages. Create an API key, or set READ_AUTH=required.",
    queries: [{ expr: `max(${of("read_auth_open")})`, legend: "reading", instant: true }],
    words: { 0: { text: "asks for a key", color: "green" }, 1: { text: "open", color: "orange" } },
  },
  {
    type: "stat",
    title: "Next end of a secret",
    unit: "dateTimeFromNow",
    width: 6,
    see: "keys-and-secrets.md#rotating-webhook-secrets",
    about:
      "When the next secret ends. If webhooks still use it (see above), they get 401 from " +
      "then on: ask their senders to change it.",
    queries: [
      {
        expr: `min(${of("webhook_signature_key_end_timestamp_seconds")}) * 1000 or vector(0)`,
        legend: "end",
        instant: true,
      },
    ],
    words: { 0: { text: "none ends", color: "text" } },
  },
  {
    type: "table",
    title: "Versions",
    unit: "none",
    width: 12,
    see: "upgrade.md",
    about:
      "The versions that run, and on how many instances. Two versions for longer than an " +
      "upgrade takes: an instance was forgotten.",
    queries: [{ expr: `count by (version, node) (${of("lyftr_build_info")})`, instant: true }],
    columns: { version: "Version", node: "Node.js", Value: "Instances" },
  },
];
