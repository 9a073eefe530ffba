import { createHash } from "node:crypto";
import type { StoredMessage } from "../../store/store.ts";

const BITS = 64;

/**
 * A checksum of messages that does not depend on their order. It covers what senders sent, not the
 * time of receipt.
 */
export class Checksum {
  #sum = 0n;
  #messages = 0;

  add({ source, messageId, from, to, ts, text }: StoredMessage): void {
    const digest = createHash("sha256")
      .update(JSON.stringify([source, messageId, from, to, ts, text]))
      .digest();
    this.#sum = BigInt.asUintN(BITS, this.#sum + digest.readBigUInt64BE());
    this.#messages++;
  }

  get messages(): number {
    return this.#messages;
  }

  toString(): string {
    return this.#sum.toString(16).padStart(BITS / 4, "0");
  }
}
