import { mean, of, type Panel, quantile, rate } from "./panel.ts";

/** What the threads of the service do, and what waits for them. */
export const CAUSES: readonly Panel[] = [
  {
    title: "Messages in a batch",
    unit: "short",
    width: 8,
    see: "metrics.md",
    thresholds: [[512, "red"]],
    noValue: "nothing to store",
    about:
      "Grows with the load or with slower fsyncs: that is how the service keeps up. Always " +
      "at 512: the limit is near, use a faster disk or PostgreSQL.",
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
      "Batches a second, and those that the database refused. Any refused: the error in the " +
      "log says why (locked, full, constraint).",
    queries: [
      { expr: `sum(${rate("commit_duration_seconds_count")})`, legend: "commits" },
      { expr: `sum(${rate("commit_failures_total")})`, legend: "refused" },
    ],
    colours: { refused: "red" },
  },
  {
    title: "Load shedding",
    unit: "reqps",
    width: 8,
    see: "limits.md#overload",
    stacked: true,
    about:
      "Requests answered 503 before their body was read, by reason, and connections closed " +
      "at once. event_loop: more WORKERS or replicas. queue_age: a faster disk. bytes and " +
      "connections: find the client that sends too much.",
    queries: [
      { expr: `sum by (reason) (${rate("requests_shed_total")})`, legend: "{{reason}}" },
      { expr: `sum(${rate("connections_refused_total")})`, legend: "connections" },
    ],
  },
  {
    title: "Commit queue",
    unit: "short",
    width: 8,
    see: "limits.md#overload",
    about:
      "Messages that wait to be stored. At 10,000 messages or 64 MiB, further ones get 503. " +
      "Above 0 for long: the disk is slower than the senders, or locked.",
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
      "How long the oldest message has waited, its commit included. Above 1 s for long: the " +
      "database is slow, locked or unavailable.",
    queries: [
      { expr: `max by (instance) (${of("commit_queue_age_seconds")})`, legend: "{{instance}}" },
    ],
    thresholds: [[1, "red"]],
  },
  {
    title: "Messages not indexed yet",
    unit: "short",
    width: 8,
    see: "troubleshooting.md#the-read-index",
    about:
      "Every read looks through these as well. Tens of thousands that fall: an index is " +
      "being rebuilt. Growing for long: the disk or the CPU is too slow for the senders.",
    queries: [{ expr: `max(${of("read_index_backlog_rows")})`, legend: "messages" }],
    thresholds: [[20_000, "red"]],
  },
  {
    title: "Delay of the event loop",
    unit: "s",
    width: 8,
    see: "limits.md#overload",
    about:
      "About 0.01 s is the sampling itself. p99 above 0.05 s: this process has too little " +
      "CPU; use more WORKERS or replicas.",
    queries: [
      {
        expr: `max by (instance) (${of("nodejs_eventloop_lag_p99_seconds")})`,
        legend: "p99 {{instance}}",
      },
      {
        expr: `max by (instance) (${of("nodejs_eventloop_lag_mean_seconds")})`,
        legend: "mean {{instance}}",
      },
    ],
    thresholds: [[0.05, "red"]],
  },
  {
    title: "Event loop utilization",
    unit: "percentunit",
    width: 8,
    see: "metrics.md",
    max: 1,
    about:
      "Share of time in which it does not wait for work, the mean of all workers. Near 100 " +
      "%: the process has no more to give.",
    queries: [{ expr: mean("nodejs_eventloop_utilization_histogram"), legend: "{{instance}}" }],
    thresholds: [[0.9, "red"]],
  },
  {
    title: "CPU in use",
    unit: "none",
    width: 8,
    see: "scaling.md#sizing",
    decimals: 2,
    about:
      "CPU seconds a second, of all threads and workers. Near one in user mode with a " +
      "rising latency: the event loop is the limit.",
    queries: [
      {
        expr: `sum by (instance) (${rate("process_cpu_user_seconds_total")})`,
        legend: "user {{instance}}",
      },
      {
        expr: `sum by (instance) (${rate("process_cpu_system_seconds_total")})`,
        legend: "system {{instance}}",
      },
    ],
  },
  {
    title: "Garbage collection",
    unit: "percentunit",
    width: 8,
    noValue: "none since the start",
    see: "metrics.md",
    about:
      "Share of time by kind. Above 10 % in major: the heap is too small for the requests. " +
      "Give the process more memory, or send fewer requests at once.",
    queries: [
      { expr: `sum by (kind) (${rate("nodejs_gc_duration_seconds_sum")})`, legend: "{{kind}}" },
    ],
    thresholds: [[0.1, "red"]],
  },
  {
    title: "Waiting reads, and connections",
    unit: "short",
    width: 8,
    see: "troubleshooting.md#the-read-index",
    about:
      "Reads past 256 quick or 64 long ones get 503: a client sends expensive reads. " +
      "Reading threads replaced: the read of a thread that ends fails. Connections near the " +
      "limit: slow clients, or a proxy that opens too many.",
    queries: [
      { expr: `sum(${of("read_queue_requests")})`, legend: "reads that wait" },
      {
        expr: `sum(increase(${of("read_thread_restarts_total")}[1h]))`,
        legend: "reading threads started again",
      },
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
      "hit and shared_hit from a cache, joined from an equal request under way, miss from " +
      "the database. Few hits while messages arrive are normal. Only misses on a quiet " +
      "service: no request is repeated, or CACHE_TTL_MS is 0.",
    queries: [{ expr: `sum by (result) (${rate("cache_requests_total")})`, legend: "{{result}}" }],
    colours: { hit: "green", shared_hit: "dark-green", joined: "blue", miss: "orange" },
  },
  {
    title: "Redis",
    unit: "none",
    width: 8,
    see: "limits.md#redis",
    about:
      "1 while Redis answers, 0 while it is unavailable or none is configured; and calls " +
      "that failed. No request is refused because of it: each process has limits and " +
      "answers of its own until Redis is back.",
    queries: [
      { expr: `min by (instance) (${of("shared_state_up")})`, legend: "up {{instance}}" },
      { expr: `sum(${rate("shared_state_failures_total")})`, legend: "failures a second" },
    ],
    right: { legend: "failures a second", unit: "ops" },
  },
];
