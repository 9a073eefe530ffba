import type { RetentionPreview } from "../../retention.ts";
import { requireOurs } from "../contents.ts";
import { readUnchanged } from "../read-unchanged.ts";
import { Statements } from "../statements.ts";
import { Deleter } from "./deleter.ts";
import { lastSweep } from "./last-sweep.ts";

/**
 * For a command; the service may be running. Rejects with `StoreRefused` unless the file is a
 * database of Lyftr.
 */
export async function openSqliteRetentionPreview(path: string): Promise<RetentionPreview> {
  await requireOurs(path);
  return {
    total: () =>
      readUnchanged(path, (db) => new Statements(db).number("SELECT count(*) FROM lyftr_messages")),
    expire: (step) => readUnchanged(path, (db) => new Deleter(new Statements(db)).expire(step)),
    lastSweep: () => readUnchanged(path, (db) => lastSweep(new Statements(db))),
    close: async () => undefined,
  };
}
