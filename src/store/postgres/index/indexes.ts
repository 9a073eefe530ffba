import type { Database } from "../database.ts";

/** An index on `messages`. */
export interface MessagesIndex {
  /** `messages_` and the purpose. */
  readonly name: string;
  /** What follows the table in CREATE INDEX. */
  readonly definition: string;
}

/** Whether an index exists and is complete. */
export async function isBuilt(
  database: Pick<Database, "all">,
  { name }: MessagesIndex,
): Promise<boolean> {
  const [row] = await database.all<{ valid: boolean | null }>(
    `SELECT bool_and(indisvalid) AS valid FROM pg_catalog.pg_index WHERE indexrelid = to_regclass('${name}')`,
  );
  return row?.valid === true;
}

/** Builds an index while messages are stored. */
export async function buildIndex(
  database: Database,
  index: MessagesIndex,
  msMax: number,
): Promise<void> {
  const { name, definition } = index;
  const alone = (statement: string) => database.outsideTransaction(statement, msMax);
  const partitions = await partitionsOf(database);
  // An index of an interrupted build is useless. The parts of a partitioned index are dropped with
  // it.
  await alone(`DROP INDEX ${partitions.length === 0 ? "CONCURRENTLY " : ""}IF EXISTS ${name}`);
  if (partitions.length === 0)
    await alone(`CREATE INDEX CONCURRENTLY ${name} ON messages ${definition}`);
  else await alone(`CREATE INDEX ${name} ON ONLY messages ${definition}`);
  for (const partition of partitions) {
    const part = `${partition}_${name.replace("messages_", "")}`;
    await alone(`DROP INDEX CONCURRENTLY IF EXISTS ${part}`);
    await alone(`CREATE INDEX CONCURRENTLY ${part} ON ${partition} ${definition}`);
    await alone(`ALTER INDEX ${name} ATTACH PARTITION ${part}`);
  }
}

async function partitionsOf(database: Database): Promise<readonly string[]> {
  const rows = await database.all<{ name: string }>(
    `SELECT inhrelid::regclass::text AS name FROM pg_catalog.pg_inherits WHERE inhparent = 'messages'::regclass ORDER BY 1`,
  );
  return rows.map(({ name }) => name);
}
