import { setTimeout as sleep } from "node:timers/promises";
import {
  Overloaded,
  QueryTooExpensive,
  ReadCancelled,
  StoreDamaged,
  StoreRefused,
  StoreUnavailable,
} from "../../../domain/errors.ts";
import type { Damage } from "../../damage.ts";
import { readIndexPath } from "../index/connection.ts";
import { examine } from "./examine.ts";

/** How long a failed read waits for the examination before its client is answered. */
const ANSWER_MS_MAX = 2_000;
/**
 * Reading both files costs disk and processor time, so examinations are at least this far apart.
 */
const EXAMINE_EVERY_MS = 60_000;

/** Failures whose meaning is known. Any other failure may be a result of damage. */
const KNOWN = [StoreUnavailable, Overloaded, QueryTooExpensive, ReadCancelled, StoreRefused];

export interface DamageWatchOptions {
  readonly path: string;
  readonly damaged: (damage: Damage) => void;
  /** Discards the read index and starts another one. */
  readonly rebuildIndex: () => Promise<void>;
}

/**
 * Finds out which file is damaged when a call reports damage. A damaged read index is discarded and
 * rebuilt; a damaged database is reported once.
 */
export class DamageWatch {
  readonly #options: DamageWatchOptions;
  #running: Promise<boolean> | undefined;
  #examinedMs = Number.NEGATIVE_INFINITY;
  /** Whether damage was found that only an operator can repair. */
  #isReported = false;

  constructor(options: DamageWatchOptions) {
    this.#options = options;
  }

  /** Must be called for every failure of a call. */
  noticed(error: unknown): void {
    if (error instanceof StoreDamaged) void this.#examine(error);
  }

  /** The error for the client of a failed read. An unknown failure is examined first. */
  async toReadError(error: unknown): Promise<unknown> {
    this.noticed(error);
    if (KNOWN.some((Known) => error instanceof Known)) return error;
    const late = new AbortController();
    const waited = sleep(ANSWER_MS_MAX, false, { signal: late.signal }).catch(() => false);
    const found = await Promise.race([this.#examine(undefined), waited]);
    late.abort();
    return found ? new StoreDamaged(error instanceof Error ? error.message : String(error)) : error;
  }

  /**
   * Resolves with whether something is damaged. `met` is the damage that a call reported, if any.
   */
  #examine(met: StoreDamaged | undefined): Promise<boolean> {
    if (this.#isReported) return Promise.resolve(true);
    const isMet = met !== undefined;
    if (this.#running === undefined && performance.now() - this.#examinedMs < EXAMINE_EVERY_MS)
      return Promise.resolve(isMet);
    this.#running ??= this.#examineBoth(met)
      // The files cannot be examined or the index cannot be rebuilt now: the next failure tries
      // again.
      .catch(() => isMet)
      .finally(() => {
        this.#running = undefined;
        this.#examinedMs = performance.now();
      });
    return this.#running;
  }

  async #examineBoth(met: StoreDamaged | undefined): Promise<boolean> {
    const { path } = this.#options;
    const indexPath = readIndexPath(path);
    const index = await examine(indexPath);
    if (index.kind === "damaged") await this.#discardIndex(index.problems[0] ?? "");
    if (index.kind === "unreadable")
      this.#report({ kind: "unreadable", file: indexPath, problem: index.problem });
    const database = await examine(path);
    if (database.kind === "damaged")
      this.#report({ kind: "database", file: path, problem: database.problems[0] ?? "" });
    if (database.kind === "unreadable")
      this.#report({ kind: "unreadable", file: path, problem: database.problem });
    if (this.#isReported || index.kind === "damaged") return true;
    // Both files are sound. If SQLite reported the damage, a read failed once. If a read found a
    // contradiction, the index is wrong.
    if (met !== undefined && !met.message.startsWith("SQLite:"))
      await this.#discardIndex(met.message);
    return met !== undefined;
  }

  #report(damage: Damage): void {
    this.#isReported = true;
    this.#options.damaged(damage);
  }

  async #discardIndex(problem: string): Promise<void> {
    await this.#options.rebuildIndex();
    this.#options.damaged({ kind: "read_index", file: readIndexPath(this.#options.path), problem });
  }
}
