import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NewMessage } from "../../src/domain/message.ts";
import { openReader, openWriter, transaction } from "../../src/store/sqlite/connection.ts";
import { attachReadIndex, openReadIndex } from "../../src/store/sqlite/index/connection.ts";
import { inserting, packRows } from "../../src/store/sqlite/insert.ts";
import { type Snapshot, SnapshotReader } from "../../src/store/sqlite/reads/snapshot.ts";
import type { TailRows } from "../../src/store/sqlite/reads/tail-rows.ts";
import { Statements } from "../../src/store/sqlite/statements.ts";
import { upgrade } from "../../src/store/sqlite/upgrade.ts";
import type { InsertOutcome } from "../../src/store/store.ts";

/** A path in a new folder that is removed at the end of the scope. */
export function temporaryDatabase(): { readonly path: string } & Disposable {
  const folder = mkdtempSync(join(tmpdir(), "lyftr-store-"));
  return {
    path: join(folder, "app.db"),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
}

/**
 * The parts of the SQLite store without its threads, so that a test decides what is indexed when.
 */
export class SqliteParts implements Disposable {
  readonly #writer;
  readonly #insert;
  readonly #reader: SnapshotReader;
  /** For indexing and deleting. */
  readonly index: Statements;

  constructor(path: string, tailRows?: TailRows) {
    this.#writer = openWriter(path);
    upgrade(this.#writer, () => undefined);
    this.#insert = inserting(new Statements(this.#writer));
    this.index = openReadIndex(path);
    const db = openReader(path);
    attachReadIndex(db, path);
    this.#reader = new SnapshotReader(new Statements(db), () => undefined, tailRows);
  }

  insert(rows: readonly NewMessage[]): readonly InsertOutcome[] {
    return transaction(this.#writer, "BEGIN IMMEDIATE", () => this.#insert(packRows(rows)));
  }

  read<T>(work: (snapshot: Snapshot) => T): T {
    return this.#reader.read(work);
  }

  [Symbol.dispose](): void {
    this.#reader.statements.db.close();
    this.index.db.close();
    this.#writer.close();
  }
}
