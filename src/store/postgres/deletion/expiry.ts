import type { Database } from "../database.ts";
import { inWindows, type Window } from "../index/streams.ts";
import { type Condition, every } from "../sql.ts";

/** How long one step may look for what is too old. */
const LOOK_MS_MAX = 50;
/** Of a stream whose oldest messages are young enough, no more are looked at. */
const ROWS_PER_LOOK_MAX = 1_000;

/** Where a search is: behind this message. */
export interface ExpiryPlace {
  readonly stream: number;
  readonly seq: number;
  /** Whether it looks at every message. */
  readonly everywhere: boolean;
}

export interface Expired {
  readonly chosen: Condition;
  readonly rows: number;
  /** Where to go on; undefined when everything was looked at. */
  readonly place: ExpiryPlace | undefined;
}

interface Look {
  readonly receivedBefore: string;
  readonly rowsMax: number;
}

/** Looks for messages that were received before a moment, so many of them at most and for so long. */
export async function findExpired(database: Database, from: ExpiryPlace, look: Look): Promise<Expired> {
  const deadlineMs = performance.now() + LOOK_MS_MAX;
  const windows: Window[] = [];
  let rows = 0;
  let place: ExpiryPlace | undefined = from;
  while (place !== undefined && rows < look.rowsMax && performance.now() < deadlineMs) {
    const rowsMax = Math.min(ROWS_PER_LOOK_MAX, look.rowsMax - rows);
    const parts: readonly Part[] = await lookBehind(database, place, { ...look, rowsMax });
    for (const { stream, first, upTo, old } of parts) {
      if (old > 0) windows.push({ stream, after: first - 1, upTo });
      rows += old;
    }
    place = placeBehind(parts.at(-1), place.everywhere);
  }
  const chosen: Condition = (values) =>
    every([inWindows(windows, values), `created_at < ${values.add(look.receivedBefore)}`]);
  return { chosen, rows, place };
}

/** What of a stream was looked at. */
interface Part {
  readonly stream: number;
  readonly first: number;
  readonly upTo: number;
  readonly looked: number;
  readonly old: number;
}

function lookBehind(database: Database, { stream, seq }: ExpiryPlace, { receivedBefore, rowsMax }: Look) {
  return database.all<Part>(
    `SELECT stream, min(seq) AS first, max(seq) AS "upTo", count(*) AS looked, count(*) FILTER (WHERE created_at < $3) AS old
     FROM (
       SELECT stream, seq, created_at FROM messages WHERE (stream, seq) > ($1, $2) ORDER BY stream, seq LIMIT $4) AS part
     GROUP BY stream ORDER BY stream`,
    [stream, seq, receivedBefore, rowsMax],
  );
}

function placeBehind(last: Part | undefined, everywhere: boolean): ExpiryPlace | undefined {
  if (last === undefined) return undefined;
  const leaves = !everywhere && last.old < last.looked;
  return { stream: last.stream, seq: leaves ? Number.MAX_SAFE_INTEGER : last.upTo, everywhere };
}
