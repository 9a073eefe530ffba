import type { SecretStore } from "../store/credentials.ts";
import { fingerprintOf } from "./sealing.ts";

/** Twice the secrets that can be accepted at once. */
const REMEMBERED_MAX = 32;

/**
 * The fingerprints of secrets in one database. Each takes about 100 ms and 32 MiB, so they are
 * computed one after the other, and those of the last secrets are remembered.
 */
export class Fingerprints {
  readonly #store: Pick<SecretStore, "databaseId">;
  readonly #fingerprintOf: typeof fingerprintOf;
  readonly #known = new Map<string, string>();
  #databaseId: string | undefined;
  #last: Promise<unknown> = Promise.resolve();

  /** A simulation replaces the function, which is slow on purpose. */
  constructor(store: Pick<SecretStore, "databaseId">, compute = fingerprintOf) {
    this.#store = store;
    this.#fingerprintOf = compute;
  }

  async of(secret: string): Promise<string> {
    const known = this.#known.get(secret);
    if (known !== undefined) return known;
    const computed = this.#last.then(() => this.#compute(secret));
    this.#last = computed.catch(() => undefined);
    return computed;
  }

  async #compute(secret: string): Promise<string> {
    const known = this.#known.get(secret);
    if (known !== undefined) return known;
    this.#databaseId ??= await this.#store.databaseId();
    const computed = await this.#fingerprintOf(secret, this.#databaseId);
    const [oldest] = this.#known.keys();
    if (this.#known.size >= REMEMBERED_MAX && oldest !== undefined) this.#known.delete(oldest);
    this.#known.set(secret, computed);
    return computed;
  }
}
