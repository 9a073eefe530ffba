import type { Answer } from "./answer.ts";

const ENTRIES_MAX = 1_000;
const BYTES_MAX = 16 * 1024 * 1024;
/** A few large ones would push out all others. */
const ANSWER_BYTES_MAX = 2 * 1024 * 1024;
/** JavaScript keeps a text with one letter beyond Latin-1 in two bytes a character. */
const BYTES_PER_CHARACTER_MAX = 2;
/** The objects around the two texts. */
const OVERHEAD_BYTES = 256;

/** An answer, and until when it may be given. */
export interface Kept {
  readonly answer: Answer;
  /** The generation of this process's own writes in which it was read. */
  readonly generation: number;
  /** Of the monotonic clock. */
  readonly untilMs: number;
}

/** Answers by question, in bounded memory: the least recently used go first. */
export class KeptAnswers {
  /** In the order of their last use. */
  readonly #kept = new Map<string, Kept>();
  #bytes = 0;

  get(question: string): Kept | undefined {
    const kept = this.#kept.get(question);
    if (kept === undefined) return undefined;
    this.#kept.delete(question);
    this.#kept.set(question, kept);
    return kept;
  }

  put(question: string, kept: Kept): void {
    this.#drop(question);
    const bytes = bytesOf(question, kept);
    if (bytes > ANSWER_BYTES_MAX) return;
    this.#kept.set(question, kept);
    this.#bytes += bytes;
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= ENTRIES_MAX && this.#bytes <= BYTES_MAX) return;
      this.#drop(oldest);
    }
  }

  clear(): void {
    this.#kept.clear();
    this.#bytes = 0;
  }

  entries(): number {
    return this.#kept.size;
  }

  /** No less than they take. */
  bytes(): number {
    return this.#bytes;
  }

  #drop(question: string): void {
    const kept = this.#kept.get(question);
    if (kept === undefined) return;
    this.#kept.delete(question);
    this.#bytes -= bytesOf(question, kept);
  }
}

function bytesOf(question: string, { answer }: Kept): number {
  return OVERHEAD_BYTES + BYTES_PER_CHARACTER_MAX * (question.length + answer.text.length + answer.tag.length);
}
