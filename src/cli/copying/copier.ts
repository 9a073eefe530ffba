import { StoreUnavailable } from "../../domain/errors.ts";
import type { NewMessage } from "../../domain/message.ts";
import { BEGINNING, type CopyEndpoint, type CopyPosition } from "../../store/copying.ts";
import type { InsertOutcome, Store, StoredMessage } from "../../store/store.ts";
import { Checksum } from "./checksum.ts";

const MESSAGES_PER_STEP = 2_000;

export interface CopyTally {
  copied: number;
  /** Messages that the target already had with the same content. */
  duplicates: number;
  /** Messages that the target already had with other content, which is kept. */
  conflicts: number;
  /** Messages that the target could not store. */
  refused: number;
}

export interface CopierOptions {
  readonly source: CopyEndpoint;
  readonly target: CopyEndpoint;
  /** The store at `target`, so that it counts the copied messages like all others. */
  readonly store: Pick<Store, "insertMessages">;
  readonly signal: AbortSignal;
  /** Called with the number of messages read so far. */
  readonly progress: (messages: number) => void;
  /** Called with each message that the target could not store. */
  readonly refused: (message: StoredMessage, reason: string) => void;
}

/**
 * Copies every message from one database to another, in steps. A later run continues after the last
 * step.
 */
export class Copier {
  readonly #options: CopierOptions;
  readonly tally: CopyTally = { copied: 0, duplicates: 0, conflicts: 0, refused: 0 };

  constructor(options: CopierOptions) {
    this.#options = options;
  }

  /**
   * Copies until no message is left or the signal is aborted. Resolves with the position that was
   * reached.
   */
  async copy(from: CopyPosition): Promise<CopyPosition> {
    const { source, target, signal, progress } = this.#options;
    let read = 0;
    for (let place = from; ; ) {
      if (signal.aborted) return place;
      const part = await source.read(place, MESSAGES_PER_STEP);
      if (part.messages.length === 0) return place;
      await this.#insert(part.messages);
      place = part.position;
      await target.savePosition(source.id, place);
      read += part.messages.length;
      progress(read);
    }
  }

  async #insert(messages: readonly StoredMessage[]): Promise<void> {
    const { store, refused } = this.#options;
    const rows = messages as readonly unknown[] as readonly NewMessage[];
    try {
      this.#count(await store.insertMessages(rows));
    } catch (error) {
      if (error instanceof StoreUnavailable) throw error;
      if (messages.length > 1) {
        for (const message of messages) await this.#insert([message]);
        return;
      }
      this.tally.refused++;
      for (const message of messages)
        refused(message, error instanceof Error ? error.message : String(error));
    }
  }

  #count(outcomes: readonly InsertOutcome[]): void {
    for (const outcome of outcomes) {
      if (outcome === "created") this.tally.copied++;
      else if (outcome === "duplicate") this.tally.duplicates++;
      else this.tally.conflicts++;
    }
  }
}

export interface CopyComparison {
  readonly source: Checksum;
  /** The checksum of the same messages in the target. */
  readonly target: Checksum;
}

/**
 * Reads both databases again: every message of the source up to a position, and the same messages
 * in the target. Ends early when the signal is aborted.
 */
export async function verifyCopy(
  {
    source,
    target,
    signal,
    progress,
  }: Pick<CopierOptions, "source" | "target" | "signal" | "progress">,
  upTo: CopyPosition,
): Promise<CopyComparison> {
  const comparison = { source: new Checksum(), target: new Checksum() };
  for (let place = BEGINNING; ; ) {
    const part = await source.read(place, MESSAGES_PER_STEP, upTo);
    if (part.messages.length === 0 || signal.aborted) return comparison;
    for (const message of part.messages) comparison.source.add(message);
    for (const message of await target.find(part.messages)) comparison.target.add(message);
    place = part.position;
    progress(comparison.source.messages);
  }
}
