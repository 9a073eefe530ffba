import type { ShownAlert } from "../../alerts/shown-alerts.ts";
import type { OverviewFigures } from "../../observe/overview-figures.ts";
import { SharedWork } from "../../observe/shared-work.ts";
import type { ReadMode } from "../auth.ts";
import { Schema } from "../json-schema.ts";
import { json } from "../reply.ts";
import type { Request, Route, RouteSchema } from "../route.ts";
import { problemResponses } from "../schemas.ts";

/** What the service knows about itself. Null is what it cannot know now. */
export interface Overview extends OverviewFigures {
  readonly at: string;
  readonly version: string;
  readonly startedAt: string;
  readonly ready: boolean;
  /** Why messages are not taken, as `GET /health/ready` says it. */
  readonly problem: string | null;
  readonly read: ReadMode;
  readonly lastReceivedAt: string | null;
  readonly retention: { readonly days: number | null; readonly lastRunAt: string | null };
  readonly database: {
    readonly engine: "sqlite" | "postgres";
    readonly sizeBytes: number | null;
    readonly diskFreeBytes: number | null;
    readonly diskSizeBytes: number | null;
  };
  readonly alerts: readonly ShownAlert[];
}

export interface OverviewRouteOptions {
  /** Resolves within a second. */
  readonly overview: () => Promise<Overview>;
  readonly monotonic: () => number;
}

/**
 * `GET /overview`: whether the service does its work. It is made at most once a second for
 * all clients, and answered under overload too, because then it is needed most.
 */
export function overviewRoute({ overview, monotonic }: OverviewRouteOptions): Route {
  const shared = new SharedWork({ work: overview, monotonic, atOnceMax: 1 });
  return {
    method: "GET",
    path: "/overview",
    access: "read",
    schema: SCHEMA,
    admission: "page",
    untraced: true,
    handle: async ({ isShuttingDown }: Request) => {
      const made = await shared.get();
      return json(overviewBody(isShuttingDown ? { ...made, ...SHUTTING_DOWN } : made));
    },
  };
}

const SHUTTING_DOWN = { ready: false, problem: "shutting down" };

function overviewBody(made: Overview) {
  const { queue, workers, retention, database } = made;
  return {
    at: made.at,
    version: made.version,
    started_at: made.startedAt,
    ready: made.ready,
    problem: made.problem,
    read: made.read,
    last_received_at: made.lastReceivedAt,
    results: made.results,
    conflicts: made.conflicts,
    shed: made.shed,
    queue: { rows: queue.rows, age_seconds: queue.ageSeconds },
    index_backlog_rows: made.backlogRows,
    workers: { configured: workers.configured, alive: workers.alive },
    retention: { days: retention.days, last_run_at: retention.lastRunAt },
    database: {
      engine: database.engine,
      size_bytes: database.sizeBytes,
      disk_free_bytes: database.diskFreeBytes,
      disk_size_bytes: database.diskSizeBytes,
    },
    alerts: made.alerts.map(({ rule, severity, since, summary, advice }) => ({
      rule,
      severity,
      since,
      summary,
      what_to_do: advice,
    })),
  };
}

const Moment = (description: string) => Schema.string({ description });
const MomentOrNull = (description: string) =>
  Schema.union([Schema.string(), Schema.null()], { description });
const Count = (description: string) => Schema.integer({ description });
const CountOrNull = (description: string) =>
  Schema.union([Schema.integer(), Schema.null()], { description });

const AlertSchema = Schema.object({
  rule: Schema.string({
    enum: ["not_ready", "error_ratio", "queue_age", "disk_nearly_full", "silence"],
  }),
  severity: Schema.string({ enum: ["critical", "error", "warning"] }),
  since: Moment("When it began, in UTC."),
  summary: Schema.string({ description: "What is wrong, and on which machine." }),
  what_to_do: Schema.string({ description: "Advice for the operator." }),
});

const SCHEMA: RouteSchema = {
  operationId: "readOverview",
  summary: "Read whether the service does its work",
  description:
    "What an operator wants to know at one glance. It is made at most once a second, also under overload, and answered " +
    "within a second, also while the database is unavailable: then `ready` is false, and figures that only the database knows " +
    "are null. Counts are since `started_at`; they and the queue are of all workers of the service, as in `/metrics`. " +
    "It has no phone number, no text and no secret.",
  tags: ["operations"],
  response: {
    200: Schema.object(
      {
        at: Moment("When it was made, in UTC."),
        version: Schema.string(),
        started_at: Moment("When the service was started, in UTC."),
        ready: Schema.boolean({ description: "Whether messages are taken: see `/health/ready`." }),
        problem: Schema.union([Schema.string(), Schema.null()], {
          description: "Why not, as `/health/ready` says it. Null when they are.",
        }),
        read: Schema.string({
          enum: ["keys", "open", "until_first_key"],
          description:
            "Who may read: `keys`: clients with a key; `open`: all, by READ_AUTH; `until_first_key`: all until a key exists.",
        }),
        last_received_at: MomentOrNull(
          "When the newest message of the database arrived, whichever process took it. Null when there is none, or it is not known yet.",
        ),
        results: Schema.object(
          {},
          {
            additionalProperties: Schema.integer(),
            description: "Webhooks by result, as `webhook_requests_total`.",
          },
        ),
        conflicts: Count("Duplicates with other content than the stored message."),
        shed: Count("Requests that were refused because of overload."),
        queue: Schema.object({
          rows: Count("Messages that wait to be stored."),
          age_seconds: Schema.number({ description: "How long the oldest of them has waited." }),
        }),
        index_backlog_rows: Count("Stored messages that are not indexed yet."),
        workers: Schema.object({
          configured: Count("Processes that share the work."),
          alive: Count("Those that listen."),
        }),
        retention: Schema.object({
          days: CountOrNull("RETENTION_DAYS. Null when messages are kept for ever."),
          last_run_at: MomentOrNull("When a process last finished a sweep. Null when none did."),
        }),
        database: Schema.object({
          engine: Schema.string({ enum: ["sqlite", "postgres"] }),
          size_bytes: CountOrNull("Bytes on disk."),
          disk_free_bytes: CountOrNull("Free bytes of its disk. Null on PostgreSQL."),
          disk_size_bytes: CountOrNull("The size of its disk. Null on PostgreSQL."),
        }),
        alerts: Schema.array(AlertSchema, {
          description:
            "What the built-in alerts find in any process of the database, whether or not a target is notified; the most urgent first. While the database is unavailable: in this process.",
        }),
      },
      { description: "The overview." },
    ),
    ...problemResponses(429, 500, 503),
  },
};
