import type { Clock } from "../../domain/clock.ts";
import { StoreBroken, StoreUnavailable } from "../../domain/errors.ts";
import { NATIVE_SOURCE, type NewMessage } from "../../domain/message.ts";
import type { InsertOutcome, Store } from "../../store/store.ts";
import { parseImportLine } from "./import-line.ts";
import type { ImportState } from "./import-progress.ts";
import type { NdjsonLine } from "./ndjson.ts";

const ROWS_PER_BATCH_MAX = 1_000;
const LINE_BYTES_PER_BATCH_MAX = 4 * 1024 * 1024;
const ATTEMPTS_MAX = 5;
const DELAY_MS_FIRST = 200;

export interface ImporterOptions {
  readonly store: Pick<Store, "insertMessages">;
  readonly state: ImportState;
  /** Called after each committed batch. */
  readonly committed: (state: ImportState) => void;
  readonly invalid: (line: number, problem: string) => void;
}

/** Stores lines in batches. If the process ends, only the uncommitted batch is lost. */
export class Importer {
  readonly #clock: Clock;
  readonly #options: ImporterOptions;
  #state: ImportState;
  #rows: NewMessage[] = [];
  #invalid = 0;

  constructor(clock: Clock, options: ImporterOptions) {
    this.#clock = clock;
    this.#options = options;
    this.#state = options.state;
  }

  /**
   * Resolves with the state at the end, or when the signal was aborted. Rejects as the store does.
   */
  async run(lines: AsyncIterable<NdjsonLine>, signal: AbortSignal): Promise<ImportState> {
    let last: NdjsonLine | undefined;
    for await (const line of lines) {
      // The last line of an aborted input may be incomplete.
      if (signal.aborted) return this.#state;
      last = line;
      this.#add(line);
      const isFull =
        this.#rows.length >= ROWS_PER_BATCH_MAX ||
        line.end - this.#state.offset >= LINE_BYTES_PER_BATCH_MAX;
      if (isFull) await this.#commit(line);
    }
    if (last !== undefined && !signal.aborted) await this.#commit(last);
    return this.#state;
  }

  #add({ number, bytes }: NdjsonLine): void {
    const line = parseImportLine(bytes, NATIVE_SOURCE, this.#clock.now);
    if (line.ok) {
      this.#rows.push(line.row);
    } else {
      this.#invalid++;
      this.#options.invalid(number, line.problem);
    }
  }

  async #commit({ number, end }: NdjsonLine): Promise<void> {
    const outcomes = await this.#insert(this.#rows);
    const count = (wanted: InsertOutcome) =>
      outcomes.filter((outcome) => outcome === wanted).length;
    this.#state = {
      offset: end,
      line: number,
      imported: this.#state.imported + count("created"),
      duplicates: this.#state.duplicates + count("duplicate"),
      conflicts: this.#state.conflicts + count("conflict"),
      invalid: this.#state.invalid + this.#invalid,
      last: this.#rows.findLast((_, index) => outcomes[index] !== "conflict") ?? this.#state.last,
    };
    this.#rows = [];
    this.#invalid = 0;
    this.#options.committed(this.#state);
  }

  /** A running service uses the same database, so a lock is waited for and retried. */
  async #insert(rows: readonly NewMessage[]): Promise<readonly InsertOutcome[]> {
    if (rows.length === 0) return [];
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#options.store.insertMessages(rows);
      } catch (error) {
        const isPassing = error instanceof StoreUnavailable && !(error instanceof StoreBroken);
        if (!isPassing || attempt === ATTEMPTS_MAX) throw error;
        await this.#clock.sleep(DELAY_MS_FIRST * 2 ** (attempt - 1));
      }
    }
  }
}
