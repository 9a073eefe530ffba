import { DatabaseSync, type StatementSync } from "node:sqlite";
import { StoreRefused } from "../../../domain/errors.ts";
import { NATIVE_SOURCE } from "../../../domain/message.ts";
import type { PythonExport, PythonExportStep } from "../../python-export.ts";
import type { StoredMessage } from "../../store.ts";
import { BUSY_TIMEOUT_MS, toStoreError, transaction } from "../connection.ts";
import { contentsOf } from "../contents.ts";

/** The table as the Python service makes it. */
const TABLE = `CREATE TABLE IF NOT EXISTS messages (message_id TEXT PRIMARY KEY, from_msisdn TEXT NOT NULL,
  to_msisdn TEXT NOT NULL, ts TEXT NOT NULL, text TEXT, created_at TEXT NOT NULL)`;
/** Not ON CONFLICT, because a table that was created by hand may have no key. */
const ADD = `INSERT INTO messages (message_id, from_msisdn, to_msisdn, ts, text, created_at)
  SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE NOT EXISTS (SELECT 1 FROM messages WHERE message_id = ?1)`;

/** A database in the schema of the Python service, which may be in use. Its calls block. */
export class PythonDatabase implements PythonExport {
  readonly #path: string;
  readonly #db: DatabaseSync;
  readonly #add: StatementSync;

  /** Creates the file if needed. Rejects with `StoreRefused` when it holds something else. */
  static async open(path: string): Promise<PythonDatabase> {
    const contents = await contentsOf(path);
    if (contents.kind === "ours")
      throw new StoreRefused(`${path} is a database of Lyftr: name another file`);
    if (contents.kind === "foreign" || contents.kind === "not_sqlite") {
      throw new StoreRefused(
        `${path} holds something other than messages of the Python service: name another file`,
      );
    }
    try {
      return new PythonDatabase(path);
    } catch (error) {
      throw toStoreError(error, path);
    }
  }

  private constructor(path: string) {
    this.#path = path;
    this.#db = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
    this.#db.exec("PRAGMA synchronous = FULL");
    this.#db.exec(TABLE);
    this.#add = this.#db.prepare(ADD);
  }

  add(messages: readonly StoredMessage[]): PythonExportStep {
    const step = { added: 0, present: 0, otherSources: 0 };
    try {
      transaction(this.#db, "BEGIN IMMEDIATE", () => {
        for (const message of messages) step[this.#addOne(message)]++;
      });
    } catch (error) {
      throw toStoreError(error, this.#path);
    }
    return step;
  }

  close(): void {
    this.#db.close();
  }

  #addOne({
    source,
    messageId,
    from,
    to,
    ts,
    text,
    createdAt,
  }: StoredMessage): keyof PythonExportStep {
    if (source !== NATIVE_SOURCE) return "otherSources";
    return this.#add.run(messageId, from, to, ts, text, createdAt).changes === 1
      ? "added"
      : "present";
  }
}
