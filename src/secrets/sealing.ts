import { createCipheriv, createDecipheriv, hkdfSync, type ScryptOptions, scrypt } from "node:crypto";
import { promisify } from "node:util";

// The two forms in which a database has a secret: sealed, so that the service can open it, and as a
// fingerprint, so that nothing can.

const VERSION = "v1";
const CIPHER = "aes-256-gcm";
const KEY_BYTES = 32;
export const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Encrypts secrets with AES-256-GCM under a key derived from the master key. */
export class SecretBox {
  readonly #key: Buffer;

  constructor(masterKey: string) {
    this.#key = Buffer.from(hkdfSync("sha256", masterKey, "", `lyftr webhook secrets ${VERSION}`, KEY_BYTES));
  }

  /** `nonce` is random and never used twice. The name is authenticated: a secret opens under no other. */
  seal(name: string, secret: string, nonce: Buffer): string {
    const cipher = createCipheriv(CIPHER, this.#key, nonce, { authTagLength: TAG_BYTES }).setAAD(Buffer.from(name));
    const sealed = Buffer.concat([nonce, cipher.update(secret, "utf8"), cipher.final(), cipher.getAuthTag()]);
    return `${VERSION}.${sealed.toString("base64url")}`;
  }

  /** Undefined for a secret of another master key or name, and for one that was changed since. */
  open(name: string, sealed: string): string | undefined {
    const [version, text = ""] = sealed.split(".");
    const bytes = Buffer.from(text, "base64url");
    if (version !== VERSION || bytes.length < NONCE_BYTES + TAG_BYTES) return undefined;
    const tagAt = bytes.length - TAG_BYTES;
    const options = { authTagLength: TAG_BYTES };
    const decipher = createDecipheriv(CIPHER, this.#key, bytes.subarray(0, NONCE_BYTES), options);
    decipher.setAAD(Buffer.from(name)).setAuthTag(bytes.subarray(tagAt));
    try {
      return decipher.update(bytes.subarray(NONCE_BYTES, tagAt), undefined, "utf8") + decipher.final("utf8");
    } catch {
      return undefined;
    }
  }
}

/** About 100 ms and 32 MiB a guess: a weak secret is not found by trying many against the database. */
const SCRYPT_COST: ScryptOptions = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 1_024 * 1_024 };
const FINGERPRINT_BYTES = 8;
const scryptHash = promisify<string, string, number, ScryptOptions, Buffer>(scrypt);

/** Tells a secret from others in one database. */
export async function fingerprintOf(secret: string, databaseId: string): Promise<string> {
  return (await scryptHash(secret, databaseId, FINGERPRINT_BYTES, SCRYPT_COST)).toString("hex");
}
