import type { Clock } from "../domain/clock.ts";
import type { Log } from "../observe/log.ts";
import type { Store } from "../store/store.ts";

/** More than so many messages without an index make reads slow: after an upgrade, or when the index was lost. */
const BACKLOG_WORTH_TELLING_ROWS = 20_000;
const TELL_EVERY_MS = 5_000;

/** Tells how far the read index still has to catch up, until it has. */
export async function logCatchingUp({
  store,
  clock,
  log,
  signal,
}: {
  store: Store;
  clock: Clock;
  log: Log;
  signal: AbortSignal;
}): Promise<void> {
  const behind = () => !signal.aborted && store.backlogRows() > BACKLOG_WORTH_TELLING_ROWS;
  if (!behind()) return;
  while (behind()) {
    log.info({ msg: "the read index is catching up, reads may be slow", backlog_rows: store.backlogRows() });
    await clock.sleep(TELL_EVERY_MS, signal).catch(() => undefined);
  }
  if (!signal.aborted) log.info({ msg: "the read index has caught up" });
}
