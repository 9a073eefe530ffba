import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NewMessage } from "../../src/domain/message.ts";
import { openReader, openWriter, transaction } from "../../src/store/sqlite/connection.ts";
import { attachReadIndex, openReadIndex } from "../../src/store/sqlite/index/connection.ts";
import { inserting, packRows } from "../../src/store/sqlite/insert.ts";
import { inSnapshot, type Snapshot } from "../../src/store/sqlite/reads/snapshot.ts";
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
  readonly #reader: Statements;
  /** For indexing and deleting. */
  readonly index: Statements;

  constructor(path: string) {
    this.#writer = openWriter(path);
    upgrade(this.#writer, () => undefined);
    this.#insert = inserting(new Statements(this.#writer));
    this.index = openReadIndex(path);
    const db = openReader(path);
    attachReadIndex(db, path);
    this.#reader = new Statements(db);
  }

  insert(rows: readonly NewMessage[]): readonly InsertOutcome[] {
    return transaction(this.#writer, "BEGIN IMMEDIATE", () => this.#insert(packRows(rows)));
  }

  read<T>(work: (snapshot: Snapshot) => T): T {
    return inSnapshot(this.#reader, () => undefined, work);
  }

  [Symbol.dispose](): void {
    this.#reader.db.close();
    this.index.db.close();
    this.#writer.close();
  }
}
