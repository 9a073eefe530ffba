import type { FastifyInstance } from "fastify";
import Type from "typebox";
import type { Metrics } from "../../observe/metrics.ts";

/** `GET /metrics`: Prometheus text 0.0.4. */
export function metricsRoute(
  server: FastifyInstance,
  { metrics }: { readonly metrics: Pick<Metrics, "render" | "contentType"> },
): void {
  server.get(
    "/metrics",
    { schema: SCHEMA, config: { access: "metrics", unlimited: true, untraced: true } },
    async (_request, reply) => {
      const text = await metrics.render();
      return reply.header("content-type", metrics.contentType).send(text);
    },
  );
}

const SCHEMA = {
  summary: "Metrics in the Prometheus text format",
  tags: ["operations"],
  produces: ["text/plain"],
  response: { 200: Type.String({ description: "Prometheus text 0.0.4." }) },
};
