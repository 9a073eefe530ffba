import { createCipheriv, createDecipheriv, hkdfSync } from "node:crypto";

const VERSION = "v1";
const CIPHER = "aes-256-gcm";
const KEY_BYTES = 32;
export const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** What secrets are locked in while they are kept: AES-256-GCM under a key made of the master key. */
export class SecretBox {
  readonly #key: Buffer;

  constructor(masterKey: string) {
    this.#key = Buffer.from(hkdfSync("sha256", masterKey, "", `lyftr webhook secrets ${VERSION}`, KEY_BYTES));
  }

  /** `nonce` is random and never used twice. The name is sealed in: what was kept under one opens under no other. */
  seal(name: string, secret: string, nonce: Buffer): string {
    const cipher = createCipheriv(CIPHER, this.#key, nonce, { authTagLength: TAG_BYTES }).setAAD(Buffer.from(name));
    const sealed = Buffer.concat([nonce, cipher.update(secret, "utf8"), cipher.final(), cipher.getAuthTag()]);
    return `${VERSION}.${sealed.toString("base64url")}`;
  }

  /** The secret, or undefined when it was sealed under another master key or name, or was changed since. */
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
