import { isDeepStrictEqual } from "node:util";
import { within } from "../domain/clock.ts";
import { ConfigError } from "../domain/errors.ts";
import { failureInWords } from "../domain/failure-words.ts";
import { isBlank, type SigningSecret, SigningSecrets } from "../providers/signature.ts";
import type { Runtime } from "../runtime.ts";
import type { KeptSecret, SecretStore } from "../store/credentials.ts";
import { isAccepted, masterKeyProblem, openKept, withoutRepeats } from "./accepted-secrets.ts";
import type { Fingerprints } from "./fingerprints.ts";
import type { SecretBox } from "./sealing.ts";
import { SecretUsage, type Use } from "./secret-usage.ts";

/** A change applies within 2 seconds. The rest is for reading it and for a busy machine. */
const RELOAD_EVERY_MS = 1_000;
/** Uses are merged with those in the database every 9 seconds. */
const RELOADS_PER_EXCHANGE = 9;
/** Two records may fail before the process counts as ended, after ACCEPTED_SECONDS. */
const RECORD_EVERY_MS = 18_000;
/** The limit at the end of the process. Uses that are not written by then are lost. */
const LAST_EXCHANGE_MS_MAX = 2_000;
/** The maximum number of names that stay in the metrics after their secrets are removed. */
const NAMES_MAX = 64;

export interface WebhookSecretsOptions {
  readonly environment: readonly SigningSecret[];
  /** Opens the secrets of the database; undefined without a master key. */
  readonly box: SecretBox | undefined;
  readonly store: SecretStore;
  /** The name of this process's record, which no other process has. */
  readonly process: string;
  /** Default: new ones. */
  readonly fingerprints?: Fingerprints;
}

/** The metrics of one secret. */
export interface SecretFigures {
  readonly key: string;
  /** Webhooks that it verified since the start of the process. */
  readonly verified: number;
  /** 0 when it never did, or its record is not read yet; undefined for a removed secret. */
  readonly lastVerifiedMs: number | undefined;
  /** When it will be refused, if known; undefined for a removed secret. */
  readonly untilMs: number | undefined;
}

interface Entry {
  verified: number;
  /** Undefined for a removed secret. */
  use: Use | undefined;
  untilMs: number | undefined;
}

type SecretsRuntime = Pick<Runtime, "clock" | "log">;

/**
 * The accepted webhook secrets: those of the environment, and those of the database, which are
 * reloaded while the service runs.
 */
export class WebhookSecrets {
  readonly signing = new SigningSecrets([]);
  readonly #runtime: SecretsRuntime;
  readonly #options: WebhookSecretsOptions;
  readonly #usage: SecretUsage;
  readonly #entries = new Map<string, Entry>();
  readonly #stopping = new AbortController();
  readonly #logged = new Set<string>();
  #accepted: readonly SigningSecret[] = [];
  /** Including the repeats that {@link withoutRepeats} removes. */
  #named: readonly SigningSecret[] = [];
  #recorded = { text: "", atMs: Number.NEGATIVE_INFINITY };
  #wasConfigured = true;
  #isRecordDue = false;
  #reloading: Promise<void> = Promise.resolve();
  #running: Promise<void> = Promise.resolve();

  /**
   * Rejects with `ConfigError` when a secret of the database cannot be opened, because webhooks
   * would be refused then.
   */
  static async start(
    runtime: SecretsRuntime,
    options: WebhookSecretsOptions,
  ): Promise<WebhookSecrets> {
    const secrets = new WebhookSecrets(runtime, options);
    const { opened, unreadable } = await secrets.#load();
    if (unreadable.length > 0)
      throw new ConfigError([masterKeyProblem(unreadable, options.box !== undefined)]);
    secrets.#replace(opened);
    secrets.#warnIfNone();
    secrets.#running = secrets.#run();
    return secrets;
  }

  private constructor(runtime: SecretsRuntime, options: WebhookSecretsOptions) {
    this.#runtime = runtime;
    this.#options = options;
    this.#usage = new SecretUsage(runtime.clock, options.store, options.fingerprints);
  }

  /** Those of this database, which this process has computed. */
  get fingerprints(): Fingerprints {
    return this.#usage.fingerprints;
  }

  /** Whether any secret is accepted now. */
  readonly configured = (): boolean => {
    const nowMs = this.#runtime.clock.now();
    return this.#accepted.some((secret) => isAccepted(secret, nowMs));
  };

  /**
   * Reads the secrets of the database, one reading after the other. After a change by this process
   * it applies the change at once.
   */
  readonly reload = (): Promise<void> => {
    this.#reloading = this.#reloading.then(() => this.#reload());
    return this.#reloading;
  };

  /** Records that the secret of that name verified a webhook. */
  readonly verified = (name: string, nowMs: number): void => {
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    entry.verified++;
    if (entry.use !== undefined && nowMs > entry.use.lastMs) entry.use.lastMs = nowMs;
  };

  readonly figures = (): readonly SecretFigures[] => {
    const nowMs = this.#runtime.clock.now();
    return [...this.#entries].map(([key, { verified, use, untilMs }]) => ({
      key,
      verified,
      lastVerifiedMs: use?.lastMs,
      // The metric is about secrets that will end, not about those that have ended.
      untilMs: use !== undefined && untilMs !== undefined && untilMs > nowMs ? untilMs : undefined,
    }));
  };

  /** Resolves when nothing is running. The last uses are written if the database is available. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    await within(this.#runtime.clock, LAST_EXCHANGE_MS_MAX, this.#end());
  }

  async #end(): Promise<void> {
    if (this.#usage.hasUnsaved()) await this.#usage.exchange().catch(() => undefined);
    if (this.#recorded.text === "") return;
    // If that fails, the record expires by itself.
    await this.#options.store.dropAccepted(this.#options.process).catch(() => undefined);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    // Commands that decide whether a secret may be retired need this process's record from its
    // start.
    await this.#exchange();
    for (let reloads = 1; ; reloads++) {
      await this.#runtime.clock.sleep(RELOAD_EVERY_MS, signal).catch(() => undefined);
      if (signal.aborted) return;
      await this.reload();
      if (this.#isRecordDue || reloads % RELOADS_PER_EXCHANGE === 0) {
        this.#isRecordDue = false;
        await this.#exchange();
      }
    }
  }

  /** When the database does not answer, the known ones stay. */
  async #reload(): Promise<void> {
    const before = { live: this.#accepted, named: this.#named };
    try {
      const { opened, unreadable } = await this.#load();
      for (const secret of unreadable) this.#logUnreadableOnce(secret);
      this.#replace(opened);
      this.#logged.delete("");
    } catch (error) {
      this.#warnOnce(
        "the webhook secrets of the database cannot be read; the known ones stay valid",
        error,
      );
    }
    this.#warnIfNone();
    if (!isDeepStrictEqual(before.live, this.#accepted)) this.#logChange();
    if (!isDeepStrictEqual(before.named, this.#named)) this.#isRecordDue = true;
  }

  async #load() {
    const { clock } = this.#runtime;
    const { store, box } = this.#options;
    return openKept(await store.list(), { box, nowMs: clock.now() });
  }

  #replace(opened: readonly SigningSecret[]): void {
    this.#named = [...this.#options.environment, ...opened].filter(
      ({ secret }) => !isBlank(secret),
    );
    const live = withoutRepeats(this.#named);
    this.signing.replace(live);
    this.#accepted = live;
    const uses = this.#usage.follow(live.map(({ secret }) => secret));
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
      await this.#usage.exchange();
      await this.#record();
    } catch {
      // The next attempt tries again, and other parts log that the database is unavailable.
    }
  }

  /** Records which secrets this process accepts, for other processes and for commands. */
  async #record(): Promise<void> {
    const { clock } = this.#runtime;
    const { store, process } = this.#options;
    const nowMs = clock.now();
    const secrets = this.#named
      .filter((secret) => isAccepted(secret, nowMs))
      .map(({ name, secret, untilMs }) => {
        const endsAt = untilMs === undefined ? null : new Date(untilMs).toISOString();
        return { name, fingerprint: this.#usage.fingerprintOf(secret) ?? "", endsAt };
      });
    const text = JSON.stringify(secrets);
    if (text === this.#recorded.text && clock.monotonic() - this.#recorded.atMs < RECORD_EVERY_MS)
      return;
    await store.noteAccepted({ process, secrets, nowMs });
    this.#recorded = { text, atMs: clock.monotonic() };
  }

  #logChange(): void {
    const accepted = this.#accepted.map(({ name }) => name);
    this.#runtime.log.info({ msg: "webhook secrets changed", accepted });
  }

  #warnIfNone(): void {
    const configured = this.configured();
    if (!configured && this.#wasConfigured)
      this.#runtime.log.warn({
        msg:
          "WEBHOOK_SECRET not configured: every webhook is refused and readiness is 503. " +
          "Set it, or run lyftr init, and restart",
      });
    this.#wasConfigured = configured;
  }

  #logUnreadableOnce({ name, sealed }: KeptSecret): void {
    if (this.#isFirst(sealed))
      this.#runtime.log.error({
        msg: "a webhook secret of the database is not encrypted with MASTER_KEY",
        name,
      });
  }

  #warnOnce(msg: string, error: unknown): void {
    if (this.#isFirst("")) this.#runtime.log.warn({ msg, error: failureInWords(error) });
  }

  #isFirst(problem: string): boolean {
    if (this.#logged.has(problem)) return false;
    // An entry is about one secret of the database, or about the database itself.
    if (this.#logged.size >= NAMES_MAX) this.#logged.clear();
    this.#logged.add(problem);
    return true;
  }
}
