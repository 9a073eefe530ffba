import { hash } from "node:crypto";

const ENTRIES_MAX = 1_000;
const BYTES_MAX = 16 * 1024 * 1024;
/** A few large ones would push out all others. */
const RESPONSE_BYTES_MAX = 2 * 1024 * 1024;
/** JavaScript keeps a text with one letter beyond Latin-1 in two bytes a character. */
const BYTES_PER_CHARACTER_MAX = 2;
/** The objects around the two texts. */
const OVERHEAD_BYTES = 256;
/** 132 bits. */
const TAG_CHARACTERS = 22;

/** A text, and a short one that differs whenever the text does. */
export interface ResponseBody {
  readonly text: string;
  readonly tag: string;
}

export function bodyOf(text: string): ResponseBody {
  return { text, tag: hash("sha256", text, "base64url").slice(0, TAG_CHARACTERS) };
}

/** A response, and until when it may be given. */
export interface KeptResponse {
  readonly body: ResponseBody;
  /** The generation of this process's writes in which it was read. */
  readonly generation: number;
  /** By the monotonic clock. */
  readonly untilMs: number;
}

/** Responses by question, in bounded memory: the least recently used go first. */
export class KeptResponses {
  /** In the order of their last use. */
  readonly #kept = new Map<string, KeptResponse>();
  #bytes = 0;

  get(question: string): KeptResponse | undefined {
    const kept = this.#kept.get(question);
    if (kept === undefined) return undefined;
    this.#kept.delete(question);
    this.#kept.set(question, kept);
    return kept;
  }

  put(question: string, kept: KeptResponse): void {
    this.#drop(question);
    const bytes = bytesOf(question, kept);
    if (bytes > RESPONSE_BYTES_MAX) return;
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

function bytesOf(question: string, { body }: KeptResponse): number {
  const characters = question.length + body.text.length + body.tag.length;
  return OVERHEAD_BYTES + BYTES_PER_CHARACTER_MAX * characters;
}
