import type { FastifyInstance } from "fastify";
import Type from "typebox";
import type { Metrics } from "../../observe/metrics.ts";
import { SharedRender } from "../../observe/shared-render.ts";

export interface MetricsRouteOptions {
  readonly metrics: Pick<Metrics, "render" | "contentType">;
  readonly monotonic: () => number;
}

/** `GET /metrics`: Prometheus text 0.0.4. */
export function metricsRoute(server: FastifyInstance, { metrics, monotonic }: MetricsRouteOptions): void {
  const shared = new SharedRender({ render: metrics.render, monotonic });
  server.get(
    "/metrics",
    { schema: SCHEMA, config: { access: "metrics", unlimited: true, untraced: true } },
    async (_request, reply) => reply.header("content-type", metrics.contentType).send(await shared.get()),
  );
}

const SCHEMA = {
  summary: "Metrics in the Prometheus text format",
  tags: ["operations"],
  produces: ["text/plain"],
  response: { 200: Type.String({ description: "Prometheus text 0.0.4." }) },
};
