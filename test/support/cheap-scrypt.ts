import crypto, { type ScryptOptions } from "node:crypto";
import { syncBuiltinESMExports } from "node:module";

// `npm run check` imports this module before its tests. Each start of a service computes the
// fingerprint of its webhook secret, which takes 90 ms of CPU by design. With the smallest cost it
// takes none. `npm test` runs the same tests with the real cost.

type Done = (error: Error | null, key: Buffer) => void;

const { scrypt } = crypto;

function cheapScrypt(
  secret: string,
  salt: string,
  bytes: number,
  options: ScryptOptions,
  done: Done,
): void {
  scrypt(secret, salt, bytes, { ...options, N: 2 }, done);
}

Object.assign(crypto, { scrypt: cheapScrypt });
syncBuiltinESMExports();
