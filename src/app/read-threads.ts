import type { Log } from "../observe/log.ts";
import type { ReadThreadEnd } from "../store/store.ts";

/** Tells of a reading thread that ended. One may pass; several within a minute mean that some request keeps ending them. */
export function logReadThreadEnd(log: Log, { reason, again }: ReadThreadEnd): void {
  if (!again) {
    log.warn({ msg: "a reading thread of the database ended: its read failed, and the thread is replaced", reason });
    return;
  }
  log.error({
    msg:
      "reading threads of the database end repeatedly: reads fail, webhooks are stored. " +
      "Find the requests that get 422 or 503 at these times, and narrow or block them",
    reason,
  });
}
