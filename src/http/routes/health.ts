import { Schema } from "../json-schema.ts";
import type { Readiness } from "../readiness.ts";
import { json, problem } from "../reply.ts";
import type { Request, Route, RouteSchema } from "../route.ts";
import { problemResponses } from "../schemas.ts";

const PROBE = {
  method: "GET",
  access: "open",
  limits: { unlimited: true },
  admission: "health",
  quiet: true,
  untraced: true,
} as const;

/**
 * `GET /health/live` reads nothing; `GET /health/ready` queries the database. The other paths are
 * usual in Kubernetes.
 */
export function healthRoutes(readiness: Pick<Readiness, "problem" | "reason">): readonly Route[] {
  const live = () => json({ status: "alive" });
  const ready = async ({ isShuttingDown }: Request) => {
    if (isShuttingDown)
      return problem(503, "shutting down", { log: { reason: "The service is shutting down." } });
    const detail = await readiness.problem();
    if (detail === null) return json({ status: "ready" });
    return problem(503, detail, { log: { reason: await readiness.reason() } });
  };
  return [
    { ...PROBE, path: "/health/live", schema: LIVE_SCHEMA, handle: live },
    { ...PROBE, path: "/health/ready", schema: READY_SCHEMA, handle: ready },
    { ...PROBE, path: "/healthz", handle: live },
    { ...PROBE, path: "/livez", handle: live },
    { ...PROBE, path: "/readyz", handle: ready },
  ];
}

const LIVE_SCHEMA: RouteSchema = {
  operationId: "checkLiveness",
  summary: "Check liveness: whether the process runs",
  tags: ["operations"],
  response: {
    200: Schema.object({ status: Schema.literal("alive") }, { description: "The process runs." }),
  },
};
const READY_SCHEMA: RouteSchema = {
  operationId: "checkReadiness",
  summary: "Check readiness: whether messages can be stored",
  tags: ["operations"],
  response: {
    200: Schema.object(
      { status: Schema.literal("ready") },
      { description: "The database answers and a webhook secret is set." },
    ),
    ...problemResponses(503),
  },
};
