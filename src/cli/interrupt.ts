/** Aborts at the first Ctrl-C or SIGTERM, so that the command can end in order; a second one ends the process as usual. */
export function interruption(): AbortSignal {
  const interrupted = new AbortController();
  const interrupt = () => {
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", interrupt);
    interrupted.abort();
  };
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  return interrupted.signal;
}
