import type { ApiKey } from "../domain/api-key.ts";

/** One audited action. It contains neither secrets nor phone numbers. */
export interface AuditEntry {
  /** When, as `2025-01-15T10:00:00.000Z`. */
  readonly at: string;
  /** Distinguishes entries of the same moment. */
  readonly id: string;
  /** `key:NAME`, `ADMIN_API_KEY`, `cli` or `service`. */
  readonly actor: string;
  /** `key.created`, `secret.retired`, `sender.erased` … */
  readonly action: string;
  /** The object of the action, by name or id; empty where that must not be stored. */
  readonly subject: string;
  readonly details: Readonly<Record<string, string | number | boolean | null>>;
}

/** The audited actions, in the order of time. A change adds its entry in its own transaction. */
export interface AuditLog {
  /** Adds an entry for an action that is done elsewhere or in many steps. */
  add(entry: AuditEntry): Promise<void>;
  /**
   * The newest entries first. With `before`, only entries before that position; an empty id sorts
   * before all others of its moment.
   */
  newest(options: AuditQuery): Promise<readonly AuditEntry[]>;
}

export interface AuditQuery {
  readonly limit: number;
  readonly before?: Pick<AuditEntry, "at" | "id"> | undefined;
}

/** The actor, the moment and the id of the audit entry of a change. */
export type AuditStamp = Pick<AuditEntry, "at" | "id" | "actor">;

/** `name_taken`: a live key has the name. `full`: there are {@link KEYS_MAX} keys. */
export type KeyAddition = { readonly kind: "added" | "name_taken" | "full" };

/** What the successor of a key does not inherit. */
export interface Successor extends Pick<ApiKey, "id" | "hash" | "hint"> {
  /** When the old key ends. */
  readonly retiresAt: string;
}

/**
 * `over`: the key is not live. `two_live`: it has a successor, or is one, and the other is still
 * live.
 */
export type KeyRotation =
  | { readonly kind: "rotated"; readonly old: ApiKey; readonly successor: ApiKey }
  | { readonly kind: "unknown" | "over" | "two_live" | "full" };

/**
 * The API keys. They are never deleted, so that reading never becomes open again by itself. Changes
 * are serialized across all processes, and each one is audited.
 */
export interface KeyStore {
  /** Every key that ever existed, the oldest first. */
  all(): Promise<readonly ApiKey[]>;
  /**
   * Changes with each change of the keys, except their last use. It costs less than reading all
   * keys.
   */
  version(): Promise<string>;
  add(key: ApiKey, by: AuditStamp): Promise<KeyAddition>;
  /** Gives a key a successor of the same name, scope and lifetime. */
  rotate(id: string, successor: Successor, by: AuditStamp): Promise<KeyRotation>;
  /**
   * Ends the key of an id, or all keys of a name, at once. Resolves with those that were not
   * revoked before, or undefined when there is no such key.
   */
  revoke(
    which: { readonly id: string } | { readonly name: string },
    by: AuditStamp,
  ): Promise<readonly ApiKey[] | undefined>;
  /** Stores when keys were used last. */
  touch(uses: readonly KeyUse[]): Promise<void>;
}

export interface KeyUse {
  readonly id: string;
  readonly at: string;
}

/**
 * The maximum number of accepted secrets in one database. As many may come from the environment.
 */
export const KEPT_SECRETS_MAX = 8;

/** A stored webhook secret. It is encrypted, so it cannot be read here. */
export interface KeptSecret {
  readonly name: string;
  /** Encrypted under the master key. */
  readonly sealed: string;
  /** Moments as `2025-01-15T10:00:00.000Z`. */
  readonly createdAt: string;
  /** It is refused from then on; null when no end is known. */
  readonly retiresAt: string | null;
}

/** When a secret is to end. */
export interface SecretRetirement {
  readonly name: string;
  readonly retiresAt: string;
  /**
   * The secrets for which this was decided. If other ones are stored by now, the outcome is
   * `changed`, and nothing is done. Undefined: it is done whatever is stored.
   */
  readonly decidedFor: readonly KeptSecret[] | undefined;
}

export type RetirementOutcome = "retired" | "unknown" | "changed";

/** Whether two lists have the same secrets with the same ends, without those that have ended. */
export function areSameSecrets(
  some: readonly KeptSecret[],
  others: readonly KeptSecret[],
  now: string,
): boolean {
  const [one, other] = [some, others].map((secrets) =>
    secrets
      .filter(({ retiresAt }) => retiresAt === null || retiresAt > now)
      .map(({ name, sealed, retiresAt }) => JSON.stringify([name, sealed, retiresAt]))
      .sort()
      .join(),
  );
  return one === other;
}

/** The recorded use of a secret. Secrets of the environment have one too. */
export interface SecretUse {
  /** Identifies the secret. It does not help to guess it. */
  readonly fingerprint: string;
  /** When a running service first accepted it. */
  readonly seenAt: string;
  /** When it last verified a message; null when it never did. */
  readonly lastVerifiedAt: string | null;
}

/** A secret that a running process accepts, from its environment or from the database. */
export interface AcceptedSecret {
  /** The process's name for it. */
  readonly name: string;
  readonly fingerprint: string;
  /** It is refused from then on; null when no end is known. */
  readonly endsAt: string | null;
}

/** A process that serves this database, and all secrets that it accepts. */
export interface AcceptingProcess {
  /** `HOSTNAME:PID:…`, which no other process has. */
  readonly process: string;
  readonly secrets: readonly AcceptedSecret[];
}

/** A process without a report for this long has ended, or cannot reach the database. */
export const ACCEPTED_SECONDS = 60;

/**
 * Webhook secrets in the database, in addition to those of the environment. A change is audited in
 * the same transaction. It also removes secrets that have ended by then (`entry.at`).
 */
export interface SecretStore {
  /** In the order in which they were added. */
  list(): Promise<readonly KeptSecret[]>;
  /** `too_many` at {@link KEPT_SECRETS_MAX}. */
  add(secret: KeptSecret, entry: AuditEntry): Promise<"added" | "name_taken" | "too_many">;
  /** `unknown` when no secret of that name exists, or it has ended. */
  retire(retirement: SecretRetirement, entry: AuditEntry): Promise<RetirementOutcome>;
  /** The recorded uses of these secrets. */
  uses(fingerprints: readonly string[]): Promise<readonly SecretUse[]>;
  /**
   * Merges recorded uses: the earliest moment a secret was seen, the latest moment it verified a
   * message.
   */
  noteUses(uses: readonly SecretUse[]): Promise<void>;
  /**
   * Records what a process accepts, for the next {@link ACCEPTED_SECONDS}. Deletes the records of
   * processes that have ended.
   */
  noteAccepted(report: AcceptingProcess & { readonly nowMs: number }): Promise<void>;
  /** Deletes the record of a process that ends. */
  dropAccepted(process: string): Promise<void>;
  /** What the running processes have recorded that they accept. */
  accepting(nowMs: number): Promise<readonly AcceptingProcess[]>;
  /** The identity of the database. It never changes. */
  databaseId(): Promise<string>;
}

/**
 * The credentials, stored beside the messages. Every method is one transaction, and rejects as
 * those of the store do.
 */
export interface CredentialsStore {
  readonly audit: AuditLog;
  readonly keys: KeyStore;
  readonly secrets: SecretStore;
}
