import { statSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import {
  ReadIndexBehind,
  type StoreBroken,
  StoreDamaged,
  StoreRefused,
} from "../../domain/errors.ts";
import type { NewMessage } from "../../domain/message.ts";
import { LIMIT_MAX, type MessageQuery } from "../../domain/message-query.ts";
import type { AlertStore } from "../alerts.ts";
import type { CredentialsStore } from "../credentials.ts";
import { type Damage, REPAIR } from "../damage.ts";
import type { RetentionStore } from "../retention.ts";
import type {
  InsertOutcome,
  MessagePage,
  MessageStats,
  OpenMode,
  ReadOptions,
  ReadThreadEnd,
  SenderPage,
  SenderQuery,
  Store,
  StoredMessage,
  TimelineBucket,
  TimelineQuery,
} from "../store.ts";
import { requireCreatable, requireOurs } from "./contents.ts";
import { createFiles } from "./create-files.ts";
import type { CredentialsOperation } from "./credentials/operations.ts";
import { alertsBy, credentialsBy } from "./credentials/sqlite-credentials.ts";
import { retentionBy } from "./deletion/sqlite-retention.ts";
import { DISK_FULL, isDiskFull } from "./disk-full.ts";
import { requireWritable } from "./file-access.ts";
import { readIndexPath } from "./index/connection.ts";
import { IndexLoop } from "./index/index-loop.ts";
import { packRows } from "./insert.ts";
import { DamageWatch } from "./integrity/damage-watch.ts";
import { PLAN_BOUNDS } from "./reads/plan.ts";
import type { OpenedIndex } from "./threads/indexer.ts";
import { type ReadCall, ReaderPool } from "./threads/reader-pool.ts";
import { WorkerClient } from "./threads/worker-client.ts";
import type { Upgrade } from "./upgrade.ts";

const READER_THREADS = 2;
const READ_QUEUE_MAX = 256;
/** Half a second of writing at full speed. */
const WAL_BYTES_MAX = 64 * 1024 * 1024;
const TRUNCATE_EVERY_MS = 2_000;

export interface SqliteOptions {
  /** Called with the progress of a long upgrade. */
  readonly progress?: (text: string) => void;
  /** Default: `create`. */
  readonly mode?: Exclude<OpenMode, "read">;
  /** False: a database whose schema is not current is refused instead of created or upgraded. */
  readonly migrate?: boolean;
  /** The error for a file without Lyftr's tables. If given, nothing is created or taken over. */
  readonly newDatabaseError?: Error | undefined;
  /** Called for each unexpected end of a reading thread. */
  readonly readThreadEnded?: (end: ReadThreadEnd) => void;
  /** Called once for each damaged file. */
  readonly damaged?: ((damage: Damage) => void) | undefined;
}

/**
 * Messages in one SQLite file, with a read index beside it. One thread writes, one indexes and a
 * few read; the event loop does none of this.
 */
export class SqliteStore implements Store {
  readonly broken: Promise<StoreBroken>;
  readonly upgrades: readonly string[];
  readonly warnings: readonly string[];
  readonly identity = undefined;
  readonly credentials: CredentialsStore;
  readonly retention: RetentionStore;
  readonly alerts: AlertStore;
  readonly #path: string;
  readonly #writer: WorkerClient;
  readonly #indexer: WorkerClient;
  readonly #indexLoop: IndexLoop;
  readonly #readers: ReaderPool;
  readonly #damage: DamageWatch;
  #truncateNotBeforeMs = 0;

  /**
   * Opens the file at `path` as `mode` says. Rejects with `StoreRefused` when it must not be used;
   * then nothing has changed.
   */
  static async open(path: string, options: SqliteOptions = {}): Promise<SqliteStore> {
    const { progress = () => {}, mode = "create", readThreadEnded = () => {} } = options;
    const { damaged = () => {} } = options;
    const migrate = mode === "create" && (options.migrate ?? true);
    requireWritable(path);
    await (mode === "create"
      ? requireCreatable(path, { migrate, newDatabaseError: options.newDatabaseError })
      : requireOurs(path));
    const opened: { close(): Promise<void> }[] = [];
    const opening = <T extends { close(): Promise<void> }>(part: T) => {
      opened.unshift(part);
      return part;
    };
    try {
      const writer = opening(new WorkerClient("writer", { path, migrate }, { progress }));
      const upgraded = await writer.call<Upgrade>("opened");
      createFiles(readIndexPath(path));
      const indexer = opening(new WorkerClient("indexer", { path }));
      const { backlog, discarded } = await indexer.call<OpenedIndex>("opened");
      if (discarded !== undefined)
        damaged({ kind: "read_index", file: readIndexPath(path), problem: discarded });
      const readers = opening(
        new ReaderPool(path, {
          threads: READER_THREADS,
          queueMax: READ_QUEUE_MAX,
          threadEnded: readThreadEnded,
        }),
      );
      await readers.callAnyway("ping");
      return new SqliteStore({ path, writer, indexer, readers, upgraded, backlog, damaged });
    } catch (error) {
      for (const part of opened) await part.close();
      throw error instanceof StoreDamaged
        ? new StoreRefused(`${path} is damaged: ${error.message}. ${REPAIR}`)
        : error;
    }
  }

  private constructor({ path, writer, indexer, readers, upgraded, backlog, damaged }: Parts) {
    this.#path = path;
    this.#writer = writer;
    this.#indexer = indexer;
    this.#readers = readers;
    this.upgrades = inWords(upgraded);
    this.warnings = isDiskFull(path) ? [DISK_FULL] : [];
    this.#damage = new DamageWatch({ path, damaged, rebuildIndex: () => this.#rebuildIndex() });
    this.retention = retentionBy(
      (operation, argument) => this.#watched(indexer.call(operation, argument)),
      (operation, argument) => this.#watched(writer.call(operation, argument)),
    );
    const ask = <T>(operation: CredentialsOperation, argument?: unknown) =>
      this.#watched(writer.call<T>("credentials", { operation, argument }));
    this.credentials = credentialsBy(ask);
    this.alerts = alertsBy(ask);
    this.broken = Promise.race([writer, indexer, readers].map((part) => part.broken));
    this.#indexLoop = new IndexLoop({
      step: (rowsMax) => indexer.call("indexMessages", rowsMax),
      backlog,
      between: () => this.#truncateLongWals(),
      failed: (error) => void this.#damage.toReadError(error),
    });
  }

  async insertMessages(rows: readonly NewMessage[]): Promise<readonly InsertOutcome[]> {
    const outcomes = await this.#watched(
      this.#writer.call<readonly InsertOutcome[]>("insert", packRows(rows)),
    );
    this.#indexLoop.stored(outcomes.length);
    return outcomes;
  }

  findMessages(query: MessageQuery, { signal }: ReadOptions = {}): Promise<MessagePage> {
    const { q, to, source } = query.filter;
    const heavy =
      q !== undefined || to !== undefined || source !== undefined || query.limit > LIMIT_MAX;
    return this.#read("find", query, { heavy: heavy || this.#behind(), signal });
  }

  findMessage(messageId: string, source?: string): Promise<StoredMessage | undefined> {
    return this.#read("findOne", { messageId, source });
  }

  stats({ signal }: ReadOptions = {}): Promise<MessageStats> {
    return this.#read("stats", undefined, { heavy: this.#behind(), signal });
  }

  timeline(query: TimelineQuery, { signal }: ReadOptions = {}): Promise<readonly TimelineBucket[]> {
    return this.#read("timeline", query, { heavy: true, signal });
  }

  findSenders(query: SenderQuery, { signal }: ReadOptions = {}): Promise<SenderPage> {
    return this.#read("findSenders", query, { heavy: this.#behind(), signal });
  }

  lastReceivedAt(): Promise<string | null> {
    return this.#read("lastReceivedAt");
  }

  dataVersion(): Promise<string | undefined> {
    return this.#readers.callIfFree("dataVersion");
  }

  async #read<T>(operation: string, argument?: unknown, how?: ReadCall): Promise<T> {
    try {
      return await this.#readers.call<T>(operation, argument, how);
    } catch (error) {
      if (!(error instanceof ReadIndexBehind)) throw await this.#damage.toReadError(error);
      // Another process deleted, and ended before the index had followed. The next step of indexing
      // rebuilds the index.
      await this.#indexer.call("indexMessages", 1);
      this.#indexLoop.stored(1);
      return this.#readers.call<T>(operation, argument, how);
    }
  }

  /** A failure of a call other than a read may be caused by its argument, such as a bad row. */
  async #watched<T>(call: Promise<T>): Promise<T> {
    try {
      return await call;
    } catch (error) {
      this.#damage.noticed(error);
      throw error;
    }
  }

  async #rebuildIndex(): Promise<void> {
    const backlog = await this.#indexer.call<number>("rebuild");
    await this.#readers.reopen();
    this.#indexLoop.stored(backlog);
  }

  /** Whether the read index is so far behind that every read takes long. */
  #behind(): boolean {
    return this.backlogRows() > PLAN_BOUNDS.tailRowsMax;
  }

  backlogRows(): number {
    return this.#indexLoop.backlogRows();
  }

  queuedReads(): number {
    return this.#readers.queued();
  }

  readThreadRestarts(): number {
    return this.#readers.restarts();
  }

  ping(): Promise<void> {
    return this.#readers.callAnyway("ping");
  }

  async sizeBytes(): Promise<number> {
    const files = [this.#path, readIndexPath(this.#path)].flatMap((path) => [path, `${path}-wal`]);
    return files.reduce((sum, path) => sum + sizeOf(path), 0);
  }

  async disk() {
    const { bavail, blocks, bsize } = await statfs(dirname(this.#path));
    return { freeBytes: bavail * bsize, sizeBytes: blocks * bsize };
  }

  /**
   * Called when the index thread reads nothing, because only then can a log that is too large be
   * truncated.
   */
  async #truncateLongWals(): Promise<void> {
    const logs = [
      [this.#writer, `${this.#path}-wal`],
      [this.#indexer, `${readIndexPath(this.#path)}-wal`],
    ] as const;
    for (const [line, log] of logs) {
      // A long read makes it fail, and each attempt makes writers wait.
      if (sizeOf(log) < WAL_BYTES_MAX || performance.now() < this.#truncateNotBeforeMs) continue;
      await line.call("truncateWal");
      if (sizeOf(log) >= WAL_BYTES_MAX)
        this.#truncateNotBeforeMs = performance.now() + TRUNCATE_EVERY_MS;
    }
  }

  async close(): Promise<void> {
    await this.#indexLoop.stop();
    await this.#readers.close();
    await this.#indexer.close();
    // Last, because the last connection to close copies the write-ahead log into the file.
    await this.#writer.close();
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

interface Parts {
  readonly path: string;
  readonly writer: WorkerClient;
  readonly indexer: WorkerClient;
  readonly readers: ReaderPool;
  readonly upgraded: Upgrade;
  readonly backlog: number;
  readonly damaged: (damage: Damage) => void;
}

function inWords({ applied, notes }: Upgrade): readonly string[] {
  return [...applied.map((name) => `applied ${name}`), ...notes];
}
