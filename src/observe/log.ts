import { oneLine } from "../domain/json.ts";
import type { Log, LogLine } from "../runtime.ts";

/** The levels of LOG_LEVEL from the least to the most severe, as Python's logging names them. */
const LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] as const;
export type LogLevel = (typeof LEVELS)[number];
export type { Log } from "../runtime.ts";

/** Where lines are written. `write` must not throw or block, because that would stop ingestion. */
export interface LogDestination {
  write(line: string): void;
}

export interface LogOptions {
  /** Less severe lines are not written. */
  readonly level: LogLevel;
  readonly destination: LogDestination;
  readonly now: () => number;
  /** The number of this process when several write one log. */
  readonly worker?: number;
}

const nothing = () => undefined;
/** A log without lines. */
export const NO_LOG: Log = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  fatal: nothing,
};

/**
 * Creates a logger that writes one JSON object a line: `level`, `ts`, `worker` if there is one,
 * then the given fields. Callers name every field they log, so nothing has to be redacted.
 */
export function createLog({ level: least, destination, now, worker }: LogOptions): Log {
  const ofWorker = worker === undefined ? "" : `,"worker":${worker}`;
  const writerOf = (level: LogLevel) => {
    if (LEVELS.indexOf(level) < LEVELS.indexOf(least)) return () => undefined;
    return (line: LogLine) => {
      const head = `{"level":"${level}","ts":"${new Date(now()).toISOString()}"${ofWorker}`;
      destination.write(oneLine(`${head}${fieldsOf(line)}}\n`));
    };
  };
  return {
    debug: writerOf("DEBUG"),
    info: writerOf("INFO"),
    warn: writerOf("WARNING"),
    error: writerOf("ERROR"),
    fatal: writerOf("CRITICAL"),
  };
}

/**
 * The fields as JSON, each after a comma. A value that JSON does not allow, such as a bigint, loses
 * the fields; the caller does not fail.
 */
function fieldsOf(line: LogLine): string {
  try {
    const json = JSON.stringify(line);
    return json === "{}" ? "" : `,${json.slice(1, -1)}`;
  } catch (error) {
    return fieldsOf({ msg: "a log line had a field that is not JSON", error: String(error) });
  }
}
