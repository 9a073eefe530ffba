import { closeSync, mkdirSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type { StoreBroken } from "../../domain/errors.ts";
import type { NewMessage } from "../../domain/message.ts";
import type { MessageQuery } from "../../domain/message-query.ts";
import type { InsertOutcome, MessagePage, MessageStats, Store } from "../store.ts";
import { packRows } from "./packed-rows.ts";
import { ReaderPool } from "./reader-pool.ts";
import type { Upgrade } from "./upgrade.ts";
import { WorkerLine } from "./worker-line.ts";

const READER_THREADS = 2;
const READ_QUEUE_MAX = 256;

/** Messages in one SQLite file: one thread writes, a few read, and none of them is the event loop's. */
export class SqliteStore implements Store {
  readonly broken: Promise<StoreBroken>;
  readonly upgrades: readonly string[];
  readonly #path: string;
  readonly #writer: WorkerLine;
  readonly #readers: ReaderPool;

  /** Opens the file at `path`, makes it and its folder when missing, and brings its schema up to date. Rejects with `StoreRefused` when it must not be used. */
  static async open(path: string): Promise<SqliteStore> {
    mkdirSync(dirname(path), { recursive: true });
    // What people wrote to a business is for its owner's eyes only; SQLite gives its log the mode of the file.
    closeSync(openSync(path, "a", 0o600));
    const writer = new WorkerLine("writer", { path });
    let readers: ReaderPool | undefined;
    try {
      const upgraded = await writer.call<Upgrade>("opened");
      readers = new ReaderPool(path, { threads: READER_THREADS, queueMax: READ_QUEUE_MAX });
      const store = new SqliteStore(path, writer, readers, upgraded);
      await store.ping();
      return store;
    } catch (error) {
      await readers?.close();
      await writer.close();
      throw error;
    }
  }

  private constructor(path: string, writer: WorkerLine, readers: ReaderPool, upgraded: Upgrade) {
    this.#path = path;
    this.#writer = writer;
    this.#readers = readers;
    this.upgrades = inWords(upgraded);
    this.broken = Promise.race([writer, ...readers.lines].map((line) => line.broken));
  }

  insertMessages(rows: readonly NewMessage[]): Promise<readonly InsertOutcome[]> {
    return this.#writer.call("insert", packRows(rows));
  }

  findMessages(query: MessageQuery): Promise<MessagePage> {
    return this.#readers.call("find", query);
  }

  stats(): Promise<MessageStats> {
    return this.#readers.call("stats");
  }

  ping(): Promise<void> {
    return this.#readers.callAnyway("ping");
  }

  async sizeBytes(): Promise<number> {
    const sizeOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    return sizeOf(this.#path) + sizeOf(`${this.#path}-wal`);
  }

  async close(): Promise<void> {
    await this.#readers.close();
    // Last, because the last connection to close folds the write-ahead log into the file.
    await this.#writer.close();
  }
}

function inWords({ applied, adoptedRows }: Upgrade): readonly string[] {
  const adopted = adoptedRows === undefined ? [] : [`took over ${adoptedRows} messages of the Python service`];
  return [...applied.map((name) => `applied ${name}`), ...adopted];
}
