import type { App } from "../app.ts";
import { systemClock } from "../domain/clock.ts";
import { killProcess } from "../domain/kill-process.ts";
import type { Log } from "../runtime.ts";
import { EXIT_FAILED } from "./cli-error.ts";
import { SAME_SIGNAL_MS, SignalCounter } from "./repeated-signal.ts";

const SIGNAL_NUMBERS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;
/** The time beyond the drain time to commit the last messages and close the database. */
export const CLOSING_MS_MAX = 700;
/** The time for the last line to reach the log. */
const LAST_LINE_MS = 30;

/** Resolves with the exit code when the service has closed, or must end at once. */
export async function untilEnded(app: App, drainMs: number): Promise<number> {
  ignoreInspectorSignal(app.log);
  const closed = closedBySignal(app.log, {
    close: () => app.close().then(() => 0),
    closeMsMax: drainMs + CLOSING_MS_MAX,
  });
  return Promise.race([untilBroken(app), untilFault(app.log), closed]);
}

/** Resolves with the exit code when the database must not be used any more. */
export async function untilBroken(app: App): Promise<number> {
  const error = await app.broken;
  app.log.fatal({
    msg: "the database can no longer be used: the process ends",
    error: error.message,
  });
  return EXIT_FAILED;
}

/** After an uncaught error the state of the process is unknown. It logs the reason and ends. */
export function untilFault(log: Log): Promise<number> {
  return new Promise((resolve) => {
    const fatal = (error: unknown) => {
      const { name, stack } = error instanceof Error ? error : new Error(String(error));
      log.fatal({
        msg: "unhandled fault, ending",
        error: name,
        frames: stack?.split("\n").slice(1, 6),
      });
      resolve(EXIT_FAILED);
    };
    process.on("uncaughtException", fatal);
    process.on("unhandledRejection", fatal);
  });
}

export interface Closable {
  /** Resolves with the exit code when everything is closed. */
  readonly close: () => Promise<number>;
  /** The maximum time for closing. After it the process ends in any case. */
  readonly closeMsMax: number;
  /** Called when the process ends at once, without completing requests. */
  readonly abandon?: (() => void) | undefined;
}

/** Closes at the first SIGTERM, SIGINT or SIGHUP. Resolves with the exit code. */
export function closedBySignal(
  log: Log,
  { close, closeMsMax, abandon }: Closable,
): Promise<number> {
  return new Promise((resolve) => {
    const signals = new SignalCounter(() => systemClock.monotonic());
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
      process.on(signal, () => {
        const meaning = signals.next();
        if (meaning === "same") return;
        // A second signal means that the operator does not want to wait.
        if (meaning === "again") {
          abandon?.();
          process.exit(128 + SIGNAL_NUMBERS[signal]);
        }
        log.info({ msg: "shutting down", signal });
        endAfter(closeMsMax, log, abandon);
        close().then(resolve, () => resolve(EXIT_FAILED));
      });
    }
  });
}

/** Ends the process after that time if it still runs, and logs that. */
function endAfter(ms: number, log: Log, abandon: Closable["abandon"]): void {
  const end = () => {
    log.error({
      msg: "the shutdown takes too long: the process ends now. Every message that got a 200 is stored",
      ms,
    });
    abandon?.();
    setTimeout(killProcess, LAST_LINE_MS);
  };
  setTimeout(end, ms).unref();
}

/** By default Node starts its inspector at SIGUSR1, which every local user could connect to. */
export function ignoreInspectorSignal(log: Log): void {
  process.on("SIGUSR1", () => log.warn({ msg: "SIGUSR1 is ignored: the service has no debugger" }));
}

/**
 * Aborts at the first Ctrl-C or SIGTERM, so that a command can end in order. {@link SAME_SIGNAL_MS}
 * later, another signal ends the process as usual.
 */
export function interruption(): AbortSignal {
  const interrupted = new AbortController();
  const interrupt = () => {
    if (interrupted.signal.aborted) return;
    interrupted.abort();
    setTimeout(() => {
      process.off("SIGINT", interrupt);
      process.off("SIGTERM", interrupt);
    }, SAME_SIGNAL_MS).unref();
  };
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  return interrupted.signal;
}
