import { hash } from "node:crypto";
import { crc32 } from "node:zlib";

/** What a key may do. `admin` includes `read`. */
export const SCOPES = ["read", "admin"] as const;
export type Scope = (typeof SCOPES)[number];

/**
 * An API key as it is stored. Only a hash of its text is stored, so the content of the database
 * does not give access.
 */
export interface ApiKey {
  readonly id: string;
  readonly name: string;
  readonly scope: Scope;
  /** See {@link hashOfKey}. */
  readonly hash: string;
  /** The part of the key that may be shown. */
  readonly hint: string;
  /**
   * Moments are written as `2025-01-15T10:00:00.000Z`, so their text order is their order in time.
   */
  readonly createdAt: string;
  /** The key is refused from then on, as decided when it was made. */
  readonly expiresAt: string | null;
  /** The key is refused from then on, because it has a successor. */
  readonly retiresAt: string | null;
  /** When it was revoked. It is refused at once, even if the clock of a process is wrong. */
  readonly revokedAt: string | null;
  /** Exact to about a minute. */
  readonly lastUsedAt: string | null;
}

/**
 * The name of a key is in logs and in the audit. The name of the key in the environment is
 * reserved.
 */
export const KEY_NAME_PATTERN = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$";
export const ADMIN_KEY_NAME = "ADMIN_API_KEY";

export const KEY_BYTES = 32;
const PREFIX = "lyftr_";
const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/** 256 bits in digits of 62. */
const SECRET_DIGITS = 43;
/** 32 bits in such digits. */
const CHECKSUM_DIGITS = 6;
const HINT_CHARACTERS = 10;

/** What secret scanners look for; see docs/operations/keys-and-secrets.md. */
export const KEY_PATTERN = `^${PREFIX}[0-9A-Za-z]{${SECRET_DIGITS + CHECKSUM_DIGITS}}$`;
const KEY = new RegExp(KEY_PATTERN);

/**
 * The text of a key: a prefix that scanners know, `KEY_BYTES` random bytes, and a checksum of both.
 */
export function keyOf(bytes: Uint8Array): string {
  if (bytes.length !== KEY_BYTES) throw new RangeError(`a key needs ${KEY_BYTES} random bytes`);
  const body = PREFIX + digits(BigInt(`0x${Buffer.from(bytes).toString("hex")}`), SECRET_DIGITS);
  return body + checksumOf(body);
}

/**
 * Whether a text can be a key. A shortened or mistyped key fails this check, and needs no look-up.
 */
export function isKey(text: string): boolean {
  if (!KEY.test(text)) return false;
  const body = text.slice(0, -CHECKSUM_DIGITS);
  return text.slice(-CHECKSUM_DIGITS) === checksumOf(body);
}

/**
 * The hash by which a key is stored. A plain hash is enough, because guessing a hashed key is as
 * hard as guessing the key.
 */
export function hashOfKey(text: string): string {
  return hash("sha256", text, "hex");
}

/** The first characters of a key: enough to tell two keys apart, too few to guess the rest. */
export function hintOfKey(text: string): string {
  return text.slice(0, HINT_CHARACTERS);
}

/** Whether a key of this scope may do what the other scope may. */
export function covers(scope: Scope, needed: Scope): boolean {
  return scope === "admin" || needed === "read";
}

/** Whether a key is accepted at a moment. */
export function isLive({ revokedAt, ...key }: ApiKey, at: string): boolean {
  const end = endOf(key);
  return revokedAt === null && (end === null || end > at);
}

/** The moment from which a key is refused without being revoked; null when there is none. */
export function endOf({
  expiresAt,
  retiresAt,
}: Pick<ApiKey, "expiresAt" | "retiresAt">): string | null {
  if (expiresAt === null || retiresAt === null) return expiresAt ?? retiresAt;
  return expiresAt < retiresAt ? expiresAt : retiresAt;
}

function checksumOf(body: string): string {
  return digits(BigInt(crc32(body)), CHECKSUM_DIGITS);
}

function digits(value: bigint, count: number): string {
  const base = BigInt(ALPHABET.length);
  let text = "";
  for (let rest = value; text.length < count; rest /= base)
    text = ALPHABET[Number(rest % base)] + text;
  return text;
}
