import { Pool, type PoolClient, types } from "pg";
import { StoreDamaged, StoreUnavailable } from "../../domain/errors.ts";
import {
  allOrFirst,
  type Row,
  Statements,
  streamOf,
  type Transaction,
  type Value,
  withLibpqTls,
} from "./connection.ts";
import { toStoreError } from "./failures.ts";

/** How long making a connection, or waiting for a free one, may take. */
const CONNECT_MS_MAX = 2_000;
/**
 * How long one call of the store may take in total: requests end within 10 s, whatever the server
 * and the network do.
 */
export const CALL_MS_MAX = 8_000;
/**
 * The server gives up before the client does, so that it does not continue work whose result is not
 * wanted.
 */
const SERVER_MS_LESS = 500;
/**
 * A client that is stopped or cut off within a transaction would hold its locks for hours. This is
 * longer than any pause between two statements.
 */
const IDLE_MS_IN_TRANSACTION = 15_000;
/** A firewall forgets quiet connections, and an unused one costs the server memory. */
const IDLE_MS_MAX = 60_000;
const CLOSE_MS_MAX = 2_000;
const INT8 = 20;

export interface TransactionOptions {
  /** What follows BEGIN. */
  readonly mode?: "" | "ISOLATION LEVEL REPEATABLE READ READ ONLY";
  /** Settings of this transaction only, as in SET. */
  readonly settings?: readonly string[];
  readonly msMax?: number;
  /**
   * Aborted when the result is no longer wanted: the connection is closed, and the server stops.
   */
  readonly signal?: AbortSignal | undefined;
}

export interface DatabaseOptions {
  readonly connectionsMax: number;
  /**
   * Settings of every transaction, as in SET. Behind a pooler, which shares connections, they are
   * set in each transaction again.
   */
  readonly settings?: readonly string[];
  /** The server refuses every change. */
  readonly readOnly?: boolean;
  /** Called each time the server reports damaged data. */
  readonly damaged?: ((error: StoreDamaged) => void) | undefined;
}

export interface Statement {
  readonly sql: string;
  readonly values: readonly Value[];
  /** See {@link StatementOptions}. */
  readonly name?: string;
}

export interface StatementOptions {
  readonly msMax?: number;
  /**
   * A name makes the server keep the plan of a statement that is used again and again. The same
   * name must always have the same text.
   */
  readonly name?: string;
}

/** A pool of connections to one server. */
export class Database {
  readonly #pool: Pool;
  /** Connections without a pooler: settings and prepared statements stay. */
  readonly #direct = new WeakSet<PoolClient>();
  /** Set once for each direct connection. */
  readonly #sessionSettings: readonly string[];
  /** Set in each transaction of other connections. */
  readonly #settings: readonly string[];
  readonly #damaged: DatabaseOptions["damaged"];

  /** `url` is a `postgres://` or `postgresql://` URL. Connections are made when they are needed. */
  constructor(
    url: string,
    { connectionsMax, settings = [], readOnly = false, damaged }: DatabaseOptions,
  ) {
    this.#damaged = damaged;
    this.#sessionSettings = [
      ...settings,
      ...(readOnly ? ["default_transaction_read_only = on"] : []),
    ];
    this.#settings = [...settings, ...(readOnly ? ["transaction_read_only = on"] : [])];
    this.#pool = new Pool({
      connectionString: withLibpqTls(url),
      max: connectionsMax,
      connectionTimeoutMillis: CONNECT_MS_MAX,
      idleTimeoutMillis: IDLE_MS_MAX,
      keepAlive: true,
      pipeline: true,
      application_name: "lyftr",
      onConnect: (client) => this.#detectPooler(client as PoolClient),
      // Counts of rows fit into a number.
      types: {
        getTypeParser: (oid, format) =>
          (oid === INT8 ? Number : types.getTypeParser(oid, format)) as never,
      },
    });
    // Without a listener, a broken connection would end the process. The pool removes it by itself.
    this.#pool.on("error", () => undefined);
    this.#pool.on("connect", (client) => client.on("error", () => undefined));
  }

  /**
   * Runs `work` in one transaction. Rejects with the error of {@link toStoreError}; then the
   * outcome is unknown.
   */
  async transaction<T>(
    work: (tx: Transaction) => Promise<T>,
    options: TransactionOptions = {},
  ): Promise<T> {
    const { mode = "", msMax = CALL_MS_MAX, settings = [], signal } = options;
    const deadlineMs = performance.now() + msMax;
    const client = await this.#connect();
    const begin = beginning(
      { mode, msMax },
      this.#direct.has(client) ? settings : [...this.#settings, ...settings],
    );
    const giveUp = () => void streamOf(client).destroy();
    signal?.addEventListener("abort", giveUp, { once: true });
    const tx = new Statements(client, deadlineMs);
    try {
      const [, result] = await allOrFirst([tx.all(begin), work(tx)]);
      const committed = tx.all("COMMIT");
      // A read is complete before its COMMIT is answered. The next user of the connection is
      // answered after it.
      if (mode === "") await committed;
      else committed.catch(() => undefined);
      client.release();
      return result;
    } catch (error) {
      // The state of the connection is unknown. It is closed, which rolls back.
      streamOf(client).destroy();
      client.release(true);
      throw this.#failure(error);
    } finally {
      signal?.removeEventListener("abort", giveUp);
    }
  }

  #failure(error: unknown): Error {
    const failure = toStoreError(error);
    if (failure instanceof StoreDamaged) this.#damaged?.(failure);
    return failure;
  }

  /**
   * Runs one statement in its own transaction, sent in one write. Resolves when it is committed.
   */
  async all<T = Row>(
    sql: string,
    values: readonly Value[] = [],
    { msMax = CALL_MS_MAX, name }: StatementOptions = {},
  ): Promise<readonly T[]> {
    const deadlineMs = performance.now() + msMax;
    const client = await this.#connect();
    const tx = new Statements(client, deadlineMs);
    try {
      const plain = this.#direct.has(client) && msMax <= CALL_MS_MAX;
      const rows = plain
        ? await tx.all<T>(sql, values, name)
        : await enclosed<T>(
            tx,
            { msMax, settings: this.#direct.has(client) ? [] : this.#settings },
            sql,
            values,
          );
      client.release();
      return rows;
    } catch (error) {
      streamOf(client).destroy();
      client.release(true);
      throw this.#failure(error);
    }
  }

  /**
   * Runs several statements in one transaction, sent in one write. If one fails, COMMIT rolls all
   * back. Resolves with the rows of each when they are committed.
   */
  async batch<T = Row>(
    statements: readonly Statement[],
    msMax: number,
  ): Promise<readonly (readonly T[])[]> {
    const deadlineMs = performance.now() + msMax;
    const client = await this.#connect();
    const tx = new Statements(client, deadlineMs);
    try {
      const own = this.#direct.has(client);
      const results = await allOrFirst([
        tx.all<T>(
          own && msMax <= CALL_MS_MAX ? "BEGIN" : beginning({ msMax }, own ? [] : this.#settings),
        ),
        ...statements.map(({ sql, values, name }) =>
          tx.all<T>(sql, values, own ? name : undefined),
        ),
        tx.all<T>("COMMIT"),
      ]);
      client.release();
      return results.slice(1, -1);
    } catch (error) {
      streamOf(client).destroy();
      client.release(true);
      throw this.#failure(error);
    }
  }

  /**
   * Runs a statement that the server allows only outside of transactions, and that may take long.
   */
  async outsideTransaction(sql: string, msMax: number): Promise<void> {
    const client = await this.#connect();
    const statements = new Statements(client, performance.now() + msMax);
    try {
      // Behind a pooler no limit of ours is set, and none may be set.
      if (this.#direct.has(client)) await statements.all(`SET statement_timeout = ${msMax}`);
      await statements.all(sql);
    } catch (error) {
      throw this.#failure(error);
    } finally {
      // The changed limit must not apply to other users of the connection.
      streamOf(client).destroy();
      client.release(true);
    }
  }

  /** Resolves when every connection is closed or was given up. Safe to call twice. */
  async close(): Promise<void> {
    if (this.#pool.ending) return;
    const late = new Promise<void>((resolve) => void setTimeout(resolve, CLOSE_MS_MAX).unref());
    await Promise.race([this.#pool.end(), late]);
  }

  /**
   * Detects whether the connection leads directly to the server: a pooler uses its own process ids.
   * Only then may settings last longer than a transaction, which saves most of the cost of a small
   * statement.
   */
  async #detectPooler(client: PoolClient): Promise<void> {
    const statements = new Statements(client, performance.now() + CONNECT_MS_MAX);
    const [row] = await statements.all<{ pid: number }>("SELECT pg_backend_pid() AS pid");
    if (row?.pid !== (client as unknown as { processID: number | null }).processID) return;
    const timeLimit = `statement_timeout = ${CALL_MS_MAX - SERVER_MS_LESS}`;
    const settings = [timeLimit, IDLE_LIMIT, ...this.#sessionSettings];
    await statements.all(settings.map((setting) => `SET ${setting}`).join("; "));
    this.#direct.add(client);
  }

  async #connect(): Promise<PoolClient> {
    if (this.#pool.ending) throw new StoreUnavailable("the database is closed");
    try {
      return await this.#pool.connect();
    } catch (error) {
      throw this.#failure(error);
    }
  }
}

const IDLE_LIMIT = `idle_in_transaction_session_timeout = ${IDLE_MS_IN_TRANSACTION}`;

function beginning(
  { mode = "", msMax = CALL_MS_MAX }: Pick<TransactionOptions, "mode" | "msMax">,
  settings: readonly string[],
): string {
  const serverMs = Math.max(1, Math.floor(msMax - SERVER_MS_LESS));
  const all = [`statement_timeout = ${serverMs}`, IDLE_LIMIT, ...settings];
  return [`BEGIN ${mode}`, ...all.map((setting) => `SET LOCAL ${setting}`)].join("; ");
}

/** A statement with its own time limit. If it fails, COMMIT rolls back. */
async function enclosed<T>(
  tx: Transaction,
  { msMax, settings }: { readonly msMax: number; readonly settings: readonly string[] },
  sql: string,
  values: readonly Value[],
): Promise<readonly T[]> {
  const done = allOrFirst([
    tx.all(beginning({ msMax }, settings)),
    allOrFirst([tx.all<T>(sql, values), tx.all("COMMIT")]),
  ]);
  const [, [rows]] = await done;
  return rows;
}
