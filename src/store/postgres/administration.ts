import { ConfigError } from "../../domain/errors.ts";
import { distribute } from "./citus.ts";
import { Database } from "./database.ts";
import { buildOldFormsIndex } from "./index/search-form.ts";
import { buildSearchIndex, NO_SEARCH_INDEX } from "./index/trigrams.ts";
import { migrate, requirePartitions } from "./migrations.ts";
import { examine } from "./server.ts";

export interface AdministrationOptions {
  readonly allowWeakDurability: boolean;
  /** Distributes the tables over the workers of Citus. */
  readonly citus: boolean;
  /** Divides a new table of messages into this many hash partitions. */
  readonly partitions?: number | undefined;
}

/**
 * Does what a start does, and what takes too long for one: the search index on tables that have
 * messages, and Citus. Returns what was done.
 */
export async function migratePostgres(
  url: string,
  options: AdministrationOptions,
): Promise<readonly string[]> {
  const { allowWeakDurability, citus, partitions } = options;
  if (citus && partitions !== undefined) {
    throw new ConfigError([
      "--citus already distributes the messages over shards: omit --partitions",
    ]);
  }
  const database = new Database(url, { connectionsMax: 1 });
  try {
    const { warnings } = await examine(database, { allowWeakDurability, mode: "create" });
    const applied = await migrate(database, { partitions });
    if (partitions !== undefined) await requirePartitions(database, partitions);
    const distributed = citus ? await distribute(database) : [];
    const search = await buildSearchIndex(database);
    const oldForms = await buildOldFormsIndex(database);
    return [
      ...warnings.map((warning) => `warning: ${warning}`),
      ...applied.map((name) => `applied ${name}`),
      ...distributed,
      ...(search === "built"
        ? ["built the search index; a running service uses it from its next start on"]
        : []),
      ...(oldForms
        ? ["built the index of texts that an older version stored in another form than NFC"]
        : []),
      ...(search === "cannot" ? [`warning: ${NO_SEARCH_INDEX}`] : []),
    ];
  } finally {
    await database.close();
  }
}
