import type { DatabaseSync } from "node:sqlite";
import { COPY_BYTES_MAX, type CopyEndpoint, type CopyPart, type CopyPosition } from "../copying.ts";
import type { OpenMode, StoredMessage } from "../store.ts";
import { openWithoutCheckpoints } from "./connection.ts";
import { requireOurs } from "./contents.ts";
import { closeUnlessBroken, failureOf } from "./forbid-closing.ts";
import { readUnchanged } from "./read-unchanged.ts";
import { MESSAGE_FIELDS } from "./sql.ts";

const BYTES = "octet_length(message_id) + coalesce(octet_length(text), 0)";
/** SQLite numbers its messages in one sequence. */
const STREAM = "seq";
const PLACES =
  "CREATE TABLE IF NOT EXISTS lyftr_copies (source_id TEXT PRIMARY KEY, place TEXT NOT NULL)";

/** Runs `work` on a connection. */
type On = <T>(work: (db: DatabaseSync) => T) => Promise<T>;

/**
 * A SQLite database at one end of a copy. It may be in use. Its calls block, which is fine for a
 * command.
 */
export class SqliteCopyEndpoint implements CopyEndpoint {
  readonly id: string;
  readonly #on: On;
  readonly #close: () => void;

  /** Rejects with `StoreRefused` when there is no database of Lyftr at `path`. */
  static async open(path: string, mode: Exclude<OpenMode, "create">): Promise<SqliteCopyEndpoint> {
    await requireOurs(path);
    const id = await readUnchanged(path, (db) =>
      String(db.prepare("SELECT id FROM lyftr_database").get()?.id),
    );
    if (mode === "read")
      return new SqliteCopyEndpoint(
        id,
        (work) => readUnchanged(path, work),
        () => undefined,
      );
    const db = openWithoutCheckpoints(path);
    return new SqliteCopyEndpoint(
      id,
      (work) => inThisTurn(db, work),
      () => closeUnlessBroken(db),
    );
  }

  private constructor(id: string, on: On, close: () => void) {
    this.id = id;
    this.#on = on;
    this.#close = close;
  }

  count(): Promise<number> {
    return this.#on((db) =>
      Number(db.prepare("SELECT count(*) AS messages FROM lyftr_messages").get()?.messages),
    );
  }

  async read(position: CopyPosition, limit: number, upTo?: CopyPosition): Promise<CopyPart> {
    const after = position[STREAM] ?? 0;
    const end = upTo === undefined ? Number.MAX_SAFE_INTEGER : (upTo[STREAM] ?? 0);
    const sql = `SELECT seq, ${BYTES} AS bytes, ${MESSAGE_FIELDS} FROM lyftr_messages WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?`;
    return this.#on((db) => {
      const messages: StoredMessage[] = [];
      let [last, bytes] = [after, 0];
      for (const { seq, bytes: added, ...message } of db.prepare(sql).iterate(after, end, limit)) {
        bytes += Number(added);
        if (messages.length > 0 && bytes > COPY_BYTES_MAX) break;
        messages.push(message as unknown as StoredMessage);
        last = Number(seq);
      }
      return { messages, position: { [STREAM]: last } };
    });
  }

  find(messages: readonly StoredMessage[]): Promise<readonly StoredMessage[]> {
    return this.#on((db) => {
      const one = db.prepare(
        `SELECT ${MESSAGE_FIELDS} FROM lyftr_messages WHERE message_id = ? AND source = ?`,
      );
      return messages.flatMap(
        ({ messageId, source }) => (one.get(messageId, source) as StoredMessage | undefined) ?? [],
      );
    });
  }

  savedPosition(sourceId: string): Promise<CopyPosition | undefined> {
    return this.#on((db) => {
      db.exec(PLACES);
      const row = db.prepare("SELECT place FROM lyftr_copies WHERE source_id = ?").get(sourceId);
      return row === undefined ? undefined : (JSON.parse(String(row.place)) as CopyPosition);
    });
  }

  async savePosition(sourceId: string, position: CopyPosition): Promise<void> {
    await this.#on((db) =>
      db
        .prepare(
          "INSERT INTO lyftr_copies VALUES (?, ?) ON CONFLICT DO UPDATE SET place = excluded.place",
        )
        .run(sourceId, JSON.stringify(position)),
    );
  }

  async close(): Promise<void> {
    this.#close();
  }
}

async function inThisTurn<T>(db: DatabaseSync, work: (db: DatabaseSync) => T): Promise<T> {
  try {
    return work(db);
  } catch (error) {
    throw failureOf(error);
  }
}
