import { Overloaded } from "../domain/errors.ts";
import type { SecretRequest } from "../domain/secret-request.ts";
import type { Runtime } from "../runtime.ts";
import type { AuditEntry, SecretStore } from "../store/credentials.ts";
import { isOfEnvironment, masterKeyProblem, openKept } from "./accepted-secrets.ts";
import type { Fingerprints } from "./fingerprints.ts";
import { answerOf, leavesAnother, type Retirement } from "./retirement.ts";
import { NONCE_BYTES, SecretBox } from "./sealing.ts";
import { allSecrets, endsOf, type SecretList, type SecretSettings } from "./secret-list.ts";

const SECRET_BYTES = 32;
/** How often a retirement is decided again when other secrets have changed in the meantime. */
const DECISIONS_MAX = 5;

/** What to do when stored secrets cannot be encrypted, a sentence each. */
export const NO_MASTER_KEY = [
  "MASTER_KEY is not set. Stored secrets are encrypted with it.",
  "Generate one, give it to every process of the service, and keep a copy: MASTER_KEY=$(openssl rand -hex 32)",
] as const;
export const FROM_ENVIRONMENT =
  "That secret comes from the environment: remove it from WEBHOOK_SECRET or WEBHOOK_SECRET_PREVIOUS, and restart the service.";
export const LAST_ONE =
  "No other secret would be left, in the database or in this environment, and every webhook would be refused.";

export interface SecretIssuerOptions {
  readonly store: SecretStore;
  /** Reads the secrets of this environment, and the key of those in the database, where needed. */
  readonly settings: () => SecretSettings;
  readonly fingerprints: Fingerprints;
  /** Called after each change, so that this process applies it at once. */
  readonly changed?: () => Promise<void>;
  /** Unpredictable bytes. */
  readonly randomBytes: (count: number) => Buffer;
}

export type SecretAddition =
  | {
      readonly kind: "added";
      readonly secret: string;
      readonly isGenerated: boolean;
      readonly createdAt: string;
    }
  /** The other secrets are encrypted with another master key. */
  | { readonly kind: "other_master_key"; readonly problem: string }
  | { readonly kind: "no_master_key" | "name_taken" | "too_many" };

export interface RetirementOrder {
  readonly name: string;
  /** How long it is still accepted. */
  readonly inMs: number;
  /** Retires it even if webhooks are refused then. */
  readonly force: boolean;
}

/** `isUnreported`: no running process has reported, so this environment decided. */
export type SecretRetirement =
  | { readonly kind: "retired"; readonly retiresAt: string; readonly isUnreported: boolean }
  /** The answer of the list is `no` or `not yet`. */
  | {
      readonly kind: "refused";
      readonly retirement: Retirement;
      readonly isUnreported: boolean;
    }
  | { readonly kind: "unknown" | "of_environment" | "last_one" };

type RetirementCheck =
  | Exclude<SecretRetirement, { readonly kind: "retired" }>
  | { readonly kind: "allowed"; readonly isUnreported: boolean };

/**
 * Adds, lists and retires the webhook secrets of the database. `actor` is the name in the audit.
 */
export class SecretIssuer {
  readonly #runtime: Pick<Runtime, "clock" | "newId">;
  readonly #options: SecretIssuerOptions;
  #lastRetirement: Promise<unknown> = Promise.resolve();

  constructor(runtime: Pick<Runtime, "clock" | "newId">, options: SecretIssuerOptions) {
    this.#runtime = runtime;
    this.#options = options;
  }

  /** Whether secrets can be added. */
  get hasMasterKey(): boolean {
    return this.#options.settings().masterKey !== undefined;
  }

  list(): Promise<SecretList> {
    const { settings, store, fingerprints } = this.#options;
    return allSecrets(settings(), { store, fingerprints, nowMs: this.#runtime.clock.now() });
  }

  /** Stores a secret that is accepted from now on. Without one, a new one is generated. */
  async add({ name, secret: given }: SecretRequest, actor: string): Promise<SecretAddition> {
    const { store, settings, randomBytes } = this.#options;
    const { masterKey } = settings();
    if (masterKey === undefined) return { kind: "no_master_key" };
    const box = new SecretBox(masterKey);
    // Encrypted with another key than the others, this secret would prevent the service from
    // starting.
    const nowMs = this.#runtime.clock.now();
    const { unreadable } = openKept(await store.list(), { box, nowMs });
    if (unreadable.length > 0)
      return { kind: "other_master_key", problem: masterKeyProblem(unreadable, true) };
    const secret = given ?? randomBytes(SECRET_BYTES).toString("hex");
    const entry = this.#entry(nowMs, { action: "secret.added", subject: name, actor, details: {} });
    const sealed = box.seal(name, secret, randomBytes(NONCE_BYTES));
    const createdAt = entry.at;
    const kind = await store.add({ name, sealed, createdAt, retiresAt: null }, entry);
    if (kind !== "added") return { kind };
    await this.#options.changed?.();
    return { kind, secret, isGenerated: given === undefined, createdAt };
  }

  /**
   * Refuses a secret of the database, now or after a time. Otherwise two requests could each find
   * that the secret of the other one stays. So those of this process wait for each other, and the
   * database refuses a decision about secrets that another process has changed since.
   */
  retire(order: RetirementOrder, actor: string): Promise<SecretRetirement> {
    const retired = this.#lastRetirement.then(() => this.#retire(order, actor));
    this.#lastRetirement = retired.catch(() => undefined);
    return retired;
  }

  async #retire(order: RetirementOrder, actor: string): Promise<SecretRetirement> {
    for (let decision = 1; decision <= DECISIONS_MAX; decision++) {
      const outcome = await this.#tryToRetire(order, actor);
      if (outcome !== "changed") return outcome;
    }
    throw new Overloaded("too many webhook secrets are changed at the same time");
  }

  async #tryToRetire(
    { name, inMs, force }: RetirementOrder,
    actor: string,
  ): Promise<SecretRetirement | "changed"> {
    if (isOfEnvironment(name)) return { kind: "of_environment" };
    const { store, changed } = this.#options;
    const nowMs = this.#runtime.clock.now();
    const untilMs = nowMs + inMs;
    const decidedFor = force ? undefined : await store.list();
    const check: RetirementCheck = force
      ? { kind: "allowed", isUnreported: false }
      : await this.#check(name, untilMs);
    if (check.kind !== "allowed") return check;
    const retiresAt = new Date(untilMs).toISOString();
    const details = { retires_at: retiresAt };
    const action = "secret.retired";
    const entry = this.#entry(nowMs, { action, subject: name, actor, details });
    const outcome = await store.retire({ name, retiresAt, decidedFor }, entry);
    if (outcome === "changed") return outcome;
    if (outcome === "unknown") return { kind: "unknown" };
    await changed?.();
    return { kind: "retired", retiresAt, isUnreported: check.isUnreported };
  }

  /** Whether the list says that the secret may be retired. */
  async #check(name: string, untilMs: number): Promise<RetirementCheck> {
    const { settings, store } = this.#options;
    const { secrets, processes } = await this.list();
    const isUnreported = processes === 0;
    const found = secrets.find((one) => one.from === "database" && one.name === name);
    if (found === undefined) return { kind: "allowed", isUnreported: false };
    if (isUnreported && !leavesAnother(name, untilMs, endsOf(settings(), await store.list())))
      return { kind: "last_one" };
    const { retirement } = found;
    return ["no", "not yet"].includes(answerOf(retirement.decision))
      ? { kind: "refused", retirement, isUnreported }
      : { kind: "allowed", isUnreported };
  }

  #entry(nowMs: number, entry: Omit<AuditEntry, "at" | "id">): AuditEntry {
    return { ...entry, at: new Date(nowMs).toISOString(), id: this.#runtime.newId() };
  }
}
