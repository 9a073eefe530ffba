import type { ListPosition } from "../../../domain/message-filter.ts";
import { BUCKETS } from "../../store.ts";
import type { Transaction } from "../connection.ts";
import {
  type Condition,
  hasBucket,
  type List,
  POSITION_COLUMNS,
  POSITION_FIELDS,
  Values,
} from "../sql.ts";

/** 1 for messages that are added to the counts, -1 for those that are removed. */
export type Sign = 1 | -1;

/**
 * Adds messages to the totals of all, of senders, receivers, sources and time spans, or removes
 * them.
 */
export async function addToTotals(tx: Transaction, step: Condition, sign: Sign): Promise<void> {
  const values = new Values();
  const spans = Object.entries(BUCKETS).map(
    ([bucket, characters]) =>
      `UNION ALL SELECT '${bucket}', substr(instant, 1, ${characters}), count(*) FROM step
       WHERE ${hasBucket(characters)} GROUP BY 2`,
  );
  // Only new senders are counted. When messages are removed, this adds none.
  await tx.run(
    `WITH step AS MATERIALIZED (
       SELECT source, from_msisdn, to_msisdn, instant FROM messages WHERE ${step(values)}),
     added AS MATERIALIZED (
       SELECT 'all' AS kind, '' AS name, count(*) AS messages FROM step
       UNION ALL SELECT 'from', from_msisdn, count(*) FROM step GROUP BY 2
       UNION ALL SELECT 'to', to_msisdn, count(*) FROM step GROUP BY 2
       UNION ALL SELECT 'source', source, count(*) FROM step GROUP BY 2
       UNION ALL SELECT 'senders', '', count(*) FROM (SELECT DISTINCT from_msisdn AS name FROM step) AS writers
         WHERE NOT EXISTS (SELECT 1 FROM totals WHERE totals.kind = 'from' AND totals.name = writers.name)
       ${spans.join("\n       ")})
     INSERT INTO totals (kind, name, messages) SELECT kind, name, ${sign} * messages FROM added ORDER BY 1, 2
     ON CONFLICT (kind, name) DO UPDATE SET messages = totals.messages + excluded.messages`,
    values.list,
  );
}

/** A block and what it counts now. */
export type ChangedBlock = List & ListPosition & { readonly messages: number };

/**
 * Adds messages to the blocks that contain them, or removes them. Blocks and messages of a list are
 * sorted together, and each message belongs to the last block before it. The list of all messages
 * has many blocks; only those around the step are read. Resolves with the blocks that lost
 * messages.
 */
export async function addToBlocks(
  tx: Transaction,
  step: Condition,
  sign: Sign,
): Promise<readonly ChangedBlock[]> {
  const values = new Values();
  return tx.all<ChangedBlock>(
    `WITH step AS MATERIALIZED (
       SELECT from_msisdn, to_msisdn, ${POSITION_COLUMNS} FROM messages WHERE ${step(values)}),
     long_lists AS MATERIALIZED (
       SELECT kind, name FROM blocks WHERE kind IN ('from', 'to') AND instant = '' AND message_id = '' AND source = ''),
     listed AS MATERIALIZED (
       SELECT 'all' AS kind, '' AS name, ${POSITION_COLUMNS} FROM step
       UNION ALL SELECT kind, name, ${POSITION_COLUMNS} FROM step JOIN long_lists ON kind = 'from' AND name = from_msisdn
       UNION ALL SELECT kind, name, ${POSITION_COLUMNS} FROM step JOIN long_lists ON kind = 'to' AND name = to_msisdn),
     near AS MATERIALIZED (
       SELECT kind, name, ${POSITION_COLUMNS} FROM blocks WHERE kind = 'all' AND name = '' AND instant >= (
         SELECT coalesce(max(earlier.instant), '') FROM blocks AS earlier
         WHERE earlier.kind = 'all' AND earlier.name = '' AND earlier.instant < (SELECT min(instant) FROM step))
         AND instant <= (SELECT max(instant) FROM step)
       UNION ALL SELECT kind, name, ${POSITION_COLUMNS} FROM blocks
         WHERE kind IN ('from', 'to') AND (kind, name) IN (SELECT kind, name FROM listed)),
     ordered AS (
       SELECT kind, name, ${POSITION_COLUMNS}, late, sum(1 - late) OVER (PARTITION BY kind, name ORDER BY ${POSITION_COLUMNS}, late) AS block
       FROM (SELECT kind, name, ${POSITION_COLUMNS}, 0 AS late FROM near UNION ALL SELECT kind, name, ${POSITION_COLUMNS}, 1 FROM listed) AS both_of),
     added AS MATERIALIZED (
       SELECT kind, name, max(instant) FILTER (WHERE late = 0) AS instant,
         max(message_id) FILTER (WHERE late = 0) AS message_id, max(source) FILTER (WHERE late = 0) AS source, sum(late) AS messages
       FROM ordered GROUP BY kind, name, block HAVING sum(late) > 0)
     INSERT INTO blocks (kind, name, ${POSITION_COLUMNS}, messages)
     SELECT kind, name, ${POSITION_COLUMNS}, ${sign} * messages FROM added ORDER BY 1, 2, 3, 4, 5
     ON CONFLICT (kind, name, ${POSITION_COLUMNS}) DO UPDATE SET messages = blocks.messages + excluded.messages
     ${sign === 1 ? "" : `RETURNING kind, name, ${POSITION_FIELDS}, messages`}`,
    values.list,
  );
}
