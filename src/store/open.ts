import { StoreRefused } from "../domain/errors.ts";
import { SqliteStore } from "./sqlite/sqlite-store.ts";
import type { Store } from "./store.ts";

/** The path of a `sqlite:///relative`, `sqlite:////absolute` or `sqlite+aiosqlite:///…` URL, or undefined when it is not one. */
export function sqlitePath(databaseUrl: string): string | undefined {
  const path = /^sqlite(?:\+[a-z]+)?:\/\/\/([^?#]+)$/.exec(databaseUrl)?.[1];
  return path === ":memory:" ? undefined : path;
}

/** Opens the store a `DATABASE_URL` names; `progress` is told how a long upgrade goes. Rejects with `StoreRefused` when it must not be used. */
export async function openStore(databaseUrl: string, progress?: (text: string) => void): Promise<Store> {
  const path = sqlitePath(databaseUrl);
  if (path === undefined) throw new StoreRefused("only sqlite:/// URLs are supported");
  return SqliteStore.open(path, progress);
}
