import { existsSync } from "node:fs";
import { basename } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** The disk space of one table or index of a database file. */
export interface DiskUse {
  readonly file: string;
  readonly name: string;
  readonly bytes: number;
}

/**
 * Every table and index of the database at `path` and of its read index, the largest first. No
 * other process may write.
 */
export function diskUse(path: string): readonly DiskUse[] {
  return [path, `${path}-index`]
    .filter((file) => existsSync(file))
    .flatMap(partsOf)
    .toSorted((a, b) => b.bytes - a.bytes);
}

function partsOf(path: string): readonly DiskUse[] {
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    const parts = db.prepare("SELECT name, sum(pgsize) AS bytes FROM dbstat GROUP BY name").all();
    const free = db
      .prepare(
        "SELECT freelist_count * page_size AS bytes FROM pragma_freelist_count, pragma_page_size",
      )
      .get();
    return [...parts, { name: "(free pages)", bytes: Number(free?.bytes) }].map(
      ({ name, bytes }) => ({
        file: basename(path),
        name: String(name),
        bytes: Number(bytes),
      }),
    );
  } finally {
    db.close();
  }
}
