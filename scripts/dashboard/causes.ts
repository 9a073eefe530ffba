import { mean, of, type Panel, quantile, rate } from "./panel.ts";

/** What the threads of the service are busy with, and what waits for them. */
export const CAUSES: readonly Panel[] = [
  {
    title: "Messages in a batch",
    unit: "short",
    width: 8,
    see: "metrics.md",
    thresholds: [[512, "red"]],
    noValue: "nothing to store",
    about:
      "Grows with the load or with slower fsyncs: that is how the service keeps up. Steadily at 512 the limit is near: a faster disk, or " +
      "PostgreSQL.",
    queries: [
      { expr: mean("commit_batch_rows", "job"), legend: "mean" },
      { expr: quantile(0.95, "commit_batch_rows"), legend: "p95" },
    ],
  },
  {
    title: "Commits",
    unit: "ops",
    width: 8,
    see: "metrics.md",
    about:
      "Batches a second, and those the database refused. Any refused: the log's error says why (locked, full, constraint).",
    queries: [
      { expr: `sum(${rate("commit_duration_seconds_count")})`, legend: "commits" },
      { expr: `sum(${rate("commit_failures_total")})`, legend: "refused" },
    ],
    colours: { refused: "red" },
  },
  {
    title: "Refused for overload",
    unit: "reqps",
    width: 8,
    see: "limits.md#overload",
    stacked: true,
    about:
      "Requests answered 503 before their body was read, by what was overloaded, and connections closed at once. event_loop: more WORKERS " +
      "or replicas. queue_age: a faster disk. bytes and connections: look for who sends so much.",
    queries: [
      { expr: `sum by (reason) (${rate("requests_shed_total")})`, legend: "{{reason}}" },
      { expr: `sum(${rate("connections_refused_total")})`, legend: "connections" },
    ],
  },
  {
    title: "Messages that wait to be stored",
    unit: "short",
    width: 8,
    see: "limits.md#overload",
    about:
      "At 10,000 messages or 64 MiB further ones are answered 503. Above 0 for long: the disk is slower than the senders, or locked.",
    queries: [
      { expr: `sum(${of("commit_queue_rows")})`, legend: "messages" },
      { expr: `sum(${of("commit_queue_bytes")})`, legend: "bytes" },
    ],
    right: { legend: "bytes", unit: "bytes" },
  },
  {
    title: "Oldest message in the queue",
    unit: "s",
    width: 8,
    see: "limits.md#overload",
    about:
      "How long the oldest message waits, its commit included. Above 1 s for long: the database is slow, locked or away.",
    queries: [{ expr: `max by (instance) (${of("commit_queue_age_seconds")})`, legend: "{{instance}}" }],
    thresholds: [[1, "red"]],
  },
  {
    title: "Stored but not in the read index",
    unit: "short",
    width: 8,
    see: "troubleshooting.md#the-read-index",
    about:
      "Every read looks through these as well. Tens of thousands that fall: an index is being made again. Growing for long: the disk or " +
      "the processor is too slow for the senders.",
    queries: [{ expr: `max(${of("read_index_backlog_rows")})`, legend: "messages" }],
    thresholds: [[20_000, "red"]],
  },
  {
    title: "Delay of the event loop",
    unit: "s",
    width: 8,
    see: "limits.md#overload",
    about:
      "About 0.01 s is the sampling itself. p99 above 0.05 s: this process has too little of a processor; more WORKERS or replicas.",
    queries: [
      { expr: `max by (instance) (${of("nodejs_eventloop_lag_p99_seconds")})`, legend: "p99 {{instance}}" },
      { expr: `max by (instance) (${of("nodejs_eventloop_lag_mean_seconds")})`, legend: "mean {{instance}}" },
    ],
    thresholds: [[0.05, "red"]],
  },
  {
    title: "How busy the event loop is",
    unit: "percentunit",
    width: 8,
    see: "metrics.md",
    max: 1,
    about:
      "Share of time in which it is not waiting for work, the mean of all workers. Near 100 %: the process has no more to give.",
    queries: [{ expr: mean("nodejs_eventloop_utilization_histogram"), legend: "{{instance}}" }],
    thresholds: [[0.9, "red"]],
  },
  {
    title: "Processors in use",
    unit: "none",
    width: 8,
    see: "scaling.md#sizing",
    decimals: 2,
    about:
      "CPU seconds a second, of all threads and workers. Near one in user mode with a rising latency: the event loop is the limit.",
    queries: [
      { expr: `sum by (instance) (${rate("process_cpu_user_seconds_total")})`, legend: "user {{instance}}" },
      { expr: `sum by (instance) (${rate("process_cpu_system_seconds_total")})`, legend: "system {{instance}}" },
    ],
  },
  {
    title: "Time for garbage collection",
    unit: "percentunit",
    width: 8,
    see: "metrics.md",
    about:
      "Share of time by kind. Above 10 % in major: the heap is too small for what is asked; give it more memory, or ask less at once.",
    queries: [{ expr: `sum by (kind) (${rate("nodejs_gc_duration_seconds_sum")})`, legend: "{{kind}}" }],
    thresholds: [[0.1, "red"]],
  },
  {
    title: "Reads that wait, and connections",
    unit: "short",
    width: 8,
    see: "troubleshooting.md#the-read-index",
    about:
      "Reads past 256 quick or 64 long ones are answered 503: a client sends expensive reads. Reading threads replaced: one that " +
      "ends fails its read. Connections near the limit: slow clients, or a proxy that opens too many.",
    queries: [
      { expr: `sum(${of("read_queue_requests")})`, legend: "reads that wait" },
      { expr: `sum(increase(${of("read_thread_restarts_total")}[1h]))`, legend: "reading threads started again" },
      { expr: `sum(${of("connections_open")})`, legend: "connections" },
    ],
    right: { legend: "connections", unit: "short" },
  },
  {
    title: "Where answers to reads come from",
    unit: "reqps",
    width: 8,
    see: "limits.md#cache",
    stacked: true,
    about:
      "hit and shared_hit from a cache, joined from an equal question under way, miss from the database. Few hits while messages come in " +
      "are as it should be; only misses on a quiet service: the same is never asked twice, or CACHE_TTL_MS is 0.",
    queries: [{ expr: `sum by (result) (${rate("cache_requests_total")})`, legend: "{{result}}" }],
    colours: { hit: "green", shared_hit: "dark-green", joined: "blue", miss: "orange" },
  },
  {
    title: "Redis",
    unit: "none",
    width: 8,
    see: "limits.md#redis",
    about:
      "1 while it answers, 0 while it is left alone or none is configured; and calls that failed. Nothing is refused because of it: limits " +
      "and answers are each process's own meanwhile. Look after Redis.",
    queries: [
      { expr: `min by (instance) (${of("shared_state_up")})`, legend: "up {{instance}}" },
      { expr: `sum(${rate("shared_state_failures_total")})`, legend: "failures a second" },
    ],
    right: { legend: "failures a second", unit: "ops" },
  },
];
