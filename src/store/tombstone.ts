import { hash } from "node:crypto";

const HASH_BYTES = 16;

/**
 * What is kept of a deleted message: half of the SHA-256 of its key. 128 bits, so that no message is ever taken for another; and of an id
 * that nobody can guess, nobody can tell what it was.
 */
export function tombstoneOf({ source, messageId }: { readonly source: string; readonly messageId: string }): Buffer {
  return hash("sha256", `${source}\0${messageId}`, "buffer").subarray(0, HASH_BYTES);
}
