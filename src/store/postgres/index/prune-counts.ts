import { BUCKETS } from "../../store.ts";
import type { Transaction } from "../connection.ts";
import type { ChangedBlock } from "./update-counts.ts";

/** Not `senders`: the number of senders is a total even when it is 0. */
const KINDS = ["all", "from", "to", "source", ...Object.keys(BUCKETS)];

/**
 * Removes changed totals and blocks that count nothing any more. A list's first block stays as long
 * as the list.
 */
export async function pruneCounts(
  tx: Transaction,
  changed: readonly ChangedBlock[],
): Promise<void> {
  const gone = await tx.all<{ kind: string; name: string }>(
    "DELETE FROM totals WHERE kind = ANY($1::text[]) AND messages = 0 RETURNING kind, name",
    [KINDS],
  );
  const namesOf = (kind: string) =>
    gone.filter((total) => total.kind === kind).map(({ name }) => name);
  const senders = namesOf("from");
  if (senders.length > 0) {
    await tx.run(
      "UPDATE totals SET messages = messages - $1 WHERE kind = 'senders' AND name = ''",
      [senders.length],
    );
  }
  for (const kind of ["from", "to"]) {
    const names = namesOf(kind);
    const sql = "DELETE FROM blocks WHERE kind = $1 AND name = ANY($2::text[])";
    if (names.length > 0) await tx.run(sql, [kind, names]);
  }
  for (const { kind, name, instant, messageId, source } of changed.filter(isEmptied)) {
    await tx.run(
      "DELETE FROM blocks WHERE kind = $1 AND name = $2 AND instant = $3 AND message_id = $4 AND source = $5",
      [kind, name, instant, messageId, source],
    );
  }
}

function isEmptied({ instant, messageId, source, messages }: ChangedBlock): boolean {
  return messages === 0 && (instant !== "" || messageId !== "" || source !== "");
}
