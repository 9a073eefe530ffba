import { isDeepStrictEqual } from "node:util";
import { type Clock, within } from "../domain/clock.ts";
import { ConfigError } from "../domain/errors.ts";
import { failureInWords } from "../domain/failure-words.ts";
import type { Log } from "../observe/log.ts";
import type { SecretBox } from "../providers/sealed-secret.ts";
import { isBlank, type SigningSecret, SigningSecrets } from "../providers/signature.ts";
import type { KeptSecret, SecretStore } from "../store/credentials.ts";
import { isLive, masterKeyProblem, openKept, withoutRepeats } from "./live-secrets.ts";
import { SecretUses, type Use } from "./secret-uses.ts";

const RELOAD_EVERY_MS = 2_000;
/** Uses are brought together with the database every tenth second. */
const RELOADS_PER_EXCHANGE = 5;
/** Two records may fail before a process counts as ended, after ACCEPTED_SECONDS. */
const RECORD_EVERY_MS = 18_000;
/** At the end of the process; what was not written down by then is lost. */
const LAST_EXCHANGE_MS_MAX = 2_000;
/** Names that are gone are still counted for the scrapes to come. */
const NAMES_MAX = 64;

export interface SecretRingOptions {
  /** Those of the environment. */
  readonly fixed: readonly SigningSecret[];
  /** What opens those of the database; undefined without a master key. */
  readonly box: SecretBox | undefined;
  readonly store: SecretStore;
  readonly clock: Clock;
  /** What the record of this process is called, and no other's. */
  readonly process: string;
  /** Undefined where another process tells the same. */
  readonly log: Pick<Log, "info" | "warn" | "error"> | undefined;
}

/** What metrics tell of a secret. */
export interface SecretFigures {
  readonly key: string;
  /** Webhooks it verified since the start of the process. */
  readonly verified: number;
  /** 0 when it never did, and while it is not looked up yet; undefined of secrets that are gone. */
  readonly lastVerifiedMs: number | undefined;
  /** When it will be refused, if that is known; undefined of secrets that are gone. */
  readonly untilMs: number | undefined;
}

interface Entry {
  verified: number;
  /** Undefined for a secret that is gone. */
  use: Use | undefined;
  untilMs: number | undefined;
}

/** The secrets that are accepted, those of the environment and those of the database, which are looked up again while the service runs. */
export class SecretRing {
  readonly signing = new SigningSecrets([]);
  readonly #options: SecretRingOptions;
  readonly #uses: SecretUses;
  readonly #entries = new Map<string, Entry>();
  readonly #stopping = new AbortController();
  readonly #complaints = new Set<string>();
  #live: readonly SigningSecret[] = [];
  /** With the repeats that {@link withoutRepeats} takes out. */
  #named: readonly SigningSecret[] = [];
  #recorded = { text: "", atMs: Number.NEGATIVE_INFINITY };
  #wasConfigured = true;
  #running: Promise<void> = Promise.resolve();

  /** Rejects with `ConfigError` when a secret of the database cannot be opened, so that nothing is refused for want of it. */
  static async start(options: SecretRingOptions): Promise<SecretRing> {
    const ring = new SecretRing(options);
    const { opened, unreadable } = await ring.#load();
    if (unreadable.length > 0) throw new ConfigError([masterKeyProblem(unreadable, options.box !== undefined)]);
    ring.#replace(opened);
    ring.#tellWhetherConfigured();
    ring.#running = ring.#run();
    return ring;
  }

  private constructor(options: SecretRingOptions) {
    this.#options = options;
    this.#uses = new SecretUses(options);
  }

  /** Whether any secret is accepted now. */
  readonly configured = (): boolean => {
    const nowMs = this.#options.clock.now();
    return this.#live.some((secret) => isLive(secret, nowMs));
  };

  /** Told of each webhook that the secret of that name has verified. */
  readonly verified = (name: string, nowMs: number): void => {
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    entry.verified++;
    if (entry.use !== undefined && nowMs > entry.use.lastMs) entry.use.lastMs = nowMs;
  };

  readonly figures = (): readonly SecretFigures[] => {
    const nowMs = this.#options.clock.now();
    return [...this.#entries].map(([key, { verified, use, untilMs }]) => ({
      key,
      verified,
      lastVerifiedMs: use?.lastMs,
      // One that has ended is no secret that will.
      untilMs: use !== undefined && untilMs !== undefined && untilMs > nowMs ? untilMs : undefined,
    }));
  };

  /** Resolves when nothing runs any more, and the last uses are written down if the database takes them. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    await within(this.#options.clock, LAST_EXCHANGE_MS_MAX, this.#end());
  }

  async #end(): Promise<void> {
    if (this.#uses.hasUnsaved()) await this.#uses.exchange().catch(() => undefined);
    if (this.#recorded.text === "") return;
    // Otherwise it ends by itself.
    await this.#options.store.dropAccepted(this.#options.process).catch(() => undefined);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    // Commands that judge whether a secret may be retired must know of this process from its start.
    await this.#exchange();
    for (let reloads = 1; ; reloads++) {
      await this.#options.clock.sleep(RELOAD_EVERY_MS, signal).catch(() => undefined);
      if (signal.aborted) return;
      const changed = await this.#reload();
      if (changed || reloads % RELOADS_PER_EXCHANGE === 0) await this.#exchange();
    }
  }

  /** Whether there are other secrets now. What is known stays when the database does not answer. */
  async #reload(): Promise<boolean> {
    const before = { live: this.#live, named: this.#named };
    try {
      const { opened, unreadable } = await this.#load();
      for (const secret of unreadable) this.#complainOnce(secret);
      this.#replace(opened);
      this.#complaints.delete("");
    } catch (error) {
      this.#warnOnce("the webhook secrets of the database cannot be looked up; those that are known go on", error);
    }
    this.#tellWhetherConfigured();
    if (!isDeepStrictEqual(before.live, this.#live)) this.#tellChange();
    return !isDeepStrictEqual(before.named, this.#named);
  }

  async #load() {
    const { store, box, clock } = this.#options;
    return openKept(await store.list(), { box, nowMs: clock.now() });
  }

  #replace(opened: readonly SigningSecret[]): void {
    this.#named = [...this.#options.fixed, ...opened].filter(({ secret }) => !isBlank(secret));
    const live = withoutRepeats(this.#named);
    this.signing.replace(live);
    this.#live = live;
    const uses = this.#uses.follow(live.map(({ secret }) => secret));
    for (const entry of this.#entries.values()) entry.use = undefined;
    live.forEach(({ name, untilMs }, at) => {
      const entry: Entry = this.#entries.get(name) ?? { verified: 0, use: undefined, untilMs };
      entry.use = uses[at];
      entry.untilMs = untilMs;
      this.#entries.set(name, entry);
    });
    for (const [name, { use }] of this.#entries) {
      if (this.#entries.size > NAMES_MAX && use === undefined) this.#entries.delete(name);
    }
  }

  async #exchange(): Promise<void> {
    try {
      await this.#uses.exchange();
      await this.#record();
    } catch {
      // It is tried again, and what the database's being away means is told by everything else.
    }
  }

  /** Tells the other processes and the commands which secrets this process accepts. */
  async #record(): Promise<void> {
    const { store, process, clock } = this.#options;
    const nowMs = clock.now();
    const secrets = this.#named
      .filter((secret) => isLive(secret, nowMs))
      .map(({ name, secret, untilMs }) => {
        const endsAt = untilMs === undefined ? null : new Date(untilMs).toISOString();
        return { name, fingerprint: this.#uses.fingerprintOf(secret) ?? "", endsAt };
      });
    const text = JSON.stringify(secrets);
    if (text === this.#recorded.text && clock.monotonic() - this.#recorded.atMs < RECORD_EVERY_MS) return;
    await store.noteAccepted({ process, secrets, nowMs });
    this.#recorded = { text, atMs: clock.monotonic() };
  }

  #tellChange(): void {
    const accepted = this.#live.map(({ name }) => name);
    this.#options.log?.info({ msg: "webhook secrets changed", accepted });
  }

  #tellWhetherConfigured(): void {
    const configured = this.configured();
    if (!configured && this.#wasConfigured)
      this.#options.log?.warn({
        msg: "WEBHOOK_SECRET not configured: every webhook is refused and readiness is 503",
      });
    this.#wasConfigured = configured;
  }

  #complainOnce({ name, sealed }: KeptSecret): void {
    if (this.#isNews(sealed))
      this.#options.log?.error({ msg: "a webhook secret of the database is not encrypted under MASTER_KEY", name });
  }

  #warnOnce(msg: string, error: unknown): void {
    if (this.#isNews("")) this.#options.log?.warn({ msg, error: failureInWords(error) });
  }

  #isNews(complaint: string): boolean {
    if (this.#complaints.has(complaint)) return false;
    // Each is about a secret somebody added by hand, or the database.
    if (this.#complaints.size >= NAMES_MAX) this.#complaints.clear();
    this.#complaints.add(complaint);
    return true;
  }
}
