import { randomBytes } from "node:crypto";
import { createOnCluster } from "./citus.ts";
import { ownServer, type PostgresServer } from "./postgres-server.ts";
import { createDatabase, dropDatabase, type FreshDatabase, withDatabase } from "./sql.ts";

export interface FreshOptions {
  /** `citus` makes it on all nodes of the cluster of TEST_CITUS_URL, tables distributed. TEST_STORE decides when it is not given. */
  readonly kind?: "postgres" | "citus";
  /** The server it is made on, instead of the shared one. */
  readonly on?: string;
}

let shared: Promise<PostgresServer> | undefined;

/** The server that tests share: that of TEST_POSTGRES_URL, or one that this process starts and ends with. */
export async function sharedServer(): Promise<string> {
  const given = process.env.TEST_POSTGRES_URL;
  if (given) return given;
  shared ??= ownServer();
  return (await shared).url;
}

/** For node:test's `skip`: false when there is a PostgreSQL, else the reason. In CI nothing is skipped. */
export function unlessPostgres(): string | false {
  // `npm test` has tried already and leaves this empty when it could not.
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
