import type { ApiKey } from "../../api/keys.ts";

// What the page knows of keys without asking: which are accepted, and when they end.

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
/** The key of the service's environment has this name. */
export const ADMIN_KEY_NAME = "ADMIN_API_KEY";
/** A key that ends sooner is marked. */
const SOON_MS = 7 * 24 * 3_600_000;
/** The last use is exact to about a minute. */
const USED_NOW_MS = 120_000;

export type End =
  | { readonly kind: "revoked" | "expires" | "replaced"; readonly at: number }
  | { readonly kind: "never" };

/** When a key ends or has ended, and why. */
export function endOf({ revoked_at, retires_at, expires_at }: ApiKey): End {
  if (revoked_at !== null) return { kind: "revoked", at: Date.parse(revoked_at) };
  const retires = retires_at === null ? Number.POSITIVE_INFINITY : Date.parse(retires_at);
  const expires = expires_at === null ? Number.POSITIVE_INFINITY : Date.parse(expires_at);
  if (retires < expires) return { kind: "replaced", at: retires };
  return Number.isFinite(expires) ? { kind: "expires", at: expires } : { kind: "never" };
}

export function isLive(key: ApiKey, now: number): boolean {
  const end = endOf(key);
  return end.kind === "never" || (end.kind !== "revoked" && end.at > now);
}

export function endsSoon(key: ApiKey, now: number): boolean {
  const end = endOf(key);
  return end.kind !== "never" && end.at - now < SOON_MS;
}

/** The keys that are accepted, the oldest first, and those that have ended, the newest first. */
export function keyLists(keys: readonly ApiKey[], now: number) {
  const live = keys.filter((key) => isLive(key, now));
  const ended = keys.filter((key) => !isLive(key, now));
  const endMs = (key: ApiKey) => {
    const end = endOf(key);
    return end.kind === "never" ? 0 : end.at;
  };
  return { live, ended: ended.toSorted((a, b) => endMs(b) - endMs(a)) };
}

/** A key can be rotated while no other live key has its name. */
export function mayRotate(key: ApiKey, live: readonly ApiKey[]): boolean {
  return live.every((other) => other.id === key.id || other.name !== key.name);
}

export function wasUsedNow(key: ApiKey, now: number): boolean {
  return key.last_used_at !== null && now - Date.parse(key.last_used_at) < USED_NOW_MS;
}

export function isName(text: string): boolean {
  return NAME.test(text) && text !== ADMIN_KEY_NAME;
}

/** Lines for a shell that ask with a key. */
export function tryLines(service: string, key: string): string {
  return `LYFTR_KEY=${key}\ncurl -sS -H "Authorization: Bearer $LYFTR_KEY" '${service}messages?limit=1'`;
}
