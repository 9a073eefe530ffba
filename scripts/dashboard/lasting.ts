import { of, type Panel, rate } from "./panel.ts";

const free = of("database_disk_free_bytes");
/**
 * Bytes a second that the disk lost in the last hours, at least 1: so the days are never negative.
 */
const shrinking = `clamp_min(-deriv(${free}[6h]), 1)`;
const DAYS_MAX = 3_650;

export const LASTING: readonly Panel[] = [
  {
    title: "Size of the database",
    unit: "bytes",
    width: 8,
    see: "scaling.md#sizing",
    about:
      "With its write-ahead log. A sudden rise that goes back is the log during a backup or a long read.",
    queries: [{ expr: `max by (instance) (${of("database_size_bytes")})`, legend: "{{instance}}" }],
  },
  {
    title: "Growth of the database in a day",
    unit: "bytes",
    width: 8,
    see: "scaling.md#sizing",
    about:
      "At the rate of the last 6 hours. More than planned: set RETENTION_DAYS, or add disk space in time.",
    queries: [{ expr: `max(deriv(${of("database_size_bytes")}[6h])) * 86400`, legend: "a day" }],
    negative: true,
  },
  {
    title: "Disk",
    unit: "bytes",
    width: 8,
    see: "scaling.md#sizing",
    about:
      "The disk of the SQLite file. When it is full, webhooks get 503. The disk of " +
      "PostgreSQL is not shown: watch it on its server.",
    queries: [
      { expr: `min(${free})`, legend: "free" },
      { expr: `min(${of("database_disk_size_bytes")})`, legend: "size" },
    ],
    noValue: "PostgreSQL's disk is watched there",
  },
  {
    type: "stat",
    title: "Days until the disk is full",
    unit: "d",
    width: 6,
    decimals: 0,
    see: "scaling.md#sizing",
    about:
      "At the rate of the last 6 hours, and at most 3,650. Below 14: add disk space, or set RETENTION_DAYS.",
    queries: [
      { expr: `clamp_max(min(${free} / ${shrinking}) / 86400, ${DAYS_MAX})`, legend: "days" },
    ],
    thresholds: [
      [-1e9, "red"],
      [3, "orange"],
      [14, "green"],
    ],
    noValue: "ask PostgreSQL",
  },
  {
    type: "stat",
    title: "Last retention sweep",
    unit: "dateTimeFromNow",
    width: 6,
    see: "retention-and-erasure.md#retention",
    about:
      "When a process last finished a retention sweep. More than a day ago, or never with " +
      "RETENTION_DAYS set: look at the log.",
    queries: [
      {
        expr: `max(${of("retention_last_run_timestamp_seconds")}) * 1000`,
        legend: "last",
        instant: true,
      },
    ],
    words: { 0: { text: "never", color: "text" } },
  },
  {
    type: "stat",
    title: "Database damaged",
    unit: "short",
    width: 6,
    see: "troubleshooting.md#a-damaged-database",
    about:
      "1 when a process has found its database damaged on the disk. The CRITICAL line in " +
      "its log names the file; lyftr verify says where.",
    queries: [{ expr: `max(${of("database_damaged")})`, legend: "damaged", instant: true }],
    thresholds: [
      [-1, "green"],
      [1, "red"],
    ],
  },
  {
    type: "stat",
    title: "Read indexes rebuilt",
    unit: "short",
    width: 6,
    see: "troubleshooting.md#a-damaged-database",
    about:
      "Read indexes that were damaged and rebuilt, since the processes started. Nothing is lost; check the disk.",
    queries: [
      { expr: `sum(${of("read_index_rebuilds_total")})`, legend: "rebuilt", instant: true },
    ],
    thresholds: [
      [-1, "green"],
      [1, "orange"],
    ],
  },
  {
    type: "stat",
    title: "Retention refused",
    unit: "short",
    width: 6,
    see: "retention-and-erasure.md#retention",
    about:
      "1 while a process refuses to delete old messages, by reason: clock or nearly_all. " +
      "Its log says why, and how to confirm it.",
    queries: [
      { expr: `max by (reason) (${of("retention_refused")})`, legend: "{{reason}}", instant: true },
    ],
    thresholds: [
      [-1, "green"],
      [1, "orange"],
    ],
  },
  {
    title: "Messages deleted",
    unit: "short",
    width: 6,
    see: "retention-and-erasure.md#retention",
    stacked: true,
    about:
      "Messages deleted a second, by reason. expired: RETENTION_DAYS. erased: lyftr erase " +
      "or the API. If you do not know why, see GET /audit.",
    queries: [
      { expr: `sum by (reason) (${rate("messages_deleted_total")})`, legend: "{{reason}}" },
    ],
  },
  {
    title: "Log lines dropped",
    unit: "short",
    width: 6,
    see: "log.md",
    about:
      "Lines a second. Standard output is not read, or its disk is full: repair the log's " +
      "reader or disk. Messages are still accepted.",
    queries: [
      { expr: `sum by (instance) (${rate("log_lines_dropped_total")})`, legend: "{{instance}}" },
    ],
    thresholds: [[1, "orange"]],
  },
  {
    title: "Spans of traces",
    unit: "short",
    width: 6,
    see: "traces.md",
    stacked: true,
    about:
      "Spans a second, by result; 0 when no traces are sent. failed: the collector does not " +
      "accept them, and the log says why. dropped: the queue is full; trace a smaller part. " +
      "Requests are not affected.",
    queries: [{ expr: `sum by (result) (${rate("trace_spans_total")})`, legend: "{{result}}" }],
    colours: { sent: "green", failed: "red", dropped: "orange" },
  },
  {
    title: "Memory",
    unit: "bytes",
    width: 6,
    see: "scaling.md#sizing",
    about:
      "Resident memory with all workers, and the JavaScript heap in it. Near the " +
      "container's limit: give it more. A steady rise under even load: please report it.",
    queries: [
      {
        expr: `sum by (instance) (${of("process_resident_memory_bytes")})`,
        legend: "resident {{instance}}",
      },
      {
        expr: `sum by (instance) (${of("nodejs_heap_size_used_bytes")})`,
        legend: "heap {{instance}}",
      },
      {
        expr: `sum by (instance) (${of("nodejs_external_memory_bytes")})`,
        legend: "buffers {{instance}}",
      },
    ],
  },
  {
    title: "Open files and connections",
    unit: "percentunit",
    width: 6,
    see: "metrics.md",
    max: 1,
    about:
      "Share of the files that the process may open. Above 80 %: raise the limit (ulimit " +
      "-n), or look at the connections.",
    queries: [
      {
        expr: `max by (instance) (${of("process_open_fds")} / ${of("process_max_fds")})`,
        legend: "files {{instance}}",
      },
      {
        expr: `max by (instance) (${of("connections_open")} / ${of("connections_max")})`,
        legend: "connections {{instance}}",
      },
    ],
    thresholds: [[0.8, "red"]],
  },
  {
    title: "Processes",
    unit: "short",
    width: 6,
    see: "workers-and-replicas.md#workers",
    decimals: 0,
    about:
      "Workers that are configured, workers that listen, and restarts an hour. Fewer than " +
      "configured for longer than 30 s: the log line `worker ended` says why.",
    queries: [
      { expr: `sum(${of("workers_configured")})`, legend: "configured" },
      { expr: `sum(${of("workers_alive")})`, legend: "alive" },
      {
        expr: `sum(increase(${of("worker_restarts_total")}[1h]))`,
        legend: "workers started again",
      },
      {
        expr: `sum(changes(${of("process_start_time_seconds")}[1h]))`,
        legend: "services started again",
      },
    ],
    colours: {
      configured: "blue",
      alive: "green",
      "workers started again": "orange",
      "services started again": "red",
    },
  },
];
