import { type ApiKey, isLive } from "../domain/api-key.ts";
import type { AuditEntry, AuditStamp, KeyAddition, KeyRotation, Successor } from "./credentials.ts";

// The rules for changes of API keys. Both databases use them, while they hold the lock on the keys.

/** The maximum number of keys, more than people manage. Every replica holds all keys in memory. */
export const KEYS_MAX = 10_000;

/** What the database knows about a name. */
export interface SameNameKeys {
  /** The keys of that name. */
  readonly keys: readonly ApiKey[];
  /** The number of keys of all names. */
  readonly total: number;
}

export function decideAddition({ keys, total }: SameNameKeys, { at }: AuditStamp): KeyAddition {
  if (keys.some((key) => isLive(key, at))) return { kind: "name_taken" };
  return { kind: total >= KEYS_MAX ? "full" : "added" };
}

export function decideRotation(
  { keys, total }: SameNameKeys,
  {
    id,
    successor,
    by,
  }: { readonly id: string; readonly successor: Successor; readonly by: AuditStamp },
): KeyRotation {
  const old = keys.find((key) => key.id === id);
  if (old === undefined) return { kind: "unknown" };
  if (!isLive(old, by.at)) return { kind: "over" };
  if (keys.filter((key) => isLive(key, by.at)).length > 1) return { kind: "two_live" };
  if (total >= KEYS_MAX) return { kind: "full" };
  const { retiresAt, ...itself } = successor;
  const { name, scope } = old;
  const fresh = { retiresAt: null, revokedAt: null, lastUsedAt: null };
  return {
    kind: "rotated",
    old: { ...old, retiresAt },
    successor: {
      ...itself,
      name,
      scope,
      createdAt: by.at,
      expiresAt: expiryOf(old, by.at),
      ...fresh,
    },
  };
}

/** The same lifetime as the key before, counted from its own creation. */
function expiryOf({ createdAt, expiresAt }: ApiKey, at: string): string | null {
  if (expiresAt === null) return null;
  const lifeMs = Date.parse(expiresAt) - Date.parse(createdAt);
  return new Date(Date.parse(at) + lifeMs).toISOString();
}

export function entryOfAddition(
  { id, name, scope, expiresAt }: ApiKey,
  by: AuditStamp,
): AuditEntry {
  return {
    ...by,
    action: "key.created",
    subject: name,
    details: { id, scope, expires_at: expiresAt },
  };
}

export function entryOfRotation(
  old: ApiKey,
  { id, name, expiresAt }: ApiKey,
  by: AuditStamp,
): AuditEntry {
  const details = { id, expires_at: expiresAt, old_id: old.id, old_retires_at: old.retiresAt };
  return { ...by, action: "key.rotated", subject: name, details };
}

/** All keys must have the same name. */
export function entryOfRevocation(keys: readonly ApiKey[], by: AuditStamp): AuditEntry {
  const ids = keys.map(({ id }) => id).join(" ");
  return { ...by, action: "key.revoked", subject: keys[0]?.name ?? "", details: { ids } };
}
