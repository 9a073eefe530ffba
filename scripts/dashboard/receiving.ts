import { of, type Panel, rate, share } from "./panel.ts";

/** As in deploy/prometheus/lyftr.rules.yml: of the webhooks answered 200 or 5xx, 99.9 % get 200. */
export const FAILING_SHARE_MAX = 0.001;

const ALL_WEBHOOKS = `path="/webhook", method="POST"`;
const FAILED = `${ALL_WEBHOOKS}, status=~"5.."`;
const JUDGED = `${ALL_WEBHOOKS}, status=~"200|5.."`;
export const WEBHOOKS = rate("http_requests_total", JUDGED);
export const FAILED_WEBHOOKS = rate("http_requests_total", FAILED);

const overRange = (matchers: string) =>
  `sum(increase(${of("http_requests_total", matchers)}[$__range]))`;
export const failingOfRange = share(overRange(FAILED), overRange(JUDGED));

export const RESULT_COLOURS = {
  created: "green",
  duplicate: "blue",
  unavailable: "red",
  error: "dark-red",
  invalid_signature: "orange",
  validation_error: "yellow",
  too_large: "light-yellow",
  unsupported: "purple",
  rate_limited: "light-orange",
};

export const RECEIVING: readonly Panel[] = [
  {
    title: "Webhooks by result",
    unit: "reqps",
    width: 12,
    see: "metrics.md",
    stacked: true,
    about:
      "Every POST /webhook by its result. created and duplicate are good. unavailable: the " +
      "database or a queue refuses, and senders have to send again. The others are the " +
      "senders' faults.",
    queries: [
      { expr: `sum by (result) (${rate("webhook_requests_total")})`, legend: "{{result}}" },
    ],
    colours: RESULT_COLOURS,
  },
  {
    title: "Messages by source",
    unit: "mps",
    width: 6,
    see: "metrics.md",
    stacked: true,
    about:
      "Messages accepted by source, duplicates included. If a source that is usually busy " +
      "falls silent, ask its sender.",
    queries: [
      { expr: `sum by (source) (${rate("messages_received_total")})`, legend: "{{source}}" },
    ],
  },
  {
    title: "All requests by status",
    unit: "reqps",
    width: 6,
    see: "metrics.md",
    stacked: true,
    about:
      "Requests of every route. Many 4xx or 5xx: the table of errors below names routes and statuses.",
    queries: [
      {
        expr: `sum by (class) (label_replace(${rate("http_requests_total")}, "class", "$1", "status", "(.).."))`,
        legend: "{{class}}xx",
      },
    ],
    colours: { "2xx": "green", "3xx": "blue", "4xx": "orange", "5xx": "red" },
  },
  {
    title: "Webhooks that fail",
    unit: "percentunit",
    width: 12,
    see: "metrics.md",
    about:
      "Of the webhooks answered 200 or 5xx, the share that got 5xx. The line is the 0.1 % " +
      "that may fail. Above it for minutes: look at the queue and the commits.",
    queries: [
      { expr: share(`sum(${FAILED_WEBHOOKS})`, `sum(${WEBHOOKS})`), legend: "answered 5xx" },
    ],
    thresholds: [[FAILING_SHARE_MAX, "red"]],
  },
  {
    type: "stat",
    title: "Duplicates with other content",
    unit: "short",
    width: 6,
    decimals: 0,
    see: "metrics.md",
    about:
      "Duplicates in the time range whose content differs from the stored message, which is " +
      "kept. Above 0: a sender uses one id for two messages; the log names the ids.",
    queries: [
      {
        expr: `sum(increase(${of("webhook_conflicts_total")}[$__range]))`,
        legend: "conflicts",
        instant: true,
      },
    ],
    thresholds: [[1, "orange"]],
  },
  {
    title: "Built-in alerts that fire",
    unit: "none",
    width: 6,
    see: "alerts.md#built-in-alerts",
    max: 1,
    decimals: 0,
    about:
      "1 while an alert fires. The target should have been notified: the end of the " +
      "dashboard shows whether it was.",
    queries: [{ expr: `max by (rule) (${of("alerts_firing")})`, legend: "{{rule}}" }],
  },
];
