import type { RoundContext } from "../fault.ts";
import type { Inbox } from "../support/inbox.ts";
import { checkAfterCut, damageOf } from "./check.ts";
import { cutDuring, failureOf, mustSucceed, type Work } from "./during-work.ts";
import { fill, messages } from "./fill.ts";

const DELETED = 2_000;
const KEPT = 1_000;
const PERSON = "+918877665544";
const LONG_AGO = "2025-01-15T10:00:00.000Z";
const UNCACHED = { CACHE_TTL_MS: "0" };

/** The power fails during `lyftr retention`. */
export const cutRetention = cutDuring({
  name: "power-cut-retention",
  what: "the power fails while old messages are deleted, which is run again afterwards",
  expected: "no message is deleted without its tombstone; all answers equal a scan; the rest stays",
  controls: ["read-index-not-reconciled"],
  controlRounds: 8,
  prepare: (inbox, context) =>
    deletion(inbox, context, {
      args: ["retention", "--days", "30", "--yes"],
      fields: { created_at: LONG_AGO },
    }),
});

/** The power fails during `lyftr erase`. */
export const cutErasure = cutDuring({
  name: "power-cut-erasure",
  what: "the power fails while the messages of a person are erased, which is run again afterwards",
  expected: "no message is deleted without its tombstone; all answers equal a scan; the rest stays",
  controls: [],
  prepare: (inbox, context) =>
    deletion(inbox, context, { args: ["erase", PERSON, "--yes"], fields: { from: PERSON } }),
});

interface Deletion {
  readonly args: readonly string[];
  /** What the messages have that it deletes. */
  readonly fields: Readonly<Record<string, unknown>>;
}

async function deletion(
  inbox: Inbox,
  context: RoundContext,
  { args, fields }: Deletion,
): Promise<Work> {
  const kept = messages(KEPT, "kept");
  for (const { id, payload } of kept) inbox.ledger.stored(id, payload);
  const lines = [...messages(DELETED, "deleted", fields), ...kept];
  await fill(inbox, context, context.random.chance(0.5) ? lines : lines.toReversed());
  return {
    run: (env) => mustSucceed(inbox, args, env),
    check: async () => {
      await inbox.start(UNCACHED);
      return [
        ...(await damageOf(inbox)),
        ...(await inbox.answersThatDiffer()),
        ...(await inbox.verify()),
        ...(await missingTombstones(inbox)),
        ...(await failureOf(inbox, args)),
        ...(await checkAfterCut(inbox)).broken,
      ];
    },
  };
}

async function missingTombstones(inbox: Inbox): Promise<readonly string[]> {
  const [row] = await inbox.rows(
    `SELECT count(*) AS count FROM (SELECT 1 FROM tombstones
     UNION ALL SELECT 1 FROM lyftr_messages WHERE message_id LIKE 'deleted-%')`,
  );
  const missing = DELETED - Number(row?.count);
  return missing === 0 ? [] : [`${missing} messages are gone without a tombstone`];
}
