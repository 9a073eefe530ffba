import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from "node:crypto";

const SHA256_HEX = /^[0-9a-fA-F]{64}$/;
/**
 * Compares hex digits in the same two buffers each time. New buffers would cost as much as the hash
 * of a short body.
 */
const given = Buffer.alloc(64);
const expected = Buffer.alloc(64);
/** The maximum number of secrets: each costs a MAC for every webhook. */
export const SECRETS_MAX = 16;

/** The HMAC-SHA256 of `body` as lower-case hex: the value of the signature header. */
export function sign(secret: string, body: Buffer | string): string {
  return macOf(secret, body);
}

function macOf(key: KeyObject | string, body: Buffer | string): string {
  return createHmac("sha256", key).update(body).digest("hex");
}

/** A secret with which signatures are verified. */
export interface SigningSecret {
  /** The name that is shown instead of the secret. */
  readonly name: string;
  readonly secret: string;
  /** The secret is refused from then on. */
  readonly untilMs?: number | undefined;
}

/** Blank secrets are ignored: no MAC is ever computed with an empty key. */
export function isBlank(secret: string): boolean {
  return secret.trim() === "";
}

interface Key {
  readonly name: string;
  readonly key: KeyObject;
  readonly untilMs: number;
}

/** The secrets that are accepted now. */
export class SigningSecrets {
  #keys: readonly Key[];

  constructor(secrets: readonly SigningSecret[]) {
    this.#keys = keysOf(secrets);
  }

  /** Replaces the secrets, from the next signature on. */
  replace(secrets: readonly SigningSecret[]): void {
    this.#keys = keysOf(secrets);
  }

  /** Whether a signature can be accepted at that time. */
  areAny(nowMs: number): boolean {
    return this.#keys.some(({ untilMs }) => nowMs < untilMs);
  }

  /** The signature of `body` with the first secret that is accepted; undefined without one. */
  sign(body: Buffer, nowMs: number): string | undefined {
    const live = this.#keys.find(({ untilMs }) => nowMs < untilMs);
    return live && macOf(live.key, body);
  }

  /**
   * The name of the secret with which `signature`, 64 hex digits, is the HMAC-SHA256 of `body`.
   * Undefined when there is none.
   */
  verify(body: Buffer, signature: unknown, nowMs: number): string | undefined {
    if (typeof signature !== "string" || !SHA256_HEX.test(signature)) return undefined;
    given.write(signature.toLowerCase(), "latin1");
    let fitting: string | undefined;
    // Every secret is tried, so that the time taken does not tell which one fits.
    for (const { name, key, untilMs } of this.#keys) {
      if (nowMs >= untilMs) continue;
      expected.write(macOf(key, body), "latin1");
      if (timingSafeEqual(expected, given)) fitting = name;
    }
    return fitting;
  }
}

function keysOf(secrets: readonly SigningSecret[]): readonly Key[] {
  const usable = secrets.filter(({ secret }) => !isBlank(secret));
  if (usable.length > SECRETS_MAX) throw new RangeError(`more than ${SECRETS_MAX} secrets at once`);
  return usable.map(({ name, secret, untilMs = Number.POSITIVE_INFINITY }) => ({
    name,
    untilMs,
    key: createSecretKey(Buffer.from(secret)),
  }));
}
