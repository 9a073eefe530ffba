import { existsSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { StoreRefused } from "../../domain/errors.ts";
import { COPY_BYTES_MAX, type CopyEnd, type CopyPart, type CopyPlace } from "../copying.ts";
import type { StoredMessage } from "../store.ts";
import { openWithoutCheckpoints } from "./connection.ts";
import { closeUnlessBroken, failureOf } from "./hard-end.ts";
import { requireCurrentSchema } from "./upgrade.ts";

const MESSAGE = `source, message_id AS messageId, from_msisdn AS "from", to_msisdn AS "to", ts, text, created_at AS createdAt`;
const BYTES = "octet_length(message_id) + coalesce(octet_length(text), 0)";
/** SQLite numbers its messages in one row. */
const STREAM = "seq";
const PLACES = "CREATE TABLE IF NOT EXISTS lyftr_copies (source_id TEXT PRIMARY KEY, place TEXT NOT NULL)";

/** A SQLite database at one end of a copy. It may be in use; its calls block, which a command may. */
export class SqliteCopyEnd implements CopyEnd {
  readonly id: string;
  readonly #db: DatabaseSync;

  /** Rejects with `StoreRefused` when there is no database of Lyftr's at `path`. */
  static async open(path: string): Promise<SqliteCopyEnd> {
    if (!existsSync(path)) throw new StoreRefused(`${path} does not exist`);
    try {
      const db = openWithoutCheckpoints(path);
      try {
        requireCurrentSchema(db);
        return new SqliteCopyEnd(db);
      } catch (error) {
        const failure = failureOf(error);
        closeUnlessBroken(db);
        throw failure;
      }
    } catch (error) {
      throw failureOf(error);
    }
  }

  private constructor(db: DatabaseSync) {
    this.#db = db;
    this.id = String(db.prepare("SELECT id FROM lyftr_database").get()?.id);
  }

  async count(): Promise<number> {
    return Number(this.#db.prepare("SELECT count(*) AS messages FROM lyftr_messages").get()?.messages);
  }

  async read(place: CopyPlace, limit: number, upTo?: CopyPlace): Promise<CopyPart> {
    const after = place[STREAM] ?? 0;
    const end = upTo === undefined ? Number.MAX_SAFE_INTEGER : (upTo[STREAM] ?? 0);
    const messages: StoredMessage[] = [];
    let [last, bytes] = [after, 0];
    const sql = `SELECT seq, ${BYTES} AS bytes, ${MESSAGE} FROM lyftr_messages WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?`;
    for (const { seq, bytes: added, ...message } of this.#db.prepare(sql).iterate(after, end, limit)) {
      bytes += Number(added);
      if (messages.length > 0 && bytes > COPY_BYTES_MAX) break;
      messages.push(message as unknown as StoredMessage);
      last = Number(seq);
    }
    return { messages, place: { [STREAM]: last } };
  }

  async find(messages: readonly StoredMessage[]): Promise<readonly StoredMessage[]> {
    const one = this.#db.prepare(`SELECT ${MESSAGE} FROM lyftr_messages WHERE message_id = ? AND source = ?`);
    return messages.flatMap(({ messageId, source }) => (one.get(messageId, source) as StoredMessage | undefined) ?? []);
  }

  async savedPlace(sourceId: string): Promise<CopyPlace | undefined> {
    this.#db.exec(PLACES);
    const row = this.#db.prepare("SELECT place FROM lyftr_copies WHERE source_id = ?").get(sourceId);
    return row === undefined ? undefined : (JSON.parse(String(row.place)) as CopyPlace);
  }

  async savePlace(sourceId: string, place: CopyPlace): Promise<void> {
    try {
      this.#db
        .prepare("INSERT INTO lyftr_copies VALUES (?, ?) ON CONFLICT DO UPDATE SET place = excluded.place")
        .run(sourceId, JSON.stringify(place));
    } catch (error) {
      throw failureOf(error);
    }
  }

  async close(): Promise<void> {
    closeUnlessBroken(this.#db);
  }
}
