import { createHmac } from "node:crypto";

/**
 * The value of `X-Signature`: HMAC-SHA256 over exactly these bytes, as hex. Node, Bun and Deno
 * provide it, and it is synchronous.
 */
export function signatureOf(secret: string, body: Uint8Array): string {
  return createHmac("sha256", secret).update(body).digest("hex");
}
