import type { Database } from "../database.ts";
import { inWindows, type Window } from "../index/streams.ts";
import { type Condition, every } from "../sql.ts";

/** How long one step may search for old messages. */
const SEARCH_MS_MAX = 50;
/** In a stream whose oldest messages are young enough, no more rows are scanned. */
const ROWS_PER_SEARCH_MAX = 1_000;

/** The position of a search: after this message. */
export interface ExpiryPosition {
  readonly stream: number;
  readonly seq: number;
  /** Whether it scans every message. */
  readonly everywhere: boolean;
}

export interface Expired {
  readonly chosen: Condition;
  readonly rows: number;
  /** Where to continue; undefined when everything was scanned. */
  readonly position: ExpiryPosition | undefined;
}

interface ExpirySearch {
  readonly receivedBefore: string;
  readonly rowsMax: number;
}

/** Finds messages that were received before a moment. Their number and the time are limited. */
export async function findExpired(
  database: Database,
  from: ExpiryPosition,
  look: ExpirySearch,
): Promise<Expired> {
  const deadlineMs = performance.now() + SEARCH_MS_MAX;
  const windows: Window[] = [];
  let rows = 0;
  let position: ExpiryPosition | undefined = from;
  while (position !== undefined && rows < look.rowsMax && performance.now() < deadlineMs) {
    const rowsMax = Math.min(ROWS_PER_SEARCH_MAX, look.rowsMax - rows);
    const parts: readonly Part[] = await searchAfter(database, position, { ...look, rowsMax });
    for (const { stream, first, upTo, old } of parts) {
      if (old > 0) windows.push({ stream, after: first - 1, upTo });
      rows += old;
    }
    position = positionAfter(parts.at(-1), position.everywhere);
  }
  const chosen: Condition = (values) =>
    every([inWindows(windows, values), `created_at < ${values.add(look.receivedBefore)}`]);
  return { chosen, rows, position };
}

/** The scanned part of a stream. */
interface Part {
  readonly stream: number;
  readonly first: number;
  readonly upTo: number;
  readonly looked: number;
  readonly old: number;
}

function searchAfter(
  database: Database,
  { stream, seq }: ExpiryPosition,
  { receivedBefore, rowsMax }: ExpirySearch,
) {
  return database.all<Part>(
    `SELECT stream, min(seq) AS first, max(seq) AS "upTo", count(*) AS looked, count(*) FILTER (WHERE created_at < $3) AS old
     FROM (
       SELECT stream, seq, created_at FROM messages WHERE (stream, seq) > ($1, $2) ORDER BY stream, seq LIMIT $4) AS part
     GROUP BY stream ORDER BY stream`,
    [stream, seq, receivedBefore, rowsMax],
  );
}

function positionAfter(last: Part | undefined, everywhere: boolean): ExpiryPosition | undefined {
  if (last === undefined) return undefined;
  const leaves = !everywhere && last.old < last.looked;
  return { stream: last.stream, seq: leaves ? Number.MAX_SAFE_INTEGER : last.upTo, everywhere };
}
