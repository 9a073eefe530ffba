import type { Transaction } from "../connection.ts";
import type { Database } from "../database.ts";
import { Values } from "../sql.ts";
import { BLOCK_ROWS_MAX, divideBlocks } from "./blocks.ts";
import { inTail, inWindows, type Watermark, type Window, watermarks } from "./streams.ts";
import { addToBlocks, addToTotals } from "./update-counts.ts";
import { NO_DELAY, type VisibilityDelay } from "./visibility-delay.ts";

const LEASE = "index";
/** Longer than a step may take, so that only a dead or stopped process loses the lease. */
const LEASE_SECONDS = 15;
const STEP_MS_MAX = 10_000;
const SEQS_PER_STEP = 10_000;
/**
 * A stream that was opened earlier than this gets no more messages, or will soon get none; see
 * `STREAM_MS_MAX` in writer.ts.
 */
const STREAM_LIFE = "1 day";

export interface IndexStep {
  /** Whether this process had something to count. */
  readonly advanced: boolean;
  /** The number of messages that were left; undefined when another process is counting. */
  readonly backlog: number | undefined;
}

export interface IndexOptions {
  readonly visibilityDelay?: VisibilityDelay;
  /** The sequence numbers of a stream that one step covers. */
  readonly seqsMax?: number;
  readonly blockRowsMax?: number;
}

/**
 * Counts the oldest uncounted messages, in one transaction. One process does it for all: the one
 * whose `holder` has or gets the lease. Replicas that store at the same time never wait for each
 * other, because each appends to its own stream.
 */
export async function indexMessages(
  database: Database,
  holder: string,
  options: IndexOptions = {},
): Promise<IndexStep> {
  const {
    visibilityDelay = NO_DELAY,
    seqsMax = SEQS_PER_STEP,
    blockRowsMax = BLOCK_ROWS_MAX,
  } = options;
  return database.transaction(
    async (tx) => {
      if (!(await takeLease(tx, holder))) return { advanced: false, backlog: undefined };
      await removeEndedStreams(tx);
      const marks = await watermarks(tx);
      const windows = await windowsOf(tx, marks, { visibilityDelay, seqsMax });
      if (windows.length === 0) return { advanced: false, backlog: await backlogOf(tx, marks) };
      const advanced = marks.map(({ stream, indexedSeq }) => {
        const window = windows.find((candidate) => candidate.stream === stream);
        return { stream, indexedSeq: window?.upTo ?? indexedSeq };
      });
      const step = (values: Values) => inWindows(windows, values);
      await addToTotals(tx, step, 1);
      await addToBlocks(tx, step, 1);
      for (const { stream, upTo } of windows) {
        await tx.run("UPDATE streams SET indexed_seq = $1 WHERE stream = $2", [upTo, stream]);
      }
      await divideBlocks(tx, advanced, blockRowsMax);
      return { advanced: true, backlog: await backlogOf(tx, advanced) };
    },
    { msMax: STEP_MS_MAX },
  );
}

/** The maximum that is counted exactly. Beyond it, an exact number is of no use. */
const BACKLOG_COUNTED_MAX = 100_000;

/** The number of messages that are not counted yet, up to 100,000. */
export async function backlogOf(tx: Transaction, marks: readonly Watermark[]): Promise<number> {
  const values = new Values();
  const tail = `SELECT 1 FROM messages WHERE ${inTail(marks, values)} LIMIT ${BACKLOG_COUNTED_MAX}`;
  const [row] = await tx.all<{ rows: number }>(
    `SELECT count(*) AS rows FROM (${tail}) AS tail`,
    values.list,
  );
  return row?.rows ?? 0;
}

/**
 * The lease is a row and not a lock of a session. A pooler shares sessions, and a dead holder is
 * waited for only until its lease expires.
 */
async function takeLease(tx: Transaction, holder: string): Promise<boolean> {
  const taken = await tx.run(
    `UPDATE leases SET holder = $1, expires_at = now() + interval '${LEASE_SECONDS} seconds'
     WHERE name = '${LEASE}' AND (holder = $1 OR expires_at < now())`,
    [holder],
  );
  return taken === 1;
}

async function windowsOf(
  tx: Transaction,
  marks: readonly Watermark[],
  {
    visibilityDelay,
    seqsMax,
  }: { readonly visibilityDelay: VisibilityDelay; readonly seqsMax: number },
): Promise<readonly Window[]> {
  let found = await findUncounted(tx, marks, seqsMax);
  // A long run of duplicates leaves a gap in the numbers of a stream.
  if (found.length === 0) found = await findUncounted(tx, marks, Number.MAX_SAFE_INTEGER);
  return (
    found
      // No further than was searched. After a recount, the visible messages may be far more than
      // one step.
      .map((window) => ({
        ...window,
        upTo: Math.min(window.upTo, visibilityDelay.visibleSeq(window.stream, window.upTo)),
      }))
      .filter(({ after, upTo }) => upTo > after)
  );
}

/** The part of each tail that begins within this many numbers after its watermark. */
async function findUncounted(
  tx: Transaction,
  marks: readonly Watermark[],
  seqsMax: number,
): Promise<readonly Window[]> {
  if (marks.length === 0) return [];
  const near = marks.map(({ stream, indexedSeq }) => ({
    stream,
    after: indexedSeq,
    upTo: Math.min(Number.MAX_SAFE_INTEGER, indexedSeq + seqsMax),
  }));
  const values = new Values();
  const found = await tx.all<{ stream: number; upTo: number }>(
    `SELECT stream, max(seq) AS "upTo" FROM messages WHERE ${inWindows(near, values)} GROUP BY stream`,
    values.list,
  );
  const after = new Map(marks.map(({ stream, indexedSeq }) => [stream, indexedSeq]));
  return found.map(({ stream, upTo }) => ({ stream, after: after.get(stream) ?? 0, upTo }));
}

/** Removes the streams that get no more messages, once all of their messages are counted. */
async function removeEndedStreams(tx: Transaction): Promise<void> {
  const ended = await tx.all<Watermark>(
    `SELECT stream, indexed_seq AS "indexedSeq" FROM streams WHERE closed OR opened_at < now() - interval '${STREAM_LIFE}'`,
  );
  const counted: number[] = [];
  for (const mark of ended) {
    const values = new Values();
    const tail = `SELECT 1 FROM messages WHERE ${inTail([mark], values)} LIMIT 1`;
    if ((await tx.all(tail, values.list)).length === 0) counted.push(mark.stream);
  }
  if (counted.length > 0)
    await tx.run("DELETE FROM streams WHERE stream = ANY($1::bigint[])", [counted]);
}
