import type { Transaction } from "../connection.ts";
import { Database } from "../database.ts";
import { requireOurs } from "../migrations.ts";

const RECOUNT_MS_MAX = 10 * 60 * 1_000;

/**
 * Discards the counts and marks every message as not counted. A service on the database counts them
 * again in the background. Until then reads are slow, and correct.
 */
export async function recount(url: string): Promise<void> {
  const database = new Database(url, { connectionsMax: 1 });
  try {
    await requireOurs(database, "write");
    await database.transaction(reset, { msMax: RECOUNT_MS_MAX });
  } finally {
    await database.close();
  }
}

async function reset(tx: Transaction): Promise<void> {
  // The process that counts waits here until this is done. Then it finds every message uncounted.
  await tx.run("UPDATE leases SET expires_at = 'epoch' WHERE name = 'index'");
  await tx.run("UPDATE streams SET indexed_seq = 0");
  for (const stream of await removedStreams(tx)) {
    await tx.run("INSERT INTO streams VALUES ($1, 0, now(), true)", [stream]);
  }
  await tx.run("DELETE FROM totals");
  await tx.run("DELETE FROM blocks");
  await tx.run("INSERT INTO blocks VALUES ('all', '', '', '', '', 0)");
}

/**
 * Streams that were removed when all of their messages were counted, with one index look-up each.
 */
async function removedStreams(tx: Transaction): Promise<readonly number[]> {
  const known = new Set(
    (await tx.all<{ stream: number }>("SELECT stream FROM streams")).map(({ stream }) => stream),
  );
  const forgotten: number[] = [];
  for (let last = 0; ; ) {
    const next = "SELECT stream FROM messages WHERE stream > $1 ORDER BY stream LIMIT 1";
    const [row] = await tx.all<{ stream: number }>(next, [last]);
    if (row === undefined) return forgotten;
    if (!known.has(row.stream)) forgotten.push(row.stream);
    last = row.stream;
  }
}
