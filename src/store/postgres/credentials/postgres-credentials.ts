import type { CredentialsStore } from "../../credentials.ts";
import type { OpenMode } from "../../store.ts";
import { Database } from "../database.ts";
import { requireOurs } from "../migrations.ts";
import { addToAudit, newestAudit } from "./audit.ts";
import { keysIn } from "./keys.ts";
import { secretsIn } from "./secrets.ts";

/** The credentials, on the connections of the service. */
export function credentialsIn(database: Database): CredentialsStore {
  return {
    audit: {
      add: (entry) => database.transaction((tx) => addToAudit(tx, entry)),
      newest: (options) => newestAudit(database, options),
    },
    keys: keysIn(database),
    secrets: secretsIn(database),
  };
}

/**
 * The credentials, for a command. Rejects with `ConfigError` or `StoreRefused` when the database
 * must not be used.
 */
export async function openPostgresCredentials(
  url: string,
  mode: Exclude<OpenMode, "create">,
): Promise<CredentialsStore & { close(): Promise<void> }> {
  const database = new Database(url, { connectionsMax: 1, readOnly: mode === "read" });
  try {
    await requireOurs(database, mode);
    return { ...credentialsIn(database), close: () => database.close() };
  } catch (error) {
    await database.close();
    throw error;
  }
}
