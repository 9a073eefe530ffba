import { type Outcome, request } from "./request.ts";

export type Scope = "read" | "admin";

/** A key of `GET /keys`. Its text is in no list. */
export interface ApiKey {
  readonly id: string;
  readonly name: string;
  readonly scope: Scope;
  /** The first characters of its text. */
  readonly hint: string;
  readonly created_at: string;
  readonly expires_at: string | null;
  /** It has a successor, and is refused from then on. */
  readonly retires_at: string | null;
  readonly revoked_at: string | null;
  /** Exact to about a minute. */
  readonly last_used_at: string | null;
}

/** A new key. `key` is its text, which no other answer has. */
export interface IssuedKey extends ApiKey {
  readonly key: string;
}

export interface RotatedKey extends IssuedKey {
  readonly replaces: ApiKey;
}

export interface NewKey {
  readonly name: string;
  readonly scope: Scope;
  /** `90d`, or null: it does not expire. */
  readonly expires_in: string | null;
}

export function readKeys(
  signal: AbortSignal,
  etag?: string,
): Promise<Outcome<{ readonly data: readonly ApiKey[] }>> {
  return request("keys", { signal, etag });
}

export function createKey(body: NewKey): Promise<Outcome<IssuedKey>> {
  return request("keys", { method: "POST", body });
}

/** Makes a successor. The old key is accepted for `overlap` longer. */
export function rotateKey(id: string, overlap: string): Promise<Outcome<RotatedKey>> {
  return request(`keys/${encodeURIComponent(id)}/rotate`, { method: "POST", body: { overlap } });
}

export function revokeKey(id: string): Promise<Outcome<void>> {
  return request(`keys/${encodeURIComponent(id)}`, { method: "DELETE" });
}
