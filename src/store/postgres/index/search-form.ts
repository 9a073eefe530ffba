import { setTimeout as sleep } from "node:timers/promises";
import type { Transaction } from "../connection.ts";
import { CALL_MS_MAX, Database, type Statement } from "../database.ts";
import { buildIndex, isBuilt, type MessagesIndex } from "./indexes.ts";
import { foldedUnlessAscii, IS_NOT_NFC } from "./searchable.ts";

/**
 * The rows whose text is stored in another form than NFC, by an older version. Once they are
 * converted there are none.
 */
const OLD_FORMS: MessagesIndex = {
  name: "messages_not_nfc",
  definition: `(message_id) WHERE ${IS_NOT_NFC}`,
};
const LEASE = "search_form";
/**
 * The lease of a dead process lasts as long as a build may take, so this limits a build. `lyftr
 * migrate` may take longer.
 */
const BUILD_MS_MAX = 60 * 60 * 1_000;
/** A build waits for every earlier transaction, such as a dump. A start does not wait that long. */
const BUILD_AT_START_MS_MAX = 10_000;
const MIGRATE_MS_MAX = 6 * 60 * 60 * 1_000;
/** This many rows are read in less than a second, which a start may take. */
const BUILT_AT_START_ROWS_MAX = 100_000;
const ROWS_PER_STEP = 500;
const ROWS_PER_COMMIT = 50;
/** An older process may store more such rows for as long as it runs. */
const RECHECK_MS = 60_000;

/** Creates the index for new tables. */
export async function makeOldFormsIndex(tx: Transaction): Promise<void> {
  await tx.run(`CREATE INDEX ${OLD_FORMS.name} ON messages ${OLD_FORMS.definition}`);
}

/** Creates the index for tables that have messages. Returns whether there was something to do. */
export async function buildOldFormsIndex(database: Database): Promise<boolean> {
  if (await isBuilt(database, OLD_FORMS)) return false;
  await buildIndex(database, OLD_FORMS, MIGRATE_MS_MAX);
  return true;
}

export interface SearchFormOptions {
  readonly url: string;
  /** The id of this process. */
  readonly holder: string;
  /** Whether the schema may be changed. On Citus only `lyftr migrate` builds indexes. */
  readonly mayBuild: boolean;
}

/**
 * Converts the texts that an older version stored into the form that is searched. Until that is
 * done, searches convert these few rows themselves (reads/page-query.ts). They find them by an
 * index; without it, they find them as the older version did.
 */
export class SearchForm {
  readonly #options: SearchFormOptions;
  readonly #stopping = new AbortController();
  #indexed = false;
  #running: Promise<void> = Promise.resolve();

  private constructor(options: SearchFormOptions) {
    this.#options = options;
  }

  /**
   * For a small table the index exists when this resolves, so that searches are exact from the
   * start.
   */
  static async open(database: Database, options: SearchFormOptions): Promise<SearchForm> {
    const form = new SearchForm(options);
    form.#indexed = await isBuilt(database, OLD_FORMS);
    if (!form.#indexed && options.mayBuild && (await isSmall(database))) {
      await form.#build(database, BUILD_AT_START_MS_MAX).catch(() => undefined);
    }
    return form;
  }

  /** Converts existing rows, and those that an older process still stores. */
  start(database: Database): void {
    this.#running = this.#run(database);
  }

  /** Whether an index finds rows of the old form. */
  indexed(): boolean {
    return this.#indexed;
  }

  /**
   * Resolves when the current step is done. A build that is under way is aborted. Safe to call
   * twice.
   */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(database: Database): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      // The result is not awaited, because a failed step is repeated.
      await this.#step(database).catch(() => undefined);
      await sleep(RECHECK_MS, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  async #step(database: Database): Promise<void> {
    if (!this.#indexed) this.#indexed = await isBuilt(database, OLD_FORMS);
    if (!this.#indexed && this.#options.mayBuild) await this.#build(database, BUILD_MS_MAX);
    if (this.#indexed) await convertAll(database, this.#stopping.signal);
  }

  async #build(database: Database, msMax: number): Promise<void> {
    const { url, holder } = this.#options;
    const lease = await database.all(
      `UPDATE leases SET holder = $1, expires_at = now() + ${BUILD_MS_MAX} * interval '1 ms'
       WHERE name = '${LEASE}' AND expires_at < now() RETURNING name`,
      [holder],
    );
    if (lease.length === 0) return;
    // A connection of its own, so that nothing else waits for it.
    const own = new Database(url, { connectionsMax: 1 });
    try {
      await Promise.race([buildIndex(own, OLD_FORMS, msMax), aborted(this.#stopping.signal)]);
      this.#indexed = await isBuilt(database, OLD_FORMS);
    } finally {
      await own.close();
      await database.all(
        `UPDATE leases SET expires_at = 'epoch' WHERE name = '${LEASE}' AND holder = $1`,
        [holder],
      );
    }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) =>
    signal.addEventListener("abort", () => resolve(), { once: true }),
  );
}

interface OldForm {
  readonly messageId: string;
  readonly source: string;
  readonly text: string;
}

/** Converts every row of the old form, a few at a time, so that no row is locked for long. */
export async function convertAll(database: Database, signal: AbortSignal): Promise<void> {
  for (let after = ""; !signal.aborted; ) {
    const rows = await database.all<OldForm>(
      `SELECT message_id AS "messageId", source, text FROM messages
       WHERE ${IS_NOT_NFC} AND message_id >= $1 ORDER BY message_id LIMIT ${ROWS_PER_STEP}`,
      [after],
    );
    for (let at = 0; at < rows.length && !signal.aborted; at += ROWS_PER_COMMIT) {
      await database.batch(rows.slice(at, at + ROWS_PER_COMMIT).map(conversion), CALL_MS_MAX);
    }
    const last = rows.at(-1)?.messageId;
    // A server with a newer Unicode version than this process may leave a row unchanged.
    if (last === undefined || last === after) return;
    after = last;
  }
}

function conversion({ messageId, source, text }: OldForm): Statement {
  return {
    // A message that was deleted and sent again in between already has the new form.
    sql: "UPDATE messages SET folded = $1 WHERE message_id = $2 AND source = $3 AND text = $4 AND folded IS DISTINCT FROM $1",
    values: [foldedUnlessAscii(text), messageId, source, text],
  };
}

async function isSmall(database: Database): Promise<boolean> {
  const [row] = await database.all<{ rows: number }>(
    `SELECT count(*) AS rows FROM (SELECT 1 FROM messages LIMIT ${BUILT_AT_START_ROWS_MAX + 1}) AS counted`,
  );
  return Number(row?.rows ?? 0) <= BUILT_AT_START_ROWS_MAX;
}
