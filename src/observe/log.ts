import { type Level, pino } from "pino";
import { oneLine } from "../domain/json.ts";
import type { Log } from "../runtime.ts";

/** The names of levels in the log and in LOG_LEVEL, as Python's logging spells them. */
export const LOG_LEVELS = { DEBUG: "debug", INFO: "info", WARNING: "warn", ERROR: "error", CRITICAL: "fatal" } as const;
export type LogLevel = keyof typeof LOG_LEVELS;
export type { Log } from "../runtime.ts";

/** Where lines go. `write` must not throw or block, because that would stop ingestion. */
export interface LogDestination {
  write(line: string): void;
}

const UPPER = Object.fromEntries(Object.entries(LOG_LEVELS).map(([upper, level]) => [level, upper])) as Record<
  Level,
  LogLevel
>;

export interface LogOptions {
  readonly level: LogLevel;
  readonly destination: LogDestination;
  readonly now: () => number;
  /** The number of this process when several write one log. */
  readonly worker?: number;
}

/**
 * Creates a logger that writes one JSON object a line: `level`, `ts`, then the given fields. Callers name every field
 * they log, so nothing has to be redacted.
 */
export function createLog(options: LogOptions): Log {
  const { destination } = options;
  return pino(
    {
      level: LOG_LEVELS[options.level],
      base: options.worker === undefined ? null : { worker: options.worker },
      formatters: { level: (label) => ({ level: UPPER[label as Level] }) },
      timestamp: () => `,"ts":"${new Date(options.now()).toISOString()}"`,
    },
    { write: (line: string) => destination.write(oneLine(line)) },
  );
}
