import type { AccessStore } from "../../access.ts";
import { Database } from "../database.ts";
import { migrate } from "../migrations.ts";
import { examine } from "../server.ts";
import { addToAudit, newestAudit } from "./audit.ts";
import { keysIn } from "./keys.ts";
import { secretsIn } from "./secrets.ts";

/** The tables beside the messages. */
export function accessTo(database: Database): AccessStore {
  return {
    audit: {
      add: (entry) => database.transaction((tx) => addToAudit(tx, entry)),
      newest: (options) => newestAudit(database, options),
    },
    keys: keysIn(database),
    secrets: secretsIn(database),
  };
}

/** The same for a command. Rejects with `ConfigError` or `StoreRefused` when the database must not be used. */
export async function openPostgresAccess(url: string): Promise<AccessStore & { close(): Promise<void> }> {
  const database = new Database(url, { connectionsMax: 1 });
  try {
    // How it keeps what it has is not this command's business.
    await examine(database, true);
    await migrate(database);
    return { ...accessTo(database), close: () => database.close() };
  } catch (error) {
    await database.close();
    throw error;
  }
}
