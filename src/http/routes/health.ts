import type { FastifyInstance } from "fastify";
import Type from "typebox";
import { type Clock, within } from "../../domain/clock.ts";
import type { Store } from "../../store/store.ts";
import { sendJson } from "../json.ts";
import { sendProblem } from "../problem.ts";
import { problemResponses } from "../schemas.ts";

const PING_CACHE_MS = 1_000;
const PING_MS_MAX = 2_000;

export interface HealthRouteOptions {
  readonly store: Pick<Store, "ping">;
  readonly clock: Clock;
  readonly secretConfigured: () => boolean;
  readonly draining: () => boolean;
}

/** `GET /health/live` touches nothing; `GET /health/ready` really asks the database, at most once a second. */
export function healthRoutes(server: FastifyInstance, options: HealthRouteOptions): void {
  const ping = cachedPing(options);
  const live = async () => null;
  const ready = async () => {
    if (!options.secretConfigured()) return "WEBHOOK_SECRET not configured";
    if (options.draining()) return "shutting down";
    return (await ping()) ? null : "database not ready";
  };
  const route = (url: string, status: string, check: () => Promise<string | null>, schema: object) =>
    server.get(url, { schema, config: { access: "open", unlimited: true } }, async (request, reply) => {
      const detail = await check();
      if (detail !== null) return sendProblem(request, reply, { status: 503, detail });
      return sendJson(reply, { status });
    });
  route("/health/live", "alive", live, LIVE_SCHEMA);
  route("/health/ready", "ready", ready, READY_SCHEMA);
  // The names Kubernetes users try first.
  for (const url of ["/healthz", "/livez"]) route(url, "alive", live, { hide: true });
  route("/readyz", "ready", ready, { hide: true });
}

/** Whether the database answered, asked again when the last answer is a second old. Callers in between share one question. */
function cachedPing({ store, clock }: HealthRouteOptions): () => Promise<boolean> {
  let askedMs = Number.NEGATIVE_INFINITY;
  let answer = Promise.resolve(false);
  return () => {
    if (clock.monotonic() - askedMs >= PING_CACHE_MS) {
      askedMs = clock.monotonic();
      const asked = store.ping().then(
        () => true,
        () => false,
      );
      answer = within(clock, PING_MS_MAX, asked).then((answered) => answered === true);
    }
    return answer;
  };
}

const LIVE_SCHEMA = {
  summary: "Whether the process runs",
  tags: ["operations"],
  response: { 200: Type.Object({ status: Type.Literal("alive") }, { description: "It does." }) },
};
const READY_SCHEMA = {
  summary: "Whether messages can be taken",
  tags: ["operations"],
  response: {
    200: Type.Object({ status: Type.Literal("ready") }, { description: "They can." }),
    ...problemResponses(503),
  },
};
