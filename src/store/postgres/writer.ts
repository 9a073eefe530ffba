import { StoreUnavailable } from "../../domain/errors.ts";
import type { NewMessage } from "../../domain/message.ts";
import { instantOf } from "../../domain/timestamp.ts";
import type { Runtime } from "../../runtime.ts";
import { compareText } from "../list-position.ts";
import { tombstoneOf } from "../retention.ts";
import type { InsertOutcome } from "../store.ts";
import type { Value } from "./connection.ts";
import { CALL_MS_MAX, type Database } from "./database.ts";
import { isOutcomeUnknown, isRetryable } from "./failures.ts";
import { foldedUnlessAscii } from "./index/searchable.ts";
import { StreamBudget } from "./stream-budget.ts";

/**
 * The attempts for two replicas that store the same messages and deadlock. With sorted keys even
 * one deadlock is rare.
 */
const TRIES_MAX = 4;
const RETRY_MS_FIRST = 10;
/** How long a stream is written to. So a stream that was opened a day ago has certainly ended. */
const STREAM_MS_MAX = 12 * 60 * 60 * 1_000;
const STREAM_NUMBER_MAX = 2 ** 48;

const COLUMNS = [
  "source",
  "message_id",
  "from_msisdn",
  "to_msisdn",
  "ts",
  "instant",
  "text",
  "folded",
  "created_at",
];
const insertWhere = (condition: string) => `
  INSERT INTO messages (${COLUMNS.join(", ")}, stream, seq)
  SELECT ${COLUMNS.join(", ")}, $11, seq
  FROM unnest(${COLUMNS.map((_, at) => `$${at + 1}::text[]`).join(", ")}, $10::bigint[]) AS given (${COLUMNS.join(", ")}, seq)
  WHERE ${condition}
  ON CONFLICT DO NOTHING
  RETURNING message_id AS "messageId", source`;
// The stream has to be known: messages in an unknown stream count as counted.
const KNOWN = "EXISTS (SELECT 1 FROM streams WHERE stream = $11)";
const INSERT = {
  name: "insert",
  sql: insertWhere(`${KNOWN} AND NOT EXISTS (SELECT 1 FROM deletions)`),
};
// Once messages have been deleted, a batch removes those of its own messages that have a tombstone.
// It checks after the insert, with a new snapshot. An insert that waited for a running deletion has
// a snapshot from before the deletion.
const INSERT_UNCHECKED = { name: "insert unchecked", sql: insertWhere(KNOWN) };
// The server may plan this with few tombstones and run it with many. Without a join there is only
// one plan.
const REMOVE_TOMBSTONED = {
  name: "remove tombstoned",
  sql: `DELETE FROM messages WHERE stream = $1 AND seq = ANY(ARRAY(
          SELECT ($2::bigint[])[array_position($3::text[], hash)] FROM tombstones WHERE hash = ANY($3::text[])))
        RETURNING message_id AS "messageId", source`,
};
const STORED = `
  SELECT message_id AS "messageId", source, from_msisdn AS "from", to_msisdn AS "to", ts, text
  FROM messages WHERE message_id = ANY($1::text[])`;

/** `random` gives the number of a stream, and the pause before a new attempt. */
export type WriterOptions = Pick<Runtime, "random">;

/** Stores the messages of one process: one batch after the other, in the process's own stream. */
export class Writer {
  readonly #database: Database;
  readonly #random: () => number;
  #last: Promise<unknown> = Promise.resolve();
  #stream: { readonly number: number; readonly openedMs: number } | undefined;
  #seq = 0;
  #checksTombstones = false;
  readonly #budget = new StreamBudget(() => performance.now());

  /** `database` has the settings of BY_INDEX. */
  constructor(database: Database, { random }: WriterOptions) {
    this.#database = database;
    this.#random = random;
  }

  /**
   * See {@link Store.insertMessages}. Calls are served in turn: the order within a stream tells
   * what is counted.
   */
  insert(rows: readonly NewMessage[]): Promise<readonly InsertOutcome[]> {
    const inserted = this.#last.then(() => this.#insert(rows));
    this.#last = inserted.catch(() => undefined);
    return inserted;
  }

  /** Resolves when all calls are answered and the stream is closed. */
  async close(): Promise<void> {
    await this.#last;
    await this.#closeStream();
  }

  async #insert(
    rows: readonly NewMessage[],
    deadlineMs = performance.now() + CALL_MS_MAX,
  ): Promise<readonly InsertOutcome[]> {
    const first = new Map<string, NewMessage>();
    for (const row of rows) if (!first.has(keyOf(row))) first.set(keyOf(row), row);
    const { created, deleted } = await this.#store([...first.values()].sort(byKey), deadlineMs);
    const late = [...first]
      .filter(([key]) => !created.has(key) && !deleted.has(key))
      .map(([, row]) => row);
    const stored = await this.#stored(late, deadlineMs);
    const missing = late.filter((row) => !stored.has(keyOf(row)));
    if (missing.length > 0 && !this.#checksTombstones && (await this.#hasDeletions(deadlineMs)))
      return this.#insert(rows, deadlineMs);
    for (const key of await this.#tombstoned(missing, deadlineMs)) deleted.add(key);
    // A caller may pass one object twice, so the first row is found by its place.
    const unanswered = new Set(created);
    return rows.map((row) => {
      const key = keyOf(row);
      if (unanswered.delete(key)) return "created";
      // The deleted content is no longer known, so this cannot be a conflict.
      if (deleted.has(key)) return "duplicate";
      const kept = created.has(key) ? (first.get(key) as NewMessage) : stored.get(key);
      // Nothing was stored and no message exists: the stream was removed in the meantime.
      if (kept === undefined) throw this.#lost();
      return isSame(kept, row) ? "duplicate" : "conflict";
    });
  }

  async #store(rows: readonly NewMessage[], deadlineMs: number): Promise<Stored> {
    for (let tries = 1; ; tries++) {
      try {
        const stream = await this.#openStream(deadlineMs);
        return await this.#storeIn(stream, rows, deadlineMs);
      } catch (error) {
        // The batch may become visible later. So nothing that is counted before may follow it in
        // the same stream.
        const cause = error instanceof Error ? (error.cause ?? error) : error;
        if (isOutcomeUnknown(cause)) this.#stream = undefined;
        if (tries === TRIES_MAX || !isRetryable(cause)) throw error;
        const pauseMs = RETRY_MS_FIRST * 2 ** tries * (0.5 + this.#random());
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    }
  }

  async #storeIn(stream: number, rows: readonly NewMessage[], deadlineMs: number): Promise<Stored> {
    const seqs = rows.map(() => ++this.#seq);
    const values = valuesOf(rows, stream, seqs);
    if (!this.#checksTombstones) {
      const { name, sql } = INSERT;
      const created = await this.#database.all<StoredKey>(sql, values, {
        msMax: left(deadlineMs),
        name,
      });
      return { created: new Set(created.map(keyOf)), deleted: new Set() };
    }
    const hashes = rows.map((row) => tombstoneOf(row).toString("hex"));
    const [inserted = [], takenBack = []] = await this.#database.batch<StoredKey>(
      [
        { ...INSERT_UNCHECKED, values },
        { ...REMOVE_TOMBSTONED, values: [stream, seqs, hashes] },
      ],
      left(deadlineMs),
    );
    const deleted = new Set(takenBack.map(keyOf));
    const created = inserted.map(keyOf).filter((key) => !deleted.has(key));
    return { created: new Set(created), deleted };
  }

  async #stored(
    rows: readonly NewMessage[],
    deadlineMs: number,
  ): Promise<ReadonlyMap<string, StoredContent>> {
    if (rows.length === 0) return new Map();
    const ids = rows.map(({ messageId }) => messageId);
    const stored = await this.#database.all<StoredContent>(STORED, [ids], {
      msMax: left(deadlineMs),
    });
    return new Map(stored.map((row) => [keyOf(row), row]));
  }

  /** Whether a message was ever deleted. Once true, it is remembered. */
  async #hasDeletions(deadlineMs: number): Promise<boolean> {
    const begun = await this.#database.all("SELECT 1 FROM deletions", [], {
      msMax: left(deadlineMs),
    });
    this.#checksTombstones = begun.length > 0;
    return this.#checksTombstones;
  }

  /** Those of the messages that have a tombstone. */
  async #tombstoned(rows: readonly NewMessage[], deadlineMs: number): Promise<readonly string[]> {
    if (rows.length === 0 || !this.#checksTombstones) return [];
    const keys = new Map(rows.map((row) => [tombstoneOf(row).toString("hex"), keyOf(row)]));
    const found = await this.#database.all<{ hash: string }>(
      "SELECT hash FROM tombstones WHERE hash = ANY($1::text[])",
      [[...keys.keys()]],
      { msMax: left(deadlineMs) },
    );
    return found.map(({ hash }) => keys.get(hash) as string);
  }

  async #openStream(deadlineMs: number): Promise<number> {
    if (this.#stream !== undefined && performance.now() - this.#stream.openedMs > STREAM_MS_MAX) {
      await this.#closeStream();
    }
    if (this.#stream === undefined) {
      if (!this.#budget.allows())
        throw new StoreUnavailable("PostgreSQL: too many batches in a row were aborted");
      const number = 1 + Math.floor(this.#random() * STREAM_NUMBER_MAX);
      const openedMs = performance.now();
      await this.#database.all("INSERT INTO streams VALUES ($1, 0, now(), false)", [number], {
        msMax: left(deadlineMs),
      });
      this.#budget.opened();
      this.#stream = { number, openedMs };
      this.#seq = 0;
    }
    return this.#stream.number;
  }

  /**
   * Marks the stream as ended, so that it is removed once it is counted. If that fails, it is
   * removed after a day.
   */
  async #closeStream(): Promise<void> {
    const stream = this.#stream;
    this.#stream = undefined;
    if (stream === undefined) return;
    await this.#database
      .all("UPDATE streams SET closed = true WHERE stream = $1", [stream.number])
      .catch(() => undefined);
  }

  #lost(): StoreUnavailable {
    this.#stream = undefined;
    return new StoreUnavailable("PostgreSQL: a message is neither new nor stored");
  }
}

interface StoredKey {
  readonly messageId: string;
  readonly source: string;
}
interface StoredContent extends StoredKey {
  readonly from: string;
  readonly to: string;
  readonly ts: string;
  readonly text: string | null;
}

/** The outcome of the new messages. Existing ones are in neither set. */
interface Stored {
  readonly created: Set<string>;
  /** Messages that were deleted earlier. */
  readonly deleted: Set<string>;
}

function valuesOf(
  rows: readonly NewMessage[],
  stream: number,
  seqs: readonly number[],
): readonly Value[] {
  return [
    rows.map(({ source }) => source),
    rows.map(({ messageId }) => messageId),
    rows.map(({ from }) => from),
    rows.map(({ to }) => to),
    rows.map(({ ts }) => ts),
    rows.map(({ ts }) => instantOf(ts)),
    rows.map(({ text }) => text),
    rows.map(({ text }) => foldedUnlessAscii(text)),
    rows.map(({ createdAt }) => createdAt),
    seqs,
    stream,
  ];
}

function keyOf({ messageId, source }: StoredKey): string {
  return `${messageId}\0${source}`;
}

function byKey(a: StoredKey, b: StoredKey): number {
  return compareText(a.messageId, b.messageId) || compareText(a.source, b.source);
}

function isSame(a: StoredContent, b: StoredContent): boolean {
  return a.from === b.from && a.to === b.to && a.ts === b.ts && a.text === b.text;
}

/** The milliseconds until the deadline, at least 1. */
function left(deadlineMs: number): number {
  return Math.max(1, deadlineMs - performance.now());
}
