import { Command } from "commander";
import { type App, startApp } from "../app.ts";
import { type Environment, readConfig } from "../config.ts";
import { Stdout } from "../observe/stdout.ts";

const EXIT_BROKEN = 1;
const SIGNAL_NUMBERS = { SIGINT: 2, SIGTERM: 15 } as const;

/** `lyftr serve`: runs the service until a signal ends it. Stdout carries the log and nothing else. */
export function serveCommand(env: Environment, exit: (code: number) => void): Command {
  return new Command("serve")
    .description("Run the service. Set up by environment variables; see check-config.")
    .action(async () => {
      const config = readConfig(env);
      const stdout = new Stdout();
      const app = await startApp(config, stdout);
      exit(await untilEnded(app));
      await stdout.flush();
    });
}

/** Resolves with the exit code when the service has closed, or must end without closing. */
export async function untilEnded(app: App): Promise<number> {
  const broken = app.broken.then((error) => {
    app.log.fatal({ msg: "the database must not be used any more, ending", error: error.message });
    return EXIT_BROKEN;
  });
  return Promise.race([broken, unhandled(app), closedBySignal(app)]);
}

function closedBySignal(app: App): Promise<number> {
  return new Promise((resolve) => {
    let signals = 0;
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      process.on(signal, () => {
        // Whoever asks twice does not want to wait.
        if (++signals > 1) process.exit(128 + SIGNAL_NUMBERS[signal]);
        app.log.info({ msg: "shutting down", signal });
        app.close().then(
          () => resolve(0),
          () => resolve(EXIT_BROKEN),
        );
      });
    }
  });
}

/** A fault nobody caught leaves the process in a state nobody knows: it ends, with the reason on the log. */
function unhandled(app: App): Promise<number> {
  return new Promise((resolve) => {
    const fatal = (error: unknown) => {
      const { name, stack } = error instanceof Error ? error : new Error(String(error));
      app.log.fatal({ msg: "unhandled fault, ending", error: name, frames: stack?.split("\n").slice(1, 6) });
      resolve(EXIT_BROKEN);
    };
    process.on("uncaughtException", fatal);
    process.on("unhandledRejection", fatal);
  });
}
