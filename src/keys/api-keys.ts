import { timingSafeEqual } from "node:crypto";
import {
  ADMIN_KEY_NAME,
  type ApiKey,
  endOf,
  hashOfKey,
  isKey,
  isLive,
  type Scope,
} from "../domain/api-key.ts";
import { within } from "../domain/clock.ts";
import { failureInWords } from "../domain/failure-words.ts";
import type { Runtime } from "../runtime.ts";
import type { KeyStore } from "../store/credentials.ts";
import type { Creation, KeyIssuer, NewKey, Rotation } from "./key-issuer.ts";

// A key that is revoked anywhere is refused here within 5 s. That is the time of two reloads, of
// which the first may hang, plus the duration of the last one.
const RELOAD_EVERY_MS = 2_000;
const RELOAD_MS_MAX = 1_500;
/** The maximum number of hanging reloads. Further ones would only queue after them. */
const RELOADS_UNDER_WAY_MAX = 2;
/** After this many failures in a row, revocations may be missed, and the operator should know. */
const FAILURES_LOGGED_MIN = 2;
/**
 * Last uses are stored together. All keys are then read again too, in case the table was edited by
 * hand.
 */
const SAVE_USES_EVERY_MS = 60_000;
const USES_PER_STEP_MAX = 500;
const LAST_SAVE_MS_MAX = 1_000;

export interface ApiKeysOptions {
  readonly store: KeyStore;
  readonly issuer: KeyIssuer;
  /** A key of scope `admin` that is stored nowhere else. */
  readonly adminKey: string | undefined;
}

/** The owner of an API key. */
export interface KeyHolder {
  readonly id: string;
  readonly name: string;
  readonly scope: Scope;
}

/** Why a text is not an accepted key. */
export type KeyRefusal = "malformed" | "unknown" | "revoked" | "retired" | "expired";

/** The name of a key's owner in the audit. */
export function actorOf({ id, name }: KeyHolder): string {
  return id === ADMIN_KEY_NAME ? ADMIN_KEY_NAME : `key:${name}`;
}

interface Known {
  readonly holder: KeyHolder;
  readonly endMs: number;
}

const ADMIN: KeyHolder = { id: ADMIN_KEY_NAME, name: ADMIN_KEY_NAME, scope: "admin" };

/**
 * The API keys of the running service: all of them in memory, reloaded every 2 s. While the
 * database is unavailable the last known ones stay valid, and still expire.
 */
export class ApiKeys {
  readonly #runtime: Pick<Runtime, "clock" | "log">;
  readonly #options: ApiKeysOptions;
  readonly #adminHash: Buffer | undefined;
  readonly #closing = new AbortController();
  readonly #uses = new Map<string, number>();
  #keys = new Map<string, ApiKey>();
  #byHash = new Map<string, Known>();
  /** By hash, including those that are refused. */
  #everyKey: ReadonlyMap<string, ApiKey> = new Map();
  #running: Promise<void> = Promise.resolve();
  #hasEverExisted: boolean;
  #version: string | undefined;
  /** The numbers of the last reload that began, and of the one that gave the current state. */
  #began = 0;
  #taken = 0;
  #underWay = 0;
  #failures = 0;
  #savedMs: number;

  /** Resolves when the keys are loaded. */
  static async start(
    runtime: Pick<Runtime, "clock" | "log">,
    options: ApiKeysOptions,
  ): Promise<ApiKeys> {
    const keys = new ApiKeys(runtime, options);
    await keys.#reload();
    keys.#running = keys.#run();
    return keys;
  }

  private constructor(runtime: Pick<Runtime, "clock" | "log">, options: ApiKeysOptions) {
    this.#runtime = runtime;
    this.#options = options;
    const { adminKey } = options;
    this.#adminHash = adminKey === undefined ? undefined : Buffer.from(hashOfKey(adminKey), "hex");
    this.#hasEverExisted = adminKey !== undefined;
    this.#savedMs = runtime.clock.monotonic();
  }

  /** Whether a key exists or ever existed, even if it ended. Once true, it stays so. */
  hasEverExisted(): boolean {
    return this.#hasEverExisted;
  }

  /** Whether a key exists that is accepted now. */
  anyLive(): boolean {
    const at = new Date(this.#runtime.clock.now()).toISOString();
    return this.#adminHash !== undefined || [...this.#keys.values()].some((key) => isLive(key, at));
  }

  /**
   * The owner of a key, if the key is accepted now. Every text costs the same few microseconds and
   * no memory.
   */
  authenticate(text: string): KeyHolder | undefined {
    if (this.#adminHash === undefined && !isKey(text)) return undefined;
    const hash = hashOfKey(text);
    if (this.#adminHash !== undefined && timingSafeEqual(Buffer.from(hash, "hex"), this.#adminHash))
      return ADMIN;
    const known = this.#byHash.get(hash);
    const nowMs = this.#runtime.clock.now();
    if (known === undefined || known.endMs <= nowMs) return undefined;
    this.#uses.set(known.holder.id, nowMs);
    return known.holder;
  }

  /** Why {@link authenticate} found no owner, for the log. The client is not told. */
  refusalOf(text: string): KeyRefusal {
    if (!isKey(text)) return "malformed";
    const key = this.#everyKey.get(hashOfKey(text));
    if (key === undefined) return "unknown";
    if (key.revokedAt !== null) return "revoked";
    // Of two ends the earlier one counts.
    return endOf(key) === key.retiresAt ? "retired" : "expired";
  }

  /** Whether a key that was accepted before still is. */
  accepts({ id }: KeyHolder): boolean {
    if (id === ADMIN_KEY_NAME) return this.#adminHash !== undefined;
    const key = this.#keys.get(id);
    return key !== undefined && isLive(key, new Date(this.#runtime.clock.now()).toISOString());
  }

  /** Every key that ever existed, with the last use that this process knows. */
  async all(): Promise<readonly ApiKey[]> {
    const keys = await this.#options.store.all();
    return keys.map((key) => ({
      ...key,
      lastUsedAt: later(key.lastUsedAt, this.#uses.get(key.id)),
    }));
  }

  /** A change made here takes effect here at once. */
  async create(key: NewKey, actor: string): Promise<Creation> {
    const creation = await this.#options.issuer.create(key, actor);
    if (creation.kind === "created") this.#change([creation.key]);
    return creation;
  }

  async rotate(id: string, overlapMs: number, actor: string): Promise<Rotation> {
    const rotation = await this.#options.issuer.rotate(id, overlapMs, actor);
    if (rotation.kind === "rotated") this.#change([rotation.old, rotation.key]);
    return rotation;
  }

  /** False when no key has that id. */
  async revoke(id: string, actor: string): Promise<boolean> {
    const revoked = await this.#options.issuer.revoke({ id }, actor);
    this.#change(revoked ?? []);
    return revoked !== undefined;
  }

  /** Stores the last uses, unless the database is unavailable. Safe to call twice. */
  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return this.#running;
    this.#closing.abort();
    await this.#running;
    await within(this.#runtime.clock, LAST_SAVE_MS_MAX, this.#saveUses());
  }

  async #run(): Promise<void> {
    const { clock } = this.#runtime;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      const nextMs = clock.monotonic() + RELOAD_EVERY_MS;
      if (this.#underWay < RELOADS_UNDER_WAY_MAX)
        this.#logOutcome(await within(clock, RELOAD_MS_MAX, this.#reloadSafely()));
      if (clock.monotonic() - this.#savedMs >= SAVE_USES_EVERY_MS) this.#saveUsesAside();
      await clock.sleep(Math.max(0, nextMs - clock.monotonic()), signal).catch(() => undefined);
    }
  }

  async #reloadSafely(): Promise<"known" | Error> {
    this.#underWay += 1;
    try {
      await this.#reload();
      return "known";
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    } finally {
      this.#underWay -= 1;
    }
  }

  async #reload(): Promise<void> {
    const { store } = this.#options;
    this.#began += 1;
    const look = this.#began;
    // Read before the keys: a change in between is seen the next time.
    const version = await store.version();
    if (version === this.#version) return;
    const keys = await store.all();
    if (look < this.#taken) return;
    this.#taken = look;
    this.#version = version;
    this.#take(keys);
  }

  /** Counts failures. Logs the first one that matters, and the recovery. */
  #logOutcome(outcome: "known" | Error | undefined): void {
    const { log } = this.#runtime;
    if (outcome === "known") {
      if (this.#failures >= FAILURES_LOGGED_MIN) log.info({ msg: "API keys can be read again" });
      this.#failures = 0;
      return;
    }
    this.#failures += 1;
    if (this.#failures !== FAILURES_LOGGED_MIN) return;
    const error = outcome === undefined ? "The database does not answer." : failureInWords(outcome);
    log.warn({
      msg: "API keys cannot be read: the last known keys are accepted, revocations are not seen",
      error,
    });
  }

  /**
   * Applies the changes of this process to its keys. Answers to reloads that began before are
   * outdated.
   */
  #change(changed: readonly ApiKey[]): void {
    if (changed.length === 0) return;
    this.#began += 1;
    this.#taken = this.#began;
    this.#take([...this.#keys.values(), ...changed]);
  }

  /** Of two keys with one id the last one counts. */
  #take(keys: readonly ApiKey[]): void {
    this.#keys = new Map(keys.map((key) => [key.id, key]));
    this.#everyKey = new Map(keys.map((key) => [key.hash, key]));
    this.#hasEverExisted ||= keys.length > 0;
    const accepted = [...this.#keys.values()].filter(({ revokedAt }) => revokedAt === null);
    this.#byHash = new Map(accepted.map((key) => [key.hash, knownOf(key)]));
  }

  #saveUsesAside(): void {
    this.#savedMs = this.#runtime.clock.monotonic();
    this.#version = undefined;
    // The result is not awaited. Uses that cannot be stored now are stored the next time.
    void this.#saveUses();
  }

  async #saveUses(): Promise<void> {
    const uses = [...this.#uses];
    this.#uses.clear();
    for (let at = 0; at < uses.length; at += USES_PER_STEP_MAX) {
      const step = uses.slice(at, at + USES_PER_STEP_MAX);
      try {
        await this.#options.store.touch(
          step.map(([id, ms]) => ({ id, at: new Date(ms).toISOString() })),
        );
      } catch {
        for (const [id, ms] of uses.slice(at)) if (!this.#uses.has(id)) this.#uses.set(id, ms);
        return;
      }
    }
  }
}

function knownOf(key: ApiKey): Known {
  const { id, name, scope } = key;
  const end = endOf(key);
  return {
    holder: { id, name, scope },
    endMs: end === null ? Number.POSITIVE_INFINITY : Date.parse(end),
  };
}

function later(noted: string | null, usedMs: number | undefined): string | null {
  const used = usedMs === undefined ? null : new Date(usedMs).toISOString();
  return noted !== null && (used === null || noted > used) ? noted : used;
}
