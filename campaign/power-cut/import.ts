import { checkAfterCut } from "./check.ts";
import { cutDuring, failureOf, mustSucceed } from "./during-work.ts";
import { fill, importFile, messages } from "./fill.ts";

const STORED = 500;
const LINES = 3_000;

/** The power fails during `lyftr import`. */
export const cutImport = cutDuring({
  name: "power-cut-import",
  what: "the power fails during an import, which is run again afterwards",
  expected: "the import continues; each line is stored exactly once; integrity ok",
  controls: [],
  prepare: async (inbox, context) => {
    const before = messages(STORED, "before");
    await fill(inbox, context, before);
    const lines = messages(LINES, "line");
    for (const { id, payload } of [...before, ...lines]) inbox.ledger.stored(id, payload);
    const args = ["import", importFile(context, "messages.ndjson", lines)];
    return {
      run: (env) => mustSucceed(inbox, args, env),
      check: async () => {
        const failure = await failureOf(inbox, args);
        await inbox.start();
        return [...failure, ...(await checkAfterCut(inbox)).broken];
      },
    };
  },
});
