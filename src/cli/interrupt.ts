import { SAME_SIGNAL_MS } from "./repeated-signal.ts";

/**
 * Aborts at the first Ctrl-C or SIGTERM, so that the command can finish cleanly. After {@link
 * SAME_SIGNAL_MS}, another signal ends the process as usual.
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
