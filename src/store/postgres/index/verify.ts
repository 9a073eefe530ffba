import type { ListPosition } from "../../../domain/message-filter.ts";
import { BUCKETS } from "../../store.ts";
import { DIFFERENCES_MAX, type VerifyOptions, type VerifyReport } from "../../verify-report.ts";
import type { Transaction } from "../connection.ts";
import { Database } from "../database.ts";
import { requireOurs } from "../migrations.ts";
import {
  hasBucket,
  type List,
  numberOf,
  POSITION_COLUMNS,
  POSITION_FIELDS,
  Values,
} from "../sql.ts";
import { countIndexed } from "./blocks.ts";
import { backlogOf } from "./index-messages.ts";
import { inTail, type Watermark, watermarks } from "./streams.ts";

/** Longer than a table of a hundred million messages takes. */
const VERIFY_MS_MAX = 6 * 60 * 60 * 1_000;

/**
 * Counts everything again from the messages, in one snapshot, while other processes write. Rejects
 * as the store does, and with the signal's reason.
 */
export async function verifyCounts(url: string, options: VerifyOptions): Promise<VerifyReport> {
  const database = new Database(url, { connectionsMax: 1, readOnly: true });
  try {
    await requireOurs(database, "read");
    return await database.transaction((tx) => verify(tx, options), {
      mode: "ISOLATION LEVEL REPEATABLE READ READ ONLY",
      msMax: VERIFY_MS_MAX,
      signal: options.signal,
    });
  } catch (error) {
    options.signal.throwIfAborted();
    throw error;
  } finally {
    await database.close();
  }
}

async function verify(tx: Transaction, { progress, signal }: VerifyOptions): Promise<VerifyReport> {
  const marks = await watermarks(tx);
  const messages = await numberOf(
    tx,
    "SELECT messages FROM totals WHERE kind = 'all' AND name = ''",
  );
  const differences = await differingTotals(tx, marks);
  const blocks = await blocksOf(tx);
  for (const [at, { list, lo, messages: indexed }] of blocks.entries()) {
    signal.throwIfAborted();
    const next = blocks[at + 1];
    const hi =
      next !== undefined && next.list.kind === list.kind && next.list.name === list.name
        ? next.lo
        : undefined;
    const counted = await countIndexed(tx, { list, range: { lo, hi }, marks });
    if (indexed !== counted) {
      const what =
        list.kind === "all" ? "all messages" : list.kind === "from" ? "one sender" : "one receiver";
      differences.push(
        `a block of ${what} (from ${lo.instant || "the beginning"}) counts ${indexed}, the messages are ${counted}`,
      );
    }
    progress(at + 1, blocks.length);
    if (differences.length >= DIFFERENCES_MAX) break;
  }
  return {
    messages,
    backlog: await backlogOf(tx, marks),
    differences: differences.slice(0, DIFFERENCES_MAX),
  };
}

/** Every kind of total, and the statement that computes it from the counted messages. */
function totals(): readonly (readonly [kind: string, name: string, where: string])[] {
  const spans = Object.entries(BUCKETS).map(
    ([bucket, characters]) =>
      [bucket, `substr(instant, 1, ${characters})`, hasBucket(characters)] as const,
  );
  return [
    ["all", "''", "true"],
    ["from", "from_msisdn", "true"],
    ["to", "to_msisdn", "true"],
    ["source", "source", "true"],
    ...spans,
  ];
}

async function differingTotals(tx: Transaction, marks: readonly Watermark[]): Promise<string[]> {
  const differences: string[] = [];
  for (const [kind, name, where] of totals()) {
    const values = new Values();
    const differing = await numberOf(
      tx,
      `WITH counted AS MATERIALIZED (
         SELECT ${name} AS name, count(*) AS messages FROM messages WHERE ${where} AND NOT ${inTail(marks, values)} GROUP BY 1),
       stored AS MATERIALIZED (SELECT name, messages FROM totals WHERE kind = ${values.add(kind)})
       SELECT count(*) FROM counted FULL JOIN stored ON counted.name = stored.name
       WHERE counted.messages IS DISTINCT FROM stored.messages`,
      values.list,
    );
    if (differing > 0)
      differences.push(`totals of kind "${kind}": ${differing} differ from the messages`);
  }
  const senders = await numberOf(
    tx,
    "SELECT messages FROM totals WHERE kind = 'senders' AND name = ''",
  );
  const counted = await numberOf(tx, "SELECT count(*) FROM totals WHERE kind = 'from'");
  if (senders !== counted)
    differences.push(`the number of senders is ${senders}, and ${counted} have a total`);
  return differences;
}

interface Block {
  readonly list: List;
  readonly lo: ListPosition;
  readonly messages: number;
}

async function blocksOf(tx: Transaction): Promise<readonly Block[]> {
  const rows = await tx.all<List & ListPosition & { messages: number }>(
    `SELECT kind, name, ${POSITION_FIELDS}, messages FROM blocks ORDER BY kind, name, ${POSITION_COLUMNS}`,
  );
  return rows.map(({ kind, name, instant, messageId, source, messages }) => ({
    list: { kind, name },
    lo: { instant, messageId, source },
    messages,
  }));
}
