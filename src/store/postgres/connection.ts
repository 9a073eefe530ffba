import type { PoolClient, QueryConfig } from "pg";

export type Value = string | number | boolean | null | readonly (string | number | null)[];
export type Row = Readonly<Record<string, unknown>>;

/**
 * One transaction. Statements may be issued concurrently: they are sent at once and answered in
 * order.
 */
export interface Transaction {
  all<T = Row>(sql: string, values?: readonly Value[]): Promise<readonly T[]>;
  /** Returns the number of changed rows. */
  run(sql: string, values?: readonly Value[]): Promise<number>;
}

/** The statements of one connection. Each one may use the rest of a common time limit. */
export class Statements implements Transaction {
  readonly #client: PoolClient;
  readonly #deadlineMs: number;
  #corked = false;

  constructor(client: PoolClient, deadlineMs: number) {
    this.#client = client;
    this.#deadlineMs = deadlineMs;
  }

  async all<T = Row>(
    sql: string,
    values: readonly Value[] = [],
    name?: string,
  ): Promise<readonly T[]> {
    return (await this.#query(sql, values, name)).rows as readonly T[];
  }

  async run(sql: string, values: readonly Value[] = []): Promise<number> {
    return (await this.#query(sql, values)).rowCount ?? 0;
  }

  #query(text: string, values: readonly Value[], name?: string) {
    this.#cork();
    const query_timeout = Math.max(1, this.#deadlineMs - performance.now());
    const named = name === undefined ? {} : { name };
    // The driver's types do not know that each statement may have its own time limit.
    const config: QueryConfig & { readonly query_timeout: number } = {
      text,
      values: [...values],
      query_timeout,
      ...named,
    };
    return this.#client.query(config);
  }

  /**
   * Statements that are issued together are sent in one write. Each write wakes the server, which
   * costs more than a small statement.
   */
  #cork(): void {
    if (this.#corked) return;
    this.#corked = true;
    const stream = streamOf(this.#client);
    stream.cork();
    process.nextTick(() => {
      this.#corked = false;
      stream.uncork();
    });
  }
}

interface Stream {
  destroy(): void;
  cork(): void;
  uncork(): void;
}

/** The socket of a connection. */
export function streamOf(client: PoolClient): Stream {
  return (client as unknown as { connection: { stream: Stream } }).connection.stream;
}

/**
 * The results of all, or the first failure in the order of the list: the later ones are only its
 * consequences.
 */
export async function allOrFirst<const T extends readonly Promise<unknown>[]>(
  promises: T,
): Promise<{ -readonly [At in keyof T]: Awaited<T[At]> }> {
  await Promise.allSettled(promises);
  // Of those that have failed by now, the first in the list is reported.
  return Promise.all(promises);
}

/** The driver would treat `sslmode=require` as `verify-full`. People expect what psql does. */
export function withLibpqTls(url: string): string {
  const parsed = new URL(url);
  if (parsed.searchParams.has("sslmode")) parsed.searchParams.set("uselibpqcompat", "true");
  return parsed.href;
}
