import type { ServiceMetrics } from "../../observe/metrics.ts";
import { SharedWork } from "../../observe/shared-work.ts";
import { Schema } from "../json-schema.ts";
import type { Route, RouteSchema } from "../route.ts";

export interface MetricsRouteOptions {
  readonly metrics: Pick<ServiceMetrics, "render" | "contentType">;
  readonly monotonic: () => number;
}

/** `GET /metrics`: Prometheus text 0.0.4. */
export function metricsRoute({ metrics, monotonic }: MetricsRouteOptions): Route {
  // As bytes, which any number of responses can send without a copy.
  const shared = new SharedWork({
    work: async () => Buffer.from(await metrics.render()),
    monotonic,
  });
  return {
    method: "GET",
    path: "/metrics",
    access: "metrics",
    limits: { unlimited: true },
    schema: SCHEMA,
    admission: "scrape",
    untraced: true,
    handle: async () => ({ status: 200, body: await shared.get(), type: metrics.contentType }),
  };
}

const SCHEMA: RouteSchema = {
  operationId: "readMetrics",
  summary: "Read metrics in the Prometheus text format",
  tags: ["operations"],
  response: {
    200: {
      description: "Prometheus text 0.0.4.",
      content: {
        "text/plain": { schema: Schema.string({ description: "Prometheus text 0.0.4." }) },
      },
    },
  },
};
