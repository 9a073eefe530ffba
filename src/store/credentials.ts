import type { ApiKey } from "../domain/api-key.ts";

/** One thing that somebody did. Neither secrets nor phone numbers are in it. */
export interface AuditEntry {
  /** When, as `2025-01-15T10:00:00.000Z`. */
  readonly at: string;
  /** Tells entries of one moment apart. */
  readonly id: string;
  /** Who: `key:NAME`, `ADMIN_API_KEY`, `cli` or `service`. */
  readonly actor: string;
  /** What: `key.created`, `secret.retired`, `sender.erased` … */
  readonly action: string;
  /** What it was done to, by name or id; empty where that must not be kept. */
  readonly subject: string;
  readonly details: Readonly<Record<string, string | number | boolean | null>>;
}

/** Who did what, in the order of time. It is added to by what it tells of, in the same transaction. */
export interface AuditLog {
  /** Adds an entry for what is done elsewhere or in many steps. */
  add(entry: AuditEntry): Promise<void>;
  /** The newest first, only those before an entry if its place is given; an empty id stands before all others of its moment. */
  newest(options: AuditQuery): Promise<readonly AuditEntry[]>;
}

export interface AuditQuery {
  readonly limit: number;
  readonly before?: Pick<AuditEntry, "at" | "id"> | undefined;
}

/** Who changes something, and when: what the change does not know of its own audit entry, whose id it is. */
export type AuditStamp = Pick<AuditEntry, "at" | "id" | "actor">;

/** `name_taken`: a live key has the name. `full`: there are {@link KEYS_MAX} keys. */
export type KeyAddition = { readonly kind: "added" | "name_taken" | "full" };

/** What takes the place of a key; all else it has of the key itself. */
export interface Successor extends Pick<ApiKey, "id" | "hash" | "hint"> {
  /** When the old one ends. */
  readonly retiresAt: string;
}

/** `over`: the key is not live. `two_live`: it has a successor, or is one, and the other is still live. */
export type KeyRotation =
  | { readonly kind: "rotated"; readonly old: ApiKey; readonly successor: ApiKey }
  | { readonly kind: "unknown" | "over" | "two_live" | "full" };

/**
 * The API keys. They are never deleted, so that reading never opens again by itself. Two changes never happen at once, whoever makes
 * them, and each is in the audit.
 */
export interface KeyStore {
  /** Every key that ever was, the oldest first. */
  all(): Promise<readonly ApiKey[]>;
  /** Tells one state of the keys from another, but for their last use. It costs less than asking for all. */
  version(): Promise<string>;
  add(key: ApiKey, by: AuditStamp): Promise<KeyAddition>;
  /** Gives a key a successor of the same name and scope, with as long a life from now on. */
  rotate(id: string, successor: Successor, by: AuditStamp): Promise<KeyRotation>;
  /** Ends the key of an id, or all of a name, at once. Resolves with those that were not revoked before, or undefined when there is none such. */
  revoke(
    which: { readonly id: string } | { readonly name: string },
    by: AuditStamp,
  ): Promise<readonly ApiKey[] | undefined>;
  /** Notes when keys were used last. */
  touch(uses: readonly KeyUse[]): Promise<void>;
}

export interface KeyUse {
  readonly id: string;
  readonly at: string;
}

/** How many secrets of one database are accepted at once; as many may come from the environment. */
export const KEPT_SECRETS_MAX = 8;

/** A secret of senders, as it is kept: what it is cannot be read here. */
export interface KeptSecret {
  readonly name: string;
  /** Encrypted by whoever has the master key. */
  readonly sealed: string;
  /** Moments as `2025-01-15T10:00:00.000Z`. */
  readonly createdAt: string;
  /** From then on it is refused; null when no end is known. */
  readonly retiresAt: string | null;
}

/** What is remembered of a secret's use, those of the environment too. */
export interface SecretUse {
  /** Tells the secret from others without being of use to whoever would guess it. */
  readonly fingerprint: string;
  /** When a service first accepted it. */
  readonly seenAt: string;
  /** When it last verified a message; null when it never did. */
  readonly lastVerifiedAt: string | null;
}

/** A secret that a running process accepts, from its environment or from the database. */
export interface AcceptedSecret {
  /** What that process calls it. */
  readonly name: string;
  readonly fingerprint: string;
  /** From then on it is refused; null when no end is known. */
  readonly endsAt: string | null;
}

/** A process that serves this database, and all secrets that it accepts. */
export interface AcceptingProcess {
  /** `HOSTNAME:PID:…`, of this process alone. */
  readonly process: string;
  readonly secrets: readonly AcceptedSecret[];
}

/** A process that has not reported for this long has ended, or cannot reach the database. */
export const ACCEPTED_SECONDS = 60;

/** Webhook secrets beside those of the environment. Changes are audited in the same transaction, and remove what has ended by then (`entry.at`). */
export interface SecretStore {
  /** In the order in which they were added. */
  list(): Promise<readonly KeptSecret[]>;
  /** `too_many` at {@link KEPT_SECRETS_MAX}. */
  add(secret: KeptSecret, entry: AuditEntry): Promise<"added" | "name_taken" | "too_many">;
  /** False when there is none of that name, or it has ended. */
  retire(name: string, retiresAt: string, entry: AuditEntry): Promise<boolean>;
  /** What is known of these. */
  uses(fingerprints: readonly string[]): Promise<readonly SecretUse[]>;
  /** Adds to what is known: the earliest that one was seen, the latest that it verified a message. */
  noteUses(uses: readonly SecretUse[]): Promise<void>;
  /** Records what a process accepts, for the next {@link ACCEPTED_SECONDS}, and drops the records of processes that have ended. */
  noteAccepted(report: AcceptingProcess & { readonly nowMs: number }): Promise<void>;
  /** Drops the record of a process that ends. */
  dropAccepted(process: string): Promise<void>;
  /** What the running processes accept, as they recorded it. */
  accepting(nowMs: number): Promise<readonly AcceptingProcess[]>;
  /** Tells this database from every other, for ever. */
  databaseId(): Promise<string>;
}

/** Who may come in, kept beside the messages. Every method is one transaction, and rejects as those of the store do. */
export interface CredentialsStore {
  readonly audit: AuditLog;
  readonly keys: KeyStore;
  readonly secrets: SecretStore;
}
