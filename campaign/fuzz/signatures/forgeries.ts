import { createHash, createHmac } from "node:crypto";
import type { Random } from "../../support/random.ts";

/** A webhook that looks signed, and is not. */
export interface Forgery {
  /** The trick, for the report. */
  readonly trick: string;
  readonly body: Buffer;
  /** The value of the header. Undefined when it is missing. */
  readonly signature: unknown;
}

/** What forgers know: the webhook of another client with its signature, and wrong secrets. */
export interface Known {
  readonly body: Buffer;
  readonly signature: string;
  readonly random: Random;
}

/** Secrets that are not accepted: expired, blank or of others. */
export const WRONG_SECRETS: readonly string[] = [
  "expired secret",
  "",
  " ",
  "testsecre",
  "testsecret ",
  "Testsecret",
  "another secret",
];

type Trick = (known: Known) => { readonly body?: Buffer; readonly signature?: unknown };

/** The signature of the body with a wrong key or algorithm. */
const WRONG_MACS: Readonly<Record<string, Trick>> = {
  "a wrong secret": ({ body, random }) => ({
    signature: hmac("sha256", random.of(WRONG_SECRETS), body),
  }),
  "a hash without a secret": ({ body }) => ({
    signature: createHash("sha256").update(body).digest("hex"),
  }),
  "a hash of secret and body": ({ body, random }) => ({
    signature: createHash("sha256").update(random.of(WRONG_SECRETS)).update(body).digest("hex"),
  }),
  "another algorithm": ({ body, random }) => ({
    signature: hmac(random.of(["sha1", "sha512", "md5", "sha3-256", "sha224"]), "testsecret", body),
  }),
  "another algorithm, cut to 64 digits": ({ body, random }) => ({
    signature: hmac(random.of(["sha512", "sha384", "sha3-512"]), "testsecret", body).slice(0, 64),
  }),
  "another algorithm of 64 digits": ({ body, random }) => ({
    signature: hmac(random.of(["sha3-256", "sha512-256", "blake2s256"]), "testsecret", body),
  }),
  "key and body exchanged": ({ body }) => ({ signature: hmac("sha256", body, "testsecret") }),
  "the signature of a signature": ({ signature }) => ({
    signature: hmac("sha256", "testsecret", Buffer.from(signature)),
  }),
};

/** The right signature in another spelling. Upper case is not one: it is accepted. */
const WRONG_SPELLINGS: Readonly<Record<string, Trick>> = {
  "a prefix": ({ signature, random }) => ({
    signature: `${random.of(["sha256=", "SHA256=", "v1=", "t=1,v1=", "0x", "hex:", "=", "$"])}${signature}`,
  }),
  "blanks around it": ({ signature, random }) => {
    const blank = random.of([" ", "\t", "\u00a0", "\ufeff", "\n", "\0", "\v"]);
    return { signature: random.chance(0.5) ? blank + signature : signature + blank };
  },
  "quotes around it": ({ signature, random }) => {
    const quote = random.of(['"', "'", "`", "<"]);
    return { signature: quote + signature + quote };
  },
  "its beginning": ({ signature, random }) => ({
    signature: signature.slice(0, random.between(0, 63)),
  }),
  "its end": ({ signature, random }) => ({ signature: signature.slice(random.between(1, 63)) }),
  "more digits": ({ signature, random }) => ({
    signature: signature + digits(random, random.between(1, 64)),
  }),
  "more digits before it": ({ signature, random }) => ({
    signature: digits(random, random.between(1, 64)) + signature,
  }),
  "the signature twice": ({ signature, random }) => ({
    signature: `${signature}${random.of(["", ", ", ",", ";", " "])}${signature}`,
  }),
  base64: ({ signature, random }) => ({
    signature: Buffer.from(signature, "hex").toString(random.of(["base64", "base64url", "latin1"])),
  }),
  "base64 of its digits": ({ signature }) => ({
    signature: Buffer.from(signature).toString("base64"),
  }),
  "digits with separators": ({ signature, random }) => ({
    signature: signature.replace(/..(?=.)/g, `$&${random.of([":", "-", " ", ","])}`),
  }),
  "a digit of another script": ({ signature, random }) => ({
    signature: replaced(signature, random, (code) =>
      String.fromCharCode(random.of([code + 0xfee0, code + 0x100, code + 0x200, code + 0xff00])),
    ),
  }),
  "escaped digits": ({ signature, random }) => ({
    signature: replaced(signature, random, (code) => `%${code.toString(16)}`),
  }),
  "another type": ({ signature, random }) => ({
    signature: random.of<unknown>([undefined, null, [signature], { signature }, 0, true, Number]),
  }),
  "its bytes in reverse": ({ signature }) => ({
    signature: Buffer.from(signature, "hex").reverse().toString("hex"),
  }),
  "its digits in reverse": ({ signature }) => ({
    signature: signature.split("").reverse().join(""),
  }),
};

/** A signature that is nearly right, or arbitrary. */
const WRONG_DIGITS: Readonly<Record<string, Trick>> = {
  "a changed digit": ({ signature, random }) => ({
    signature: replaced(signature, random, (code) => otherDigit(random, code)),
  }),
  "a changed last digit": ({ signature, random }) => ({
    signature: signature.slice(0, -1) + otherDigit(random, signature.charCodeAt(63)),
  }),
  "a changed first digit": ({ signature, random }) => ({
    signature: otherDigit(random, signature.charCodeAt(0)) + signature.slice(1),
  }),
  "the same beginning": ({ signature, random }) => {
    const same = random.between(1, 62);
    return { signature: signature.slice(0, same) + digits(random, 64 - same) };
  },
  "the same end": ({ signature, random }) => {
    const same = random.between(1, 62);
    return { signature: digits(random, 64 - same) + signature.slice(64 - same) };
  },
  "two exchanged digits": ({ signature, random }) => {
    const at = random.between(0, 62);
    const [one = "", other = ""] = signature.slice(at, at + 2);
    return { signature: signature.slice(0, at) + other + one + signature.slice(at + 2) };
  },
  "a flipped bit of its text": ({ signature, random }) => ({
    signature: replaced(signature, random, (code) =>
      String.fromCharCode(code ^ (1 << random.between(0, 7))),
    ),
  }),
  "random digits": ({ random }) => ({ signature: digits(random, 64) }),
  "the same digit": ({ random }) => ({ signature: digits(random, 1).repeat(64) }),
  nothing: ({ random }) => ({ signature: random.of(["", " ", undefined]) }),
};

/** The right signature for another body. */
const WRONG_BODIES: Readonly<Record<string, Trick>> = {
  "a flipped bit of the body": ({ body, random }) => {
    const flipped = Buffer.from(body);
    const at = random.between(0, body.length - 1);
    flipped.writeUInt8(body.readUInt8(at) ^ (1 << random.between(0, 7)), at);
    return { body: flipped };
  },
  "a letter of the body in another case": ({ body, random }) => {
    const at = random.between(0, body.length - 1);
    const letters = [...body.keys()].map((n) => (n + at) % body.length);
    const letter = letters.find((n) => /[a-z]/i.test(String.fromCharCode(body[n] ?? 0)));
    if (letter === undefined) return { body: Buffer.alloc(0) };
    const changed = Buffer.from(body);
    changed.writeUInt8(body.readUInt8(letter) ^ 0x20, letter);
    return { body: changed };
  },
  "a shorter body": ({ body, random }) => ({
    body: body.subarray(0, random.between(0, body.length - 1)),
  }),
  "a body without its beginning": ({ body, random }) => ({
    body: body.subarray(random.between(1, body.length)),
  }),
  "a longer body": ({ body, random }) => {
    const more = random.of([" ", "\n", "\r\n", "\0", "}", "{}", ",", digits(random, 8)]);
    return { body: Buffer.concat([body, Buffer.from(more)]) };
  },
  "a longer body before": ({ body, random }) => {
    const more = random.of([" ", "\n", "\ufeff", "\0", "{", digits(random, 8)]);
    return { body: Buffer.concat([Buffer.from(more), body]) };
  },
  "the body twice": ({ body }) => ({ body: Buffer.concat([body, body]) }),
  "a body in another encoding": ({ body, random }) => ({
    body: Buffer.from(body.toString("latin1"), random.of(["utf16le", "base64", "hex"])),
  }),
};

const TRICKS: readonly (readonly [string, Trick])[] = Object.entries({
  ...WRONG_MACS,
  ...WRONG_SPELLINGS,
  ...WRONG_DIGITS,
  ...WRONG_BODIES,
});

/** A random forgery. Undefined when the trick happens to change nothing. */
export function forge(known: Known): Forgery | undefined {
  const [trick, make] = known.random.of(TRICKS);
  const made = make(known);
  const { body = known.body } = made;
  const signature = "signature" in made ? made.signature : known.signature;
  const isGenuine =
    body.equals(known.body) &&
    typeof signature === "string" &&
    signature.replace(/[A-F]/g, (digit) => digit.toLowerCase()) === known.signature;
  return isGenuine ? undefined : { trick, body, signature };
}

/** A body as senders send it, or arbitrary bytes. Each has at least one byte. */
export function randomBody(random: Random, id: string): Buffer {
  if (random.chance(0.2)) return Buffer.from(digits(random, random.between(1, 200)), "latin1");
  const text = "hello ".repeat(random.between(0, 20));
  const fields = { message_id: id, from: "+919876543210", to: "+1", ts: "2025-01-15T10:00:00Z" };
  return Buffer.from(JSON.stringify({ ...fields, text }));
}

function hmac(algorithm: string, key: string | Buffer, data: string | Buffer): string {
  return createHmac(algorithm, key).update(data).digest("hex");
}

function digits(random: Random, count: number): string {
  let text = "";
  while (text.length < count) text += random.between(0, 0xffffff).toString(16).padStart(6, "0");
  return text.slice(0, count);
}

function otherDigit(random: Random, code: number): string {
  const value = Number.parseInt(String.fromCharCode(code), 16);
  return ((value + random.between(1, 15)) % 16).toString(16);
}

function replaced(text: string, random: Random, change: (code: number) => string): string {
  const at = random.between(0, text.length - 1);
  return text.slice(0, at) + change(text.charCodeAt(at)) + text.slice(at + 1);
}
