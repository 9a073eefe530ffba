import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from "node:crypto";

const SHA256_HEX = /^[0-9a-fA-F]{64}$/;
/** Each costs a MAC for every webhook. */
export const SECRETS_MAX = 16;

/** The HMAC-SHA256 of `body` as lower-case hex: what a sender puts into its signature header. */
export function sign(secret: string, body: Buffer | string): string {
  return createHmac("sha256", secret).update(body).digest("hex");
}

/** A secret that signatures are accepted under. */
export interface SigningSecret {
  /** What it is called where it must not be shown. */
  readonly name: string;
  readonly secret: string;
  /** It is refused from then on. */
  readonly untilMs?: number | undefined;
}

/** Blank secrets are no secrets: no MAC is ever computed with an empty key. */
export function isBlank(secret: string): boolean {
  return secret.trim() === "";
}

interface Key {
  readonly name: string;
  readonly key: KeyObject;
  readonly untilMs: number;
}

/** The secrets whose signatures are accepted now. */
export class SigningSecrets {
  #keys: readonly Key[] = [];

  constructor(secrets: readonly SigningSecret[]) {
    this.replace(secrets);
  }

  /** From the next signature on these are the secrets. */
  replace(secrets: readonly SigningSecret[]): void {
    const usable = secrets.filter(({ secret }) => !isBlank(secret));
    if (usable.length > SECRETS_MAX) throw new RangeError(`more than ${SECRETS_MAX} secrets at once`);
    this.#keys = usable.map(({ name, secret, untilMs = Number.POSITIVE_INFINITY }) => ({
      name,
      untilMs,
      key: createSecretKey(Buffer.from(secret)),
    }));
  }

  /** Whether a signature could be accepted at that time. */
  areAny(nowMs: number): boolean {
    return this.#keys.some(({ untilMs }) => nowMs < untilMs);
  }

  /** The name of the secret under which `signature`, 64 hex digits, is the HMAC-SHA256 of `body`, or undefined when there is none. */
  verify(body: Buffer, signature: unknown, nowMs: number): string | undefined {
    // Checked before decoding: Buffer.from(x, "hex") silently drops a bad tail.
    if (typeof signature !== "string" || !SHA256_HEX.test(signature)) return undefined;
    const given = Buffer.from(signature, "hex");
    let fitting: string | undefined;
    // Every secret is tried, so that the time taken does not tell which one fits.
    for (const { name, key, untilMs } of this.#keys) {
      if (nowMs >= untilMs) continue;
      if (timingSafeEqual(createHmac("sha256", key).update(body).digest(), given)) fitting = name;
    }
    return fitting;
  }
}
