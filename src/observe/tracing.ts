import type { Tracing } from "./trace.ts";
import type { TracingOptions } from "./tracing/options.ts";

/** Loads OpenTelemetry, which nothing else does: a service that makes no traces shall not carry it. */
export async function startTracing(options: TracingOptions): Promise<Tracing> {
  const { OpenTelemetry } = await import("./tracing/open-telemetry.ts");
  return OpenTelemetry.start(options);
}
