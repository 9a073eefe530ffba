import { rmSync } from "node:fs";
import { checkAfterCut } from "./check.ts";
import { cutDuring } from "./during-work.ts";
import { fill, indexed, messages } from "./fill.ts";

/** More than one step of indexing. */
const MESSAGES = 22_000;

/** The power fails while the read index is built from all messages. */
export const cutIndexing = cutDuring({
  name: "power-cut-index",
  what: "the power fails while a deleted read index is built again",
  expected: "all answers equal a scan; the index is complete in the end",
  controls: [],
  prepare: async (inbox, context) => {
    const lines = messages(MESSAGES, "m");
    await fill(inbox, context, lines);
    for (const { id, payload } of lines) inbox.ledger.stored(id, payload);
    for (const suffix of ["", "-wal", "-shm"])
      rmSync(`${inbox.path}-index${suffix}`, { force: true });
    return {
      run: async (env) => {
        await inbox.start(env);
        await indexed(inbox);
        await inbox.stop();
      },
      check: async () => {
        await inbox.start();
        const { broken } = await checkAfterCut(inbox);
        await indexed(inbox);
        return [...broken, ...(await inbox.verify())];
      },
    };
  },
});
