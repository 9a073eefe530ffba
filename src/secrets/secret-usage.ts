import type { Clock } from "../domain/clock.ts";
import type { SecretStore } from "../store/credentials.ts";
import { Fingerprints } from "./fingerprints.ts";

/** The maximum number of ended secrets whose last use is not stored yet. */
const GONE_MAX = 64;

/** When one secret was first seen and last used. */
export interface Use {
  readonly seenMs: number;
  /** 0 when it never verified a webhook. */
  lastMs: number;
  /** The last use that is stored; undefined until it was read. */
  savedMs: number | undefined;
  fingerprint: string | undefined;
}

/**
 * When each secret last verified a webhook. Uses are recorded here, and merged from time to time in
 * the database with those of the other replicas. A use belongs to the secret and not to its name,
 * so moving a secret from WEBHOOK_SECRET to WEBHOOK_SECRET_PREVIOUS loses nothing.
 */
export class SecretUsage {
  readonly fingerprints: Fingerprints;
  readonly #store: SecretStore;
  readonly #clock: Clock;
  #uses = new Map<string, Use>();

  constructor(clock: Clock, store: SecretStore, fingerprints = new Fingerprints(store)) {
    this.fingerprints = fingerprints;
    this.#store = store;
    this.#clock = clock;
  }

  /**
   * Returns the uses of these secrets, in their order. Of other secrets, only uses that are not
   * stored yet are kept.
   */
  follow(secrets: readonly string[]): readonly Use[] {
    const gone = [...this.#uses].filter(
      ([secret, use]) => !secrets.includes(secret) && isUnsaved(use),
    );
    const fresh = (): Use => ({
      seenMs: this.#clock.now(),
      lastMs: 0,
      savedMs: undefined,
      fingerprint: undefined,
    });
    const followed = secrets.map((secret) => [secret, this.#uses.get(secret) ?? fresh()] as const);
    this.#uses = new Map([...gone.slice(-GONE_MAX), ...followed]);
    return followed.map(([, use]) => use);
  }

  /** Whether a use is not stored yet. */
  hasUnsaved(): boolean {
    return [...this.#uses.values()].some(isUnsaved);
  }

  /** Undefined until the first exchange after the secret was added here. */
  fingerprintOf(secret: string): string | undefined {
    return this.#uses.get(secret)?.fingerprint;
  }

  /**
   * Stores newer uses in the database, and loads newer ones from it. The first exchange is slow for
   * each secret.
   */
  async exchange(): Promise<void> {
    const all: [string, Use][] = [];
    for (const [secret, use] of this.#uses) {
      use.fingerprint ??= await this.fingerprints.of(secret);
      all.push([use.fingerprint, use]);
    }
    const rows = await this.#store.uses(all.map(([fingerprint]) => fingerprint));
    const known = new Map(
      rows.map(({ fingerprint, lastVerifiedAt }) => [fingerprint, msOf(lastVerifiedAt)]),
    );
    // What is verified from here on is written by the next exchange.
    const news = all
      .filter(([fingerprint, { lastMs }]) => lastMs > (known.get(fingerprint) ?? -1))
      .map(([fingerprint, use]) => ({ fingerprint, use, lastMs: use.lastMs }));
    if (news.length > 0) {
      await this.#store.noteUses(
        news.map(({ fingerprint, use: { seenMs }, lastMs }) => {
          return {
            fingerprint,
            seenAt: textOf(seenMs),
            lastVerifiedAt: lastMs === 0 ? null : textOf(lastMs),
          };
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
