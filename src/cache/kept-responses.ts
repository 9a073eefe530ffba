import { hash } from "node:crypto";
import { LRUCache } from "lru-cache";

const ENTRIES_MAX = 1_000;
const BYTES_MAX = 16 * 1024 * 1024;
/** Larger responses are not kept: a few of them would push out all others. */
const RESPONSE_BYTES_MAX = 2 * 1024 * 1024;
/** JavaScript stores a text with one letter beyond Latin-1 in two bytes a character. */
const BYTES_PER_CHARACTER_MAX = 2;
/** The objects around the two texts. */
const OVERHEAD_BYTES = 256;
/** 132 bits. */
const TAG_CHARACTERS = 22;

/** A text, and a short tag that differs whenever the text does. */
export interface ResponseBody {
  readonly text: string;
  readonly tag: string;
}

export function bodyOf(text: string): ResponseBody {
  return { text, tag: hash("sha256", text, "base64url").slice(0, TAG_CHARACTERS) };
}

/** A response, and the time until which it may be served. */
export interface KeptResponse {
  readonly body: ResponseBody;
  /** The write generation of this process in which it was read. */
  readonly generation: number;
  /** The version of the stored data from before it was read, if it was asked for. */
  readonly version?: string | undefined;
  /** By the monotonic clock. */
  readonly untilMs: number;
}

/** Responses by request, in bounded memory: the least recently used are dropped first. */
export function keptResponses(): LRUCache<string, KeptResponse> {
  return new LRUCache({
    max: ENTRIES_MAX,
    maxSize: BYTES_MAX,
    maxEntrySize: RESPONSE_BYTES_MAX,
    sizeCalculation: bytesOf,
  });
}

/** The memory that the response takes at least. */
function bytesOf({ body }: KeptResponse, question: string): number {
  const characters = question.length + body.text.length + body.tag.length;
  return OVERHEAD_BYTES + BYTES_PER_CHARACTER_MAX * characters;
}
