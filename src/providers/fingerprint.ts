import { type ScryptOptions, scrypt } from "node:crypto";
import { promisify } from "node:util";

// About a tenth of a second and 32 MiB a guess: whoever has the database shall not find a weak secret by trying many.
const SLOWNESS: ScryptOptions = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 1_024 * 1_024 };
const FINGERPRINT_BYTES = 8;

const slowHash = promisify<string, string, number, ScryptOptions, Buffer>(scrypt);

/** Tells a secret from others in one database. */
export async function fingerprintOf(secret: string, databaseId: string): Promise<string> {
  return (await slowHash(secret, databaseId, FINGERPRINT_BYTES, SLOWNESS)).toString("hex");
}
