import { StoreRefused } from "../../domain/errors.ts";
import { COPY_BYTES_MAX, type CopyEndpoint, type CopyPart, type CopyPosition } from "../copying.ts";
import type { OpenMode, StoredMessage } from "../store.ts";
import { Database } from "./database.ts";
import { isStorable } from "./index/searchable.ts";
import { requireOurs } from "./migrations.ts";
import { MESSAGE_FIELDS } from "./sql.ts";

/** A copy may wait for a busy server, because nothing else waits for the copy. */
const COPY_MS_MAX = 60_000;
const PLACES = `CREATE TABLE IF NOT EXISTS lyftr_copies (source_id text PRIMARY KEY, place text NOT NULL)`;

/** A PostgreSQL database at one end of a copy. */
export class PostgresCopyEndpoint implements CopyEndpoint {
  readonly id: string;
  readonly #database: Database;
  /** The streams that had messages at the last check. */
  #streams: readonly number[] = [];

  /** Rejects with `ConfigError` or `StoreRefused` when there is no database of Lyftr. */
  static async open(url: string, mode: Exclude<OpenMode, "create">): Promise<PostgresCopyEndpoint> {
    const database = new Database(url, { connectionsMax: 2, readOnly: mode === "read" });
    try {
      await requireOurs(database, mode);
      const [row] = await database.all<{ id: string }>("SELECT id FROM lyftr_database");
      if (row === undefined) throw new StoreRefused("its table lyftr_database is empty");
      return new PostgresCopyEndpoint(database, row.id);
    } catch (error) {
      await database.close();
      throw error;
    }
  }

  private constructor(database: Database, id: string) {
    this.#database = database;
    this.id = id;
  }

  async count(): Promise<number> {
    const [row] = await this.#all<{ messages: number }>(
      "SELECT count(*) AS messages FROM messages",
    );
    return row?.messages ?? 0;
  }

  async read(position: CopyPosition, limit: number, upTo?: CopyPosition): Promise<CopyPart> {
    const found = await this.#readKnown(position, limit, upTo);
    if (found !== undefined) return found;
    this.#streams = await this.#findStreams();
    return (await this.#readKnown(position, limit, upTo)) ?? { messages: [], position };
  }

  /** A stream is read to its end before the next one. A stream that grows is read again later. */
  async #readKnown(
    position: CopyPosition,
    limit: number,
    upTo: CopyPosition | undefined,
  ): Promise<CopyPart | undefined> {
    for (const stream of this.#streams) {
      const end = upTo === undefined ? Number.MAX_SAFE_INTEGER : (upTo[stream] ?? 0);
      if ((position[stream] ?? 0) >= end) continue;
      const after = position[stream] ?? 0;
      const last = await this.#endOfPart(stream, [after, end], limit);
      if (last === undefined) continue;
      const messages = await this.#all<StoredMessage>(
        `SELECT ${MESSAGE_FIELDS} FROM messages WHERE stream = $1 AND seq > $2 AND seq <= $3 ORDER BY seq`,
        [stream, after, last],
      );
      return { messages, position: { ...position, [stream]: last } };
    }
    return undefined;
  }

  /** The last message of a part that is not too long. Only the lengths are read. */
  async #endOfPart(stream: number, [after, end]: readonly [number, number], limit: number) {
    const rows = await this.#all<{ seq: number; bytes: number }>(
      `SELECT seq, octet_length(message_id) + coalesce(octet_length(text), 0) AS bytes FROM messages
       WHERE stream = $1 AND seq > $2 AND seq <= $3 ORDER BY seq LIMIT $4`,
      [stream, after, end, limit],
    );
    let sum = 0;
    const tooMany = rows.findIndex(({ bytes }, at) => {
      sum += bytes;
      return at > 0 && sum > COPY_BYTES_MAX;
    });
    return (tooMany === -1 ? rows.at(-1) : rows[tooMany - 1])?.seq;
  }

  /** Every stream that ever existed, with one index look-up each. */
  async #findStreams(): Promise<readonly number[]> {
    const streams: number[] = [];
    for (let last = 0; ; ) {
      const [next] = await this.#all<{ stream: number }>(
        "SELECT stream FROM messages WHERE stream > $1 ORDER BY stream LIMIT 1",
        [last],
      );
      if (next === undefined) return streams;
      streams.push(next.stream);
      last = next.stream;
    }
  }

  async find(messages: readonly StoredMessage[]): Promise<readonly StoredMessage[]> {
    const wanted = messages.filter(
      ({ messageId, source }) => isStorable(messageId) && isStorable(source),
    );
    const keys = new Set(wanted.map(({ messageId, source }) => `${messageId}\0${source}`));
    const rows = await this.#all<StoredMessage>(
      `SELECT ${MESSAGE_FIELDS} FROM messages WHERE message_id = ANY($1::text[])`,
      [wanted.map(({ messageId }) => messageId)],
    );
    return rows.filter(({ messageId, source }) => keys.has(`${messageId}\0${source}`));
  }

  async savedPosition(sourceId: string): Promise<CopyPosition | undefined> {
    await this.#all(PLACES);
    const sql = "SELECT place FROM lyftr_copies WHERE source_id = $1";
    const [row] = await this.#all<{ place: string }>(sql, [sourceId]);
    return row === undefined ? undefined : (JSON.parse(row.place) as CopyPosition);
  }

  async savePosition(sourceId: string, position: CopyPosition): Promise<void> {
    await this.#all(
      "INSERT INTO lyftr_copies VALUES ($1, $2) ON CONFLICT (source_id) DO UPDATE SET place = excluded.place",
      [sourceId, JSON.stringify(position)],
    );
  }

  close(): Promise<void> {
    return this.#database.close();
  }

  #all<T>(
    sql: string,
    values: readonly (string | number | readonly string[])[] = [],
  ): Promise<readonly T[]> {
    return this.#database.all<T>(sql, values, { msMax: COPY_MS_MAX });
  }
}
