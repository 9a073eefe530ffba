import { randomUUID } from "node:crypto";
import { systemClock } from "../../src/domain/clock.ts";
import { createLog, type LogLevel } from "../../src/observe/log.ts";
import { createMetrics, type ServiceMetrics } from "../../src/observe/metrics.ts";
import type { Runtime } from "../../src/runtime.ts";

/** A runtime for tests, whose log lines are kept. */
export interface TestRuntime extends Runtime {
  readonly metrics: ServiceMetrics;
  /** Every logged line so far, parsed. */
  readonly lines: readonly Readonly<Record<string, unknown>>[];
}

export interface TestRuntimeParts extends Partial<Omit<Runtime, "metrics">> {
  readonly logLevel?: LogLevel;
}

/**
 * The real clock and random numbers, its own metrics and a log that is kept; `parts` replace them.
 */
export function testRuntime({ logLevel = "INFO", ...parts }: TestRuntimeParts = {}): TestRuntime {
  const { clock = systemClock } = parts;
  const lines: Readonly<Record<string, unknown>>[] = [];
  return {
    clock,
    log: createLog({
      level: logLevel,
      destination: { write: (line) => void lines.push(JSON.parse(line)) },
      now: () => clock.now(),
    }),
    metrics: createMetrics({ version: "test", node: "test" }),
    random: Math.random,
    newId: randomUUID,
    lines,
    ...parts,
  };
}
