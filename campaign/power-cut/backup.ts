import { existsSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { checkAfterCut } from "./check.ts";
import { cutDuring, failureOf, mustSucceed } from "./during-work.ts";
import { fill, messages } from "./fill.ts";

const BEFORE = 500;
const ADDED = 2_000;

/** The power fails during `lyftr backup`, which may replace an older backup. */
export const cutBackup = cutDuring({
  name: "power-cut-backup",
  what: "the power fails during a backup, which in half of the rounds replaces an older one",
  expected: "the backup is complete, or the older one, or not there; the database is as before",
  controls: ["backup-in-place"],
  prepare: async (inbox, context) => {
    const target = join(context.folder, "backup.db");
    const args = ["backup", target, "--force"];
    const before = messages(BEFORE, "before");
    await fill(inbox, context, before);
    const hasOlder = context.random.chance(0.5);
    if (hasOlder) await mustSucceed(inbox, args);
    const added = messages(ADDED, "added");
    await fill(inbox, context, added);
    for (const { id, payload } of [...before, ...added]) inbox.ledger.stored(id, payload);
    const complete = BEFORE + ADDED;
    return {
      run: (env) => mustSucceed(inbox, args, env),
      check: async () => {
        const broken = [...problemOf(target, hasOlder ? [BEFORE, complete] : [null, complete])];
        broken.push(...(await failureOf(inbox, args)));
        broken.push(...problemOf(target, [complete]));
        await inbox.start();
        return [...broken, ...(await checkAfterCut(inbox)).broken];
      },
    };
  },
});

/** Null is a backup that does not exist. */
function problemOf(path: string, expected: readonly (number | null)[]): readonly string[] {
  if (!existsSync(path)) return expected.includes(null) ? [] : ["the backup is not there"];
  try {
    const db = new DatabaseSync(path, { readOnly: true });
    try {
      const integrity = db.prepare("PRAGMA integrity_check").get()?.integrity_check;
      const count = Number(db.prepare("SELECT count(*) AS count FROM messages").get()?.count);
      if (integrity !== "ok") return [`the backup is damaged: ${integrity}`];
      return expected.includes(count) ? [] : [`the backup has ${count} messages`];
    } finally {
      db.close();
    }
  } catch (error) {
    return [`the backup cannot be read: ${error}`];
  }
}
