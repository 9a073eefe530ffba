import { systemClock } from "../../domain/clock.ts";
import { createLog, type LogLevel } from "../../observe/log.ts";
import { CLOSING_MS_MAX, closedBySignal, ignoreInspectorSignal, untilFault } from "../lifecycle.ts";
import { Supervisor, type SupervisorOptions } from "./supervisor.ts";

/**
 * Serves with several processes until a signal ends them. Resolves with the exit code. Rejects when
 * they cannot start.
 */
export async function serveWorkers(options: SupervisorOptions): Promise<number> {
  const { config, stdout } = options;
  const log = createLog({
    level: config.logLevel as LogLevel,
    destination: stdout,
    now: systemClock.now,
  });
  const supervisor = new Supervisor({ clock: systemClock, log }, options);
  let running = Promise.resolve(0);
  const close = async () => {
    await supervisor.close();
    const exitCode = await running;
    log.info({ msg: "closed" });
    return exitCode;
  };
  // Called before the first worker starts, because an operator who sees a worker may already send a
  // signal.
  ignoreInspectorSignal(log);
  const signalled = closedBySignal(log, {
    close,
    closeMsMax: config.drainMs + CLOSING_MS_MAX,
    abandon: () => supervisor.kill(),
  });
  running = supervisor.run();
  // If this process fails, the workers notice the closed channel, and end.
  return Promise.race([signalled, untilFault(log), running.then(() => signalled)]);
}
