import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from "node:crypto";

const SHA256_HEX = /^[0-9a-fA-F]{64}$/;

/** The HMAC-SHA256 of `body` as lower-case hex: what a sender puts into its signature header. */
export function sign(secret: string, body: Buffer | string): string {
  return createHmac("sha256", secret).update(body).digest("hex");
}

/** The secrets whose signatures are accepted now. */
export class SigningSecrets {
  readonly #keys: readonly KeyObject[];

  /** Blank secrets are no secrets: no MAC is ever computed with an empty key. */
  constructor(secrets: readonly string[]) {
    this.#keys = secrets.filter((secret) => secret.trim() !== "").map((secret) => createSecretKey(Buffer.from(secret)));
  }

  /** Whether `signature`, 64 hex digits, is the HMAC-SHA256 of `body` under one of the secrets. */
  verify(body: Buffer, signature: unknown): boolean {
    // Checked before decoding: Buffer.from(x, "hex") silently drops a bad tail.
    if (typeof signature !== "string" || !SHA256_HEX.test(signature)) return false;
    const given = Buffer.from(signature, "hex");
    let good = false;
    // Every secret is tried, so that the time taken does not tell which one fits.
    for (const key of this.#keys) {
      if (timingSafeEqual(createHmac("sha256", key).update(body).digest(), given)) good = true;
    }
    return good;
  }
}
