import { of, type Panel, quantile, rate, share } from "./panel.ts";
import { FAILED_WEBHOOKS, FAILING_SHARE_MAX, failingOfRange, WEBHOOKS } from "./receiving.ts";

/** The first row, without a heading: the state at a glance. */
export const GLANCE: readonly Panel[] = [
  {
    type: "stat",
    title: "Ready",
    unit: "none",
    width: 3,
    see: "monitoring.md#health-checks",
    about:
      "1 when every process answers /health/ready with 200. Not ready: GET /health/ready of " +
      "each process says why.",
    // A process that cannot be scraped has only `up`.
    queries: [{ expr: `min(${of("service_ready")} or ${of("up")} * 0)`, legend: "ready" }],
    words: { 0: { text: "Not ready", color: "red" }, 1: { text: "Ready", color: "green" } },
  },
  {
    type: "stat",
    title: "New messages",
    unit: "mps",
    width: 3,
    see: "metrics.md",
    about:
      "Messages stored a second. None for longer than usual: ask the sender, then look at what is refused.",
    queries: [
      { expr: `sum(${rate("webhook_requests_total", `result="created"`)})`, legend: "new" },
    ],
  },
  {
    type: "stat",
    title: "Webhooks that fail",
    unit: "percentunit",
    width: 3,
    decimals: 2,
    see: "metrics.md",
    about:
      "Share of webhooks that get 5xx. Their senders have to send them again. The error in the log says why.",
    queries: [{ expr: share(`sum(${FAILED_WEBHOOKS})`, `sum(${WEBHOOKS})`), legend: "failing" }],
    thresholds: [
      [0.001, "orange"],
      [0.01, "red"],
    ],
  },
  {
    type: "stat",
    title: "Error budget left",
    unit: "percentunit",
    width: 3,
    decimals: 1,
    see: "metrics.md",
    about:
      "1 in 1,000 webhooks may fail. This is the share of that budget that is left, over " +
      "the time range of the dashboard; choose 30 days for the objective. Below 0 the " +
      "budget is spent: put off risky changes.",
    queries: [
      { expr: `1 - ${failingOfRange} / ${FAILING_SHARE_MAX}`, legend: "left", instant: true },
    ],
    thresholds: [
      [-1e9, "red"],
      [0, "orange"],
      [0.25, "green"],
    ],
  },
  {
    type: "stat",
    title: "Latency of webhooks, p99",
    unit: "ms",
    width: 3,
    decimals: 0,
    see: "metrics.md",
    about:
      "99 of 100 webhooks are answered faster. High: look at the commits and the event loop below.",
    queries: [
      {
        expr: quantile(0.99, "request_latency_ms", { matchers: `path="/webhook"` }),
        legend: "p99",
      },
    ],
    thresholds: [
      [250, "orange"],
      [1_000, "red"],
    ],
    noValue: "no webhooks",
  },
  {
    type: "stat",
    title: "Oldest message in the queue",
    unit: "s",
    width: 3,
    decimals: 1,
    see: "limits.md#overload",
    about:
      "How long the oldest message has waited to be stored. More than a second: the " +
      "database does not keep up, or is locked.",
    queries: [{ expr: `max(${of("commit_queue_age_seconds")})`, legend: "age" }],
    thresholds: [
      [0.5, "orange"],
      [2, "red"],
    ],
  },
  {
    type: "stat",
    title: "Free disk",
    unit: "percentunit",
    width: 3,
    decimals: 0,
    see: "scaling.md#sizing",
    about:
      "Free share of the disk of the database; the lowest of all processes. At 0, webhooks " +
      "get 503 until there is room.",
    queries: [
      {
        expr: `min(${of("database_disk_free_bytes")} / ${of("database_disk_size_bytes")})`,
        legend: "free",
      },
    ],
    thresholds: [
      [0, "red"],
      [0.1, "orange"],
      [0.2, "green"],
    ],
    noValue: "ask PostgreSQL",
  },
  {
    type: "stat",
    title: "Built-in alerts",
    unit: "none",
    width: 3,
    decimals: 0,
    see: "alerts.md#built-in-alerts",
    about:
      "How many built-in alerts fire. Also 0 when no target is configured. The row below says which.",
    queries: [{ expr: `sum(max by (rule) (${of("alerts_firing")}))`, legend: "firing" }],
    thresholds: [[1, "red"]],
  },
];
