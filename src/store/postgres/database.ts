import { Pool, type PoolClient, types } from "pg";
import { StoreDamaged, StoreUnavailable } from "../../domain/errors.ts";
import { allOrFirst, type Row, Statements, streamOf, type Transaction, type Value } from "./connection.ts";
import { toStoreError } from "./failures.ts";

/** How long a connection may take to be made, or to become free. */
const CONNECT_MS_MAX = 2_000;
/** How long one call of the store may take in all: requests end within 10 s, whatever the server and the network do. */
export const CALL_MS_MAX = 8_000;
/** The server is told to give up before we stop listening, so that it does not go on with what nobody waits for. */
const SERVER_MS_LESS = 500;
/** A client that is stopped or cut off in a transaction would hold its locks for hours. Longer than any pause between two statements. */
const IDLE_MS_IN_TRANSACTION = 15_000;
/** A firewall forgets quiet connections; one that was never used again costs the server memory. */
const IDLE_MS_MAX = 60_000;
const CLOSE_MS_MAX = 2_000;
const INT8 = 20;

export interface TransactionOptions {
  /** What it begins with, behind BEGIN. */
  readonly mode?: "" | "ISOLATION LEVEL REPEATABLE READ READ ONLY";
  /** Settings of this transaction alone, as in SET. */
  readonly settings?: readonly string[];
  readonly msMax?: number;
  /** Aborted when the caller no longer waits for it: the connection is given up, and the server stops. */
  readonly signal?: AbortSignal | undefined;
}

export interface DatabaseOptions {
  readonly connectionsMax: number;
  /** Settings of every transaction, as in SET. Behind a pooler, which hands connections round, they are set in each anew. */
  readonly settings?: readonly string[];
  /** The server refuses whatever would change something. */
  readonly readOnly?: boolean;
  /** Told each time the server reports damaged data. */
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
  /** The server shall remember how it is done, where it is asked for again and again; the same name for the same text always. */
  readonly name?: string;
}

/** A bounded number of connections to one server. */
export class Database {
  readonly #pool: Pool;
  /** Connections that no pooler hands round: what is set and prepared there stays. */
  readonly #direct = new WeakSet<PoolClient>();
  /** Set once for each connection that no pooler hands round. */
  readonly #sessionSettings: readonly string[];
  /** Set in each transaction of other connections. */
  readonly #settings: readonly string[];
  readonly #damaged: DatabaseOptions["damaged"];

  /** `url` is a `postgres://` or `postgresql://` URL. Connections are made when they are needed. */
  constructor(url: string, { connectionsMax, settings = [], readOnly = false, damaged }: DatabaseOptions) {
    this.#damaged = damaged;
    this.#sessionSettings = [...settings, ...(readOnly ? ["default_transaction_read_only = on"] : [])];
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
      // Counts of rows fit a number.
      types: { getTypeParser: (oid, format) => (oid === INT8 ? Number : types.getTypeParser(oid, format)) as never },
    });
    // Without a listener, a connection that breaks, idle or not, would end the process. The pool puts it away by itself.
    this.#pool.on("error", () => undefined);
    this.#pool.on("connect", (client) => client.on("error", () => undefined));
  }

  /** Runs `work` in one transaction. Rejects with what {@link toStoreError} makes of a failure; then nothing of it is known to be done. */
  async transaction<T>(work: (tx: Transaction) => Promise<T>, options: TransactionOptions = {}): Promise<T> {
    const { mode = "", msMax = CALL_MS_MAX, settings = [], signal } = options;
    const deadlineMs = performance.now() + msMax;
    const client = await this.#connect();
    const begin = beginning({ mode, msMax }, this.#direct.has(client) ? settings : [...this.#settings, ...settings]);
    const giveUp = () => void streamOf(client).destroy();
    signal?.addEventListener("abort", giveUp, { once: true });
    const tx = new Statements(client, deadlineMs);
    try {
      const [, result] = await allOrFirst([tx.all(begin), work(tx)]);
      const committed = tx.all("COMMIT");
      // What was only read is not made truer by waiting; whoever has the connection next is answered after it.
      if (mode === "") await committed;
      else committed.catch(() => undefined);
      client.release();
      return result;
    } catch (error) {
      // What the connection is in the middle of is not worth finding out: it is closed, which rolls back.
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

  /** One statement in a transaction of its own, sent in one go. Resolves when it is committed. */
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
        : await enclosed<T>(tx, { msMax, settings: this.#direct.has(client) ? [] : this.#settings }, sql, values);
      client.release();
      return rows;
    } catch (error) {
      streamOf(client).destroy();
      client.release(true);
      throw this.#failure(error);
    }
  }

  /** Several statements in one transaction, sent in one go: should one fail, COMMIT takes all back. Resolves with the rows of each when they are committed. */
  async batch<T = Row>(statements: readonly Statement[], msMax: number): Promise<readonly (readonly T[])[]> {
    const deadlineMs = performance.now() + msMax;
    const client = await this.#connect();
    const tx = new Statements(client, deadlineMs);
    try {
      const own = this.#direct.has(client);
      const results = await allOrFirst([
        tx.all<T>(own && msMax <= CALL_MS_MAX ? "BEGIN" : beginning({ msMax }, own ? [] : this.#settings)),
        ...statements.map(({ sql, values, name }) => tx.all<T>(sql, values, own ? name : undefined)),
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

  /** A statement that the server runs outside of transactions only, and that may take long. */
  async outsideTransaction(sql: string, msMax: number): Promise<void> {
    const client = await this.#connect();
    const statements = new Statements(client, performance.now() + msMax);
    try {
      // Behind a pooler no limit of ours is set, and none may be.
      if (this.#direct.has(client)) await statements.all(`SET statement_timeout = ${msMax}`);
      await statements.all(sql);
    } catch (error) {
      throw this.#failure(error);
    } finally {
      // Its limit is nobody else's.
      streamOf(client).destroy();
      client.release(true);
    }
  }

  /** Resolves when every connection is closed, or is not worth waiting for. Safe twice. */
  async close(): Promise<void> {
    if (this.#pool.ending) return;
    const late = new Promise<void>((resolve) => void setTimeout(resolve, CLOSE_MS_MAX).unref());
    await Promise.race([this.#pool.end(), late]);
  }

  /**
   * Finds out whether the connection leads to the server itself: a pooler has numbers of its own for them. Only then may anything be set
   * for longer than a transaction, which saves most of what a small statement costs.
   */
  async #detectPooler(client: PoolClient): Promise<void> {
    const statements = new Statements(client, performance.now() + CONNECT_MS_MAX);
    const [row] = await statements.all<{ pid: number }>("SELECT pg_backend_pid() AS pid");
    if (row?.pid !== (client as unknown as { processID: number | null }).processID) return;
    const settings = [`statement_timeout = ${CALL_MS_MAX - SERVER_MS_LESS}`, IDLE_LIMIT, ...this.#sessionSettings];
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

/** A statement with a time limit of its own. Should it fail, COMMIT rolls back. */
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

/** The driver would read `sslmode=require` as `verify-full`; people mean what it means to psql. */
export function withLibpqTls(url: string): string {
  const parsed = new URL(url);
  if (parsed.searchParams.has("sslmode")) parsed.searchParams.set("uselibpqcompat", "true");
  return parsed.href;
}
