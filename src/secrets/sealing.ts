import {
  createCipheriv,
  createDecipheriv,
  hkdfSync,
  type ScryptOptions,
  scrypt,
} from "node:crypto";
import { promisify } from "node:util";

// The two forms of a secret: sealed, so that the service can open it, and as a fingerprint, which
// cannot be reversed.

const VERSION = "v1";
const CIPHER = "aes-256-gcm";
const KEY_BYTES = 32;
export const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Encrypts secrets with AES-256-GCM under a key derived from the master key. What was sealed for
 * one purpose does not open for another.
 */
export class SecretBox {
  readonly #key: Buffer;

  constructor(masterKey: string, purpose: "webhook secrets" | "sessions" = "webhook secrets") {
    this.#key = Buffer.from(
      hkdfSync("sha256", masterKey, "", `lyftr ${purpose} ${VERSION}`, KEY_BYTES),
    );
  }

  /**
   * `nonce` must be random and never used twice. The name is authenticated: a sealed secret opens
   * only under its own name.
   */
  seal(name: string, secret: string, nonce: Buffer): string {
    const cipher = createCipheriv(CIPHER, this.#key, nonce, { authTagLength: TAG_BYTES }).setAAD(
      Buffer.from(name),
    );
    const sealed = Buffer.concat([
      nonce,
      cipher.update(secret, "utf8"),
      cipher.final(),
      cipher.getAuthTag(),
    ]);
    return `${VERSION}.${sealed.toString("base64url")}`;
  }

  /** Undefined for a secret of another master key or name, and for one that was altered. */
  open(name: string, sealed: string): string | undefined {
    const text = sealed.startsWith(`${VERSION}.`) ? sealed.slice(VERSION.length + 1) : "";
    const bytes = Buffer.from(text, "base64url");
    if (bytes.length < NONCE_BYTES + TAG_BYTES) return undefined;
    // Node skips what is not base64url, so another text could have the same bytes.
    if (bytes.toString("base64url") !== text) return undefined;
    const tagAt = bytes.length - TAG_BYTES;
    const options = { authTagLength: TAG_BYTES };
    const decipher = createDecipheriv(CIPHER, this.#key, bytes.subarray(0, NONCE_BYTES), options);
    decipher.setAAD(Buffer.from(name)).setAuthTag(bytes.subarray(tagAt));
    try {
      return (
        decipher.update(bytes.subarray(NONCE_BYTES, tagAt), undefined, "utf8") +
        decipher.final("utf8")
      );
    } catch {
      return undefined;
    }
  }
}

/** About 100 ms and 32 MiB for each guess, so that even a weak secret is hard to find by trying. */
const SCRYPT_COST: ScryptOptions = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 1_024 * 1_024 };
const FINGERPRINT_BYTES = 8;
const scryptHash = promisify<string, string, number, ScryptOptions, Buffer>(scrypt);

/** Identifies a secret within one database. */
export async function fingerprintOf(secret: string, databaseId: string): Promise<string> {
  return (await scryptHash(secret, databaseId, FINGERPRINT_BYTES, SCRYPT_COST)).toString("hex");
}
