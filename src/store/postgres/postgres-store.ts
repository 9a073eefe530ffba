import type { StoreBroken, StoreDamaged } from "../../domain/errors.ts";
import type { NewMessage } from "../../domain/message.ts";
import { LIMIT_MAX, type MessageQuery } from "../../domain/message-query.ts";
import type { Runtime } from "../../runtime.ts";
import type { AlertStore } from "../alerts.ts";
import type { CredentialsStore } from "../credentials.ts";
import type { Damage } from "../damage.ts";
import type { RetentionStore } from "../retention.ts";
import type {
  InsertOutcome,
  MessagePage,
  MessageStats,
  OpenMode,
  ReadOptions,
  SenderPage,
  SenderQuery,
  Store,
  StoredMessage,
  TimelineBucket,
  TimelineQuery,
} from "../store.ts";
import { alertsIn } from "./alerts.ts";
import { credentialsIn } from "./credentials/postgres-credentials.ts";
import { CALL_MS_MAX, Database } from "./database.ts";
import { PostgresRetention } from "./deletion/postgres-retention.ts";
import { IndexLoop } from "./index/index-loop.ts";
import { backlogOf } from "./index/index-messages.ts";
import { SearchForm } from "./index/search-form.ts";
import type { SearchIndex } from "./index/searchable.ts";
import { watermarks } from "./index/streams.ts";
import { ASCII_SEARCH_INDEX, NO_SEARCH_INDEX, searchIndexOf } from "./index/trigrams.ts";
import { DelayedVisibility, NO_DELAY } from "./index/visibility-delay.ts";
import { migrate, requireCurrentSchema } from "./migrations.ts";
import { ReadQueue } from "./read-queue.ts";
import { find, findOne } from "./reads/find.ts";
import { LastReceived } from "./reads/last-received.ts";
import { findSenders } from "./reads/senders.ts";
import { inSnapshot, type Snapshot } from "./reads/snapshot.ts";
import { stats } from "./reads/stats.ts";
import { timeline } from "./reads/timeline.ts";
import { examine, type ServerFacts } from "./server.ts";
import { BY_INDEX } from "./sql.ts";
import { Writer } from "./writer.ts";

/** One stores and one counts. The others read; long reads may use half of these. */
const CONNECTIONS_NOT_READING = 2;
const QUICK_WAITING_MAX = 256;
const LONG_WAITING_MAX = 64;
/** The longest time of a long read. */
const LONG_MS_MAX = 5_000;
/** With a longer tail every read takes long. */
const TAIL_ROWS_QUICK = 20_000;

const SEARCH_WARNINGS = {
  none: [NO_SEARCH_INDEX],
  ascii: [ASCII_SEARCH_INDEX],
  "all letters": [],
} as const;

export interface PostgresOptions extends Pick<Runtime, "random"> {
  /** Connections of this process, 4 or more. */
  readonly connectionsMax: number;
  /** Default: `create`. */
  readonly mode?: Exclude<OpenMode, "read">;
  /** False: a schema that is not current is refused instead of created or upgraded. */
  readonly migrate: boolean;
  readonly allowWeakDurability: boolean;
  /** The error for a database without Lyftr's tables. If given, nothing is created. */
  readonly newDatabaseError?: Error | undefined;
  /** Called once when the server reports damaged data. */
  readonly damaged?: ((damage: Damage) => void) | undefined;
}

function reportOnce(report: PostgresOptions["damaged"]): (error: StoreDamaged) => void {
  let reported = false;
  return ({ message }) => {
    if (!reported)
      report?.({
        kind: "database",
        file: "the database of the PostgreSQL server",
        problem: message,
      });
    reported = true;
  };
}

/** Messages in a PostgreSQL database, which any number of processes can share. */
export class PostgresStore implements Store {
  /** Never resolves: a server recovers from its own faults, so the process need not end. */
  readonly broken: Promise<StoreBroken> = new Promise(() => undefined);
  readonly upgrades: readonly string[];
  readonly warnings: readonly string[];
  readonly identity: string | undefined;
  readonly credentials: CredentialsStore;
  readonly retention: RetentionStore;
  readonly alerts: AlertStore;
  readonly #writing: Database;
  readonly #counting: Database;
  readonly #reading: Database;
  readonly #writer: Writer;
  readonly #indexLoop: IndexLoop;
  readonly #holder: string;
  readonly #lastReceived: LastReceived;
  readonly #quick: ReadQueue;
  readonly #long: ReadQueue;
  readonly #searchIndex: SearchIndex;
  readonly #searchForm: SearchForm;
  #sizeBytes = 0;

  /**
   * Connects, examines the server, and brings the schema up to date. Rejects with `ConfigError` or
   * `StoreRefused` when it must not be used.
   */
  static async open(url: string, options: PostgresOptions): Promise<PostgresStore> {
    const damaged = reportOnce(options.damaged);
    const database = new Database(url, { connectionsMax: 1, settings: BY_INDEX, damaged });
    try {
      const { mode = "create", allowWeakDurability } = options;
      const facts = await examine(database, { allowWeakDurability, mode });
      const mayMigrate = mode === "create" && options.migrate;
      const upgrades = mayMigrate
        ? await migrate(database, { newDatabaseError: options.newDatabaseError })
        : [];
      if (!mayMigrate) await requireCurrentSchema(database);
      const searchIndex = await searchIndexOf(database);
      const backlog = await database.transaction(async (tx) => backlogOf(tx, await watermarks(tx)));
      const holder = options.random().toString(36).slice(2);
      const mayBuild = options.migrate && !facts.citus;
      const searchForm = await SearchForm.open(database, { url, holder, mayBuild });
      return new PostgresStore(database, url, {
        ...options,
        noticed: damaged,
        facts,
        upgrades,
        searchIndex,
        backlog,
        holder,
        searchForm,
      });
    } catch (error) {
      await database.close();
      throw error;
    }
  }

  private constructor(writing: Database, url: string, parts: Parts) {
    const { facts, upgrades, searchIndex, backlog, random, connectionsMax } = parts;
    const readers = Math.max(2, connectionsMax - CONNECTIONS_NOT_READING);
    this.upgrades = upgrades.map((name) => `applied ${name}`);
    this.warnings = [...facts.warnings, ...SEARCH_WARNINGS[searchIndex]];
    this.identity = facts.identity;
    this.#searchIndex = searchIndex;
    this.#holder = parts.holder;
    this.#searchForm = parts.searchForm;
    this.#writing = writing;
    const damaged = parts.noticed;
    this.#counting = new Database(url, { connectionsMax: 1, settings: BY_INDEX, damaged });
    this.#searchForm.start(this.#counting);
    this.retention = new PostgresRetention(this.#counting, url);
    this.#reading = new Database(url, {
      connectionsMax: readers,
      settings: facts.readSettings,
      damaged,
    });
    this.#lastReceived = new LastReceived(this.#reading);
    this.credentials = credentialsIn(this.#reading);
    this.alerts = alertsIn(this.#reading);
    this.#writer = new Writer(writing, { random });
    this.#indexLoop = new IndexLoop(this.#counting, {
      holder: this.#holder,
      backlog,
      visibilityDelay: facts.citus ? new DelayedVisibility(() => performance.now()) : NO_DELAY,
    });
    this.#quick = new ReadQueue({ runningMax: readers, waitingMax: QUICK_WAITING_MAX });
    this.#long = new ReadQueue({
      runningMax: Math.floor(readers / 2),
      waitingMax: LONG_WAITING_MAX,
    });
  }

  async insertMessages(rows: readonly NewMessage[]): Promise<readonly InsertOutcome[]> {
    const outcomes = await this.#writer.insert(rows);
    this.#indexLoop.stored(outcomes.filter((outcome) => outcome === "created").length);
    return outcomes;
  }

  findMessages(query: MessageQuery, { signal }: ReadOptions = {}): Promise<MessagePage> {
    const { from, to, q, source } = query.filter;
    const narrowed =
      q !== undefined || source !== undefined || (from !== undefined && to !== undefined);
    const long = narrowed || query.limit > LIMIT_MAX;
    return this.#read((snapshot) => find(snapshot, query), { long, signal });
  }

  findMessage(messageId: string, source?: string): Promise<StoredMessage | undefined> {
    return this.#quick.run(() => findOne(this.#reading, messageId, source));
  }

  stats({ signal }: ReadOptions = {}): Promise<MessageStats> {
    return this.#read(stats, { long: false, signal });
  }

  timeline(query: TimelineQuery, { signal }: ReadOptions = {}): Promise<readonly TimelineBucket[]> {
    return this.#read((snapshot) => timeline(snapshot, query), { long: true, signal });
  }

  findSenders(query: SenderQuery, { signal }: ReadOptions = {}): Promise<SenderPage> {
    return this.#read((snapshot) => findSenders(snapshot, query), { long: false, signal });
  }

  lastReceivedAt(): Promise<string | null> {
    return this.#quick.run(() => this.#lastReceived.at());
  }

  /** Its statistics count transactions of all databases, so nothing cheap tells one. */
  dataVersion(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  backlogRows(): number {
    return this.#indexLoop.backlogRows();
  }

  queuedReads(): number {
    return this.#quick.waiting() + this.#long.waiting();
  }

  /** PostgreSQL needs no reading threads. */
  readThreadRestarts(): number {
    return 0;
  }

  async ping(): Promise<void> {
    await this.#reading.all("SELECT 1 FROM messages, lyftr_migrations LIMIT 1");
  }

  async sizeBytes(): Promise<number> {
    try {
      const [row] = await this.#reading.all<{ bytes: number }>(
        "SELECT pg_database_size(current_database()) AS bytes",
      );
      this.#sizeBytes = row?.bytes ?? 0;
    } catch {
      // Metrics are needed most when the database is unavailable, so the last value is used.
    }
    return this.#sizeBytes;
  }

  async disk(): Promise<undefined> {
    return undefined;
  }

  async close(): Promise<void> {
    const counted = this.#indexLoop.stop().then(() => this.#releaseLease());
    await Promise.all([counted, this.#writer.close(), this.#searchForm.stop()]);
    await Promise.all([this.#writing.close(), this.#counting.close(), this.#reading.close()]);
  }

  #read<T>(
    work: (snapshot: Snapshot) => Promise<T>,
    { long, signal }: { readonly long: boolean; readonly signal?: AbortSignal | undefined },
  ): Promise<T> {
    const isLong = long || this.backlogRows() > TAIL_ROWS_QUICK;
    const options = {
      searchIndex: this.#searchIndex,
      signal,
      long: isLong,
      oldFormsIndexed: this.#searchForm.indexed(),
      msMax: isLong ? LONG_MS_MAX : CALL_MS_MAX,
    };
    const queue = isLong ? this.#long : this.#quick;
    return queue.run(() => inSnapshot(this.#reading, options, work), signal);
  }

  /** Releases the lease, so that other processes need not wait until it expires. */
  async #releaseLease(): Promise<void> {
    await this.#counting
      .all("UPDATE leases SET expires_at = 'epoch' WHERE holder = $1", [this.#holder])
      .catch(() => undefined);
  }
}

interface Parts extends PostgresOptions {
  /** Called each time the server reports damaged data. */
  readonly noticed: (error: StoreDamaged) => void;
  readonly facts: ServerFacts;
  readonly upgrades: readonly string[];
  readonly searchIndex: SearchIndex;
  readonly backlog: number;
  /** The id of this process. */
  readonly holder: string;
  readonly searchForm: SearchForm;
}
