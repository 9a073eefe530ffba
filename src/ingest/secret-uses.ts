import type { Clock } from "../domain/clock.ts";
import { fingerprintOf } from "../providers/fingerprint.ts";
import type { SecretStore } from "../store/credentials.ts";

/** Secrets that are not accepted any more, whose last use is still to be written down. */
const GONE_MAX = 64;

/** When one secret was used. */
export interface Use {
  readonly seenMs: number;
  /** 0 when it never verified a webhook. */
  lastMs: number;
  /** Up to here it is in the database; undefined while what is there is not known. */
  savedMs: number | undefined;
  fingerprint: string | undefined;
}

/**
 * When each secret last verified a webhook: counted here, and now and then brought together with what all replicas know in the database.
 * It belongs to the secret, whatever that is called, so moving one from WEBHOOK_SECRET to WEBHOOK_SECRET_PREVIOUS loses nothing.
 */
export class SecretUses {
  readonly #store: SecretStore;
  readonly #clock: Clock;
  #uses = new Map<string, Use>();
  #databaseId: string | undefined;

  constructor({ store, clock }: { readonly store: SecretStore; readonly clock: Clock }) {
    this.#store = store;
    this.#clock = clock;
  }

  /** The uses of these secrets, in their order; of others only what is not in the database yet is kept. */
  follow(secrets: readonly string[]): readonly Use[] {
    const gone = [...this.#uses].filter(([secret, use]) => !secrets.includes(secret) && isUnsaved(use));
    const fresh = (): Use => ({ seenMs: this.#clock.now(), lastMs: 0, savedMs: undefined, fingerprint: undefined });
    const followed = secrets.map((secret) => [secret, this.#uses.get(secret) ?? fresh()] as const);
    this.#uses = new Map([...gone.slice(-GONE_MAX), ...followed]);
    return followed.map(([, use]) => use);
  }

  /** Whether a webhook was verified of which the database knows nothing yet. */
  hasUnsaved(): boolean {
    return [...this.#uses.values()].some(isUnsaved);
  }

  /** The fingerprint of a secret that was followed at the last exchange; undefined when there was none since. */
  fingerprintOf(secret: string): string | undefined {
    return this.#uses.get(secret)?.fingerprint;
  }

  /** Writes down what is new here, and takes over what is newer there. Slow for a secret it meets for the first time. */
  async exchange(): Promise<void> {
    this.#databaseId ??= await this.#store.databaseId();
    const all: [string, Use][] = [];
    for (const [secret, use] of this.#uses) {
      use.fingerprint ??= await fingerprintOf(secret, this.#databaseId);
      all.push([use.fingerprint, use]);
    }
    const rows = await this.#store.uses(all.map(([fingerprint]) => fingerprint));
    const known = new Map(rows.map(({ fingerprint, lastVerifiedAt }) => [fingerprint, msOf(lastVerifiedAt)]));
    // What is verified from here on is for the next time.
    const news = all
      .filter(([fingerprint, { lastMs }]) => lastMs > (known.get(fingerprint) ?? -1))
      .map(([fingerprint, use]) => ({ fingerprint, use, lastMs: use.lastMs }));
    if (news.length > 0) {
      await this.#store.noteUses(
        news.map(({ fingerprint, use: { seenMs }, lastMs }) => {
          return { fingerprint, seenAt: textOf(seenMs), lastVerifiedAt: lastMs === 0 ? null : textOf(lastMs) };
        }),
      );
    }
    for (const { fingerprint, lastMs } of news) known.set(fingerprint, lastMs);
    for (const [fingerprint, use] of all) {
      use.savedMs = known.get(fingerprint) ?? 0;
      use.lastMs = Math.max(use.lastMs, use.savedMs);
    }
  }
}

function isUnsaved({ lastMs, savedMs = 0 }: Use): boolean {
  return lastMs > savedMs;
}

function msOf(timestamp: string | null): number {
  return timestamp === null ? 0 : Date.parse(timestamp);
}

function textOf(ms: number): string {
  return new Date(ms).toISOString();
}
