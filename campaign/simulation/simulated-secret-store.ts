import { StoreUnavailable } from "../../src/domain/errors.ts";
import type { AcceptingProcess, KeptSecret, SecretUse } from "../../src/store/credentials.ts";
import type { Random } from "../support/random.ts";
import type { SimulatedClock } from "./simulated-clock.ts";

export const QUICK_MS_MAX = 100;
const SLOW_MS_MAX = 20_000;

/** What all replicas share. */
export class SecretDatabase {
  kept: readonly KeptSecret[] = [];
  /** When each secret last verified a webhook, by its fingerprint. */
  readonly lastMs = new Map<string, number>();
  /** The true time at which each process last recorded what it accepts. */
  readonly acceptedMs = new Map<string, number>();
}

/** The database as one replica sees it: late, or unavailable. */
export class ReplicaStore {
  readonly #clock: SimulatedClock;
  readonly #random: Random;
  readonly #database: SecretDatabase;
  isAway = false;
  isSlow = false;
  /** The true time of the newest state of the database that the replica has. */
  readMs = Number.NEGATIVE_INFINITY;
  /** Since when the database has answered quickly. */
  goodSinceMs = 0;

  constructor(clock: SimulatedClock, random: Random, database: SecretDatabase) {
    this.#clock = clock;
    this.#random = random;
    this.#database = database;
  }

  async list(): Promise<readonly KeptSecret[]> {
    const { readMs, kept } = await this.#work(() => {
      return { readMs: this.#clock.now(), kept: this.#database.kept };
    });
    this.readMs = readMs;
    return kept;
  }

  async databaseId(): Promise<string> {
    return "id";
  }

  uses(fingerprints: readonly string[]): Promise<readonly SecretUse[]> {
    return this.#work(() =>
      fingerprints.flatMap((fingerprint) => {
        const lastMs = this.#database.lastMs.get(fingerprint);
        if (lastMs === undefined) return [];
        const lastVerifiedAt = lastMs === 0 ? null : new Date(lastMs).toISOString();
        return [{ fingerprint, seenAt: "", lastVerifiedAt }];
      }),
    );
  }

  noteUses(uses: readonly SecretUse[]): Promise<void> {
    return this.#work(() => {
      for (const { fingerprint, lastVerifiedAt } of uses) {
        const lastMs = lastVerifiedAt === null ? 0 : Date.parse(lastVerifiedAt);
        const known = this.#database.lastMs.get(fingerprint) ?? 0;
        this.#database.lastMs.set(fingerprint, Math.max(known, lastMs));
      }
    });
  }

  noteAccepted({ process }: AcceptingProcess): Promise<void> {
    return this.#work(() => void this.#database.acceptedMs.set(process, this.#clock.now()));
  }

  dropAccepted(process: string): Promise<void> {
    return this.#work(() => void this.#database.acceptedMs.delete(process));
  }

  fail(isAway: boolean, isSlow: boolean): void {
    this.isAway = isAway;
    this.isSlow = isSlow;
    // A slow answer may still be under way.
    const untilGoodMs = isSlow || isAway ? Number.POSITIVE_INFINITY : SLOW_MS_MAX;
    this.goodSinceMs = this.#clock.now() + untilGoodMs;
  }

  /** The work is done, or not, before an answer comes that says so, or not. */
  async #work<T>(work: () => T): Promise<T> {
    const { isAway } = this;
    await this.#clock.sleep(this.#delayMs() / 2);
    const result = isAway && this.#random.chance(0.5) ? undefined : work();
    await this.#clock.sleep(this.#delayMs() / 2);
    if (isAway) throw new StoreUnavailable("simulated");
    return result as T;
  }

  #delayMs(): number {
    return this.#random.between(0, this.isSlow ? SLOW_MS_MAX : QUICK_MS_MAX);
  }
}
