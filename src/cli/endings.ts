import type { App } from "../app.ts";
import type { Log } from "../observe/log.ts";
import { EXIT_FAILED } from "./cli-error.ts";

const SIGNAL_NUMBERS = { SIGINT: 2, SIGTERM: 15 } as const;

/** Resolves with the exit code when the service has closed, or must end without closing. */
export async function untilEnded(app: App): Promise<number> {
  const closed = closedBySignal({ log: app.log, close: () => app.close().then(() => 0) });
  return Promise.race([untilBroken(app), untilFault(app.log), closed]);
}

/** Resolves with the exit code when the database must not be used any more. */
export async function untilBroken(app: App): Promise<number> {
  const error = await app.broken;
  app.log.fatal({ msg: "the database must not be used any more, ending", error: error.message });
  return EXIT_FAILED;
}

/** A fault nobody caught leaves the process in a state nobody knows: it ends, with the reason on the log. */
export function untilFault(log: Log): Promise<number> {
  return new Promise((resolve) => {
    const fatal = (error: unknown) => {
      const { name, stack } = error instanceof Error ? error : new Error(String(error));
      log.fatal({ msg: "unhandled fault, ending", error: name, frames: stack?.split("\n").slice(1, 6) });
      resolve(EXIT_FAILED);
    };
    process.on("uncaughtException", fatal);
    process.on("unhandledRejection", fatal);
  });
}

export interface Closable {
  readonly log: Log;
  /** Resolves with the exit code when all is closed. */
  readonly close: () => Promise<number>;
  /** The process ends now, whatever is still under way. */
  readonly abandon?: () => void;
}

/** Closes at the first SIGTERM or SIGINT. Resolves with the exit code. */
export function closedBySignal({ log, close, abandon }: Closable): Promise<number> {
  return new Promise((resolve) => {
    let signals = 0;
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      process.on(signal, () => {
        // Whoever asks twice does not want to wait.
        if (++signals > 1) {
          abandon?.();
          process.exit(128 + SIGNAL_NUMBERS[signal]);
        }
        log.info({ msg: "shutting down", signal });
        close().then(resolve, () => resolve(EXIT_FAILED));
      });
    }
  });
}
