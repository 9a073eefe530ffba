import type { FastifyInstance } from "fastify";
import Type from "typebox";
import { sendJson } from "../json.ts";
import { sendProblem } from "../problem.ts";
import type { Readiness } from "../readiness.ts";
import { problemResponses } from "../schemas.ts";

export interface HealthRouteOptions {
  readonly readiness: Pick<Readiness, "problem" | "reason">;
  readonly draining: () => boolean;
}

/** `GET /health/live` touches nothing; `GET /health/ready` really asks the database. */
export function healthRoutes(server: FastifyInstance, { readiness, draining }: HealthRouteOptions): void {
  const live = async () => null;
  const reasonOf = async () => (draining() ? "The service is shutting down." : readiness.reason());
  const ready = async () => (draining() ? "shutting down" : readiness.problem());
  const route = (url: string, status: string, check: () => Promise<string | null>, schema: object) =>
    server.get(
      url,
      { schema, config: { access: "open", unlimited: true, untraced: true, probe: true } },
      async (request, reply) => {
        const detail = await check();
        if (detail !== null) request.logged = { ...request.logged, reason: await reasonOf() };
        if (detail !== null) return sendProblem(request, reply, { status: 503, detail });
        return sendJson(reply, { status });
      },
    );
  route("/health/live", "alive", live, LIVE_SCHEMA);
  route("/health/ready", "ready", ready, READY_SCHEMA);
  // The names Kubernetes users try first.
  for (const url of ["/healthz", "/livez"]) route(url, "alive", live, { hide: true });
  route("/readyz", "ready", ready, { hide: true });
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
