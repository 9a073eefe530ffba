import type { Database } from "../database.ts";
import { DESCENDING, Values } from "../sql.ts";

/** The streams that are looked at on each call: the processes that store messages now. */
const STREAMS_MAX = 64;
/** The streams that ever existed, of which the first call looks at this many. */
const STREAMS_EVER_MAX = 10_000;
/** The messages of a batch are not always in the order in which they were received. */
const ROWS_PER_STREAM = 10;
const NEWEST_ROWS_MAX = 100;

interface Received {
  readonly at: string | null;
}

/**
 * When the newest message was received. The last message of each stream says it. Most streams ended
 * long ago, so only the first call looks at all of them.
 */
export class LastReceived {
  readonly #database: Database;
  #newest: string | null = null;
  #hasAll = false;

  constructor(database: Database) {
    this.#database = database;
  }

  async at(): Promise<string | null> {
    if (!this.#hasAll) {
      this.#note(await this.#ofAllStreams().catch(() => this.#ofNewestMessages()));
      this.#hasAll = true;
    }
    this.#note(await this.#ofOpenStreams());
    return this.#newest;
  }

  /** Texts of times of receipt sort by time. */
  #note(found: readonly Received[]): void {
    for (const { at } of found)
      if (at !== null && (this.#newest === null || at > this.#newest)) this.#newest = at;
  }

  /** Jumps from stream to stream in the index, because there is no list of the ended ones. */
  #ofAllStreams(): Promise<readonly Received[]> {
    return this.#database.all<Received>(
      `WITH RECURSIVE known AS (
         (SELECT stream FROM messages ORDER BY stream LIMIT 1)
         UNION ALL
         SELECT (SELECT stream FROM messages WHERE stream > known.stream ORDER BY stream LIMIT 1)
         FROM known WHERE known.stream IS NOT NULL)
       SELECT max(newest.created_at) AS "at"
       FROM (SELECT stream FROM known WHERE stream IS NOT NULL LIMIT $1) AS chosen,
         LATERAL (SELECT created_at FROM messages WHERE messages.stream = chosen.stream
                  ORDER BY seq DESC LIMIT $2) AS newest`,
      [STREAMS_EVER_MAX, ROWS_PER_STREAM],
    );
  }

  /** A distributed engine may refuse the statement above. Then the newest timestamps must do. */
  #ofNewestMessages(): Promise<readonly Received[]> {
    return this.#database.all<Received>(
      `SELECT created_at AS "at" FROM messages ORDER BY ${DESCENDING} LIMIT $1`,
      [NEWEST_ROWS_MAX],
    );
  }

  async #ofOpenStreams(): Promise<readonly Received[]> {
    const streams = await this.#database.all<{ stream: number }>(
      "SELECT stream FROM streams ORDER BY opened_at DESC LIMIT $1",
      [STREAMS_MAX],
    );
    if (streams.length === 0) return [];
    const values = new Values();
    const last = streams.map(
      ({ stream }) =>
        `(SELECT created_at AS "at" FROM messages WHERE stream = ${values.add(stream)} ORDER BY seq DESC LIMIT ${ROWS_PER_STREAM})`,
    );
    return this.#database.all<Received>(last.join(" UNION ALL "), values.list);
  }
}
