import { Client } from "pg";

/** A new, empty database. It is dropped at the end of the scope. */
export interface FreshDatabase extends AsyncDisposable {
  readonly url: string;
  drop(): Promise<void>;
}

// With the letters of all of Unicode, however the server was created: searching ignores case.
export async function createDatabase(server: string, name: string): Promise<void> {
  const [row] = await sql(server, "SHOW server_version_num");
  const builtin = Number(row?.server_version_num) >= 170_000;
  const locale = builtin ? "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'" : "";
  await sql(
    server,
    `CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'UTF8' ${locale} LOCALE 'C.UTF-8'`,
  );
}

export async function dropDatabase(server: string, name: string): Promise<void> {
  await sql(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
}

/** The same server, another database. */
export function withDatabase(url: string, name: string): string {
  const other = new URL(url);
  other.pathname = `/${name}`;
  return other.href;
}

/** The rows of one statement, on its own connection. */
export async function sql(
  url: string,
  text: string,
  values: readonly unknown[] = [],
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  // A server that shuts down also causes this event; the caller gets the error from its statement.
  client.on("error", () => undefined);
  await client.connect();
  try {
    return (await client.query(text, [...values])).rows;
  } finally {
    await client.end().catch(() => undefined);
  }
}
