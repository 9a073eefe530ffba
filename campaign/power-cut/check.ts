import type { RoundResult } from "../fault.ts";
import type { Inbox } from "../support/inbox.ts";

/** Compares everything with the record of the sender, and reads the database from end to end. */
export async function checkAfterCut(inbox: Inbox): Promise<RoundResult> {
  const problems = await damageOf(inbox);
  const { counts, broken } = await inbox.check();
  return { counts, broken: [...problems, ...broken] };
}

/** What `PRAGMA integrity_check` finds. `lyftr verify` checks the read index in the same way. */
export async function damageOf(inbox: Inbox): Promise<readonly string[]> {
  const rows = await inbox.rows("PRAGMA integrity_check");
  const found = rows.map(({ integrity_check }) => String(integrity_check));
  return found.filter((problem) => problem !== "ok");
}
