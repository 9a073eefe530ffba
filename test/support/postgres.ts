import { randomBytes } from "node:crypto";
import { createOnCluster } from "./citus.ts";
import { ownServer, type PostgresServer } from "./postgres-server.ts";
import { createDatabase, dropDatabase, type FreshDatabase, withDatabase } from "./sql.ts";

export interface FreshOptions {
  /**
   * `citus` creates it on all nodes of the cluster of TEST_CITUS_URL, with distributed tables.
   * TEST_STORE is the default.
   */
  readonly kind?: "postgres" | "citus";
  /** The server to use instead of the shared one. */
  readonly on?: string;
}

let shared: Promise<PostgresServer> | undefined;

/**
 * The shared server of the tests: that of TEST_POSTGRES_URL, or one that this process starts and
 * ends with.
 */
export async function sharedServer(): Promise<string> {
  const given = process.env.TEST_POSTGRES_URL;
  if (given) return given;
  shared ??= ownServer();
  return (await shared).url;
}

/**
 * For node:test's `skip`: false when PostgreSQL is available, else the reason. In CI nothing is
 * skipped.
 */
export function unlessPostgres(): string | false {
  // `npm test` has already tried, and leaves this empty when it failed.
  const cannot = process.env.CI !== "true" && process.env.TEST_POSTGRES_URL === "";
  return cannot ? "there is no PostgreSQL here" : false;
}

export async function freshDatabase(options: FreshOptions = {}): Promise<FreshDatabase> {
  const { kind = process.env.TEST_STORE === "citus" ? "citus" : "postgres", on } = options;
  const name = `lyftr_${randomBytes(8).toString("hex")}`;
  if (kind === "citus") return createOnCluster(name);
  const server = on ?? (await sharedServer());
  await createDatabase(server, name);
  const drop = () => dropDatabase(server, name);
  return { url: withDatabase(server, name), drop, [Symbol.asyncDispose]: drop };
}
