import { equal, throws } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SECRETS_MAX, SigningSecrets, sign } from "../../src/providers/signature.ts";

const BODY =
  '{"message_id":"m1","from":"+919876543210","to":"+14155550100","ts":"2025-01-15T10:00:00Z","text":"Hello"}';

test("the known answer of the contract", () => {
  equal(
    sign("testsecret", BODY),
    "ff1016e524bc9299d18988ecf27a880af9428140e3850af0c73ea1eef091a4cb",
  );
});

test("case 2 of RFC 4231", () => {
  equal(
    sign("Jefe", "what do ya want for nothing?"),
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
  );
});

/** Secrets that are their own names. */
const named = (...secrets: readonly string[]) =>
  secrets.map((secret) => ({ name: secret, secret }));

test("a signature with any of the secrets is accepted, in upper case too, and the secret is named", () => {
  const secrets = new SigningSecrets(named("old", "new", "newer"));
  for (const secret of ["old", "new", "newer"]) {
    equal(secrets.verify(Buffer.from(BODY), sign(secret, BODY), 0), secret);
    equal(secrets.verify(Buffer.from(BODY), sign(secret, BODY).toUpperCase(), 0), secret);
  }
  equal(secrets.verify(Buffer.from(BODY), sign("other", BODY), 0), undefined);
});

test("a secret with an end is refused from that millisecond on, the others are not", () => {
  const secrets = new SigningSecrets([
    { name: "old", secret: "old", untilMs: 1_000 },
    ...named("new"),
  ]);
  const verify = (secret: string, nowMs: number) =>
    secrets.verify(Buffer.from(BODY), sign(secret, BODY), nowMs);
  equal(verify("old", 999), "old");
  equal(verify("old", 1_000), undefined);
  equal(verify("new", 1_000), "new");
});

test("secrets can be replaced: from the next signature on the others are accepted", () => {
  const secrets = new SigningSecrets(named("old"));
  const verify = (secret: string) => secrets.verify(Buffer.from(BODY), sign(secret, BODY), 0);
  secrets.replace(named("new"));
  equal(verify("old"), undefined);
  equal(verify("new"), "new");
  secrets.replace([]);
  equal(verify("new"), undefined);
});

test("too many secrets at once are not accepted, and the earlier ones stay", () => {
  const many = Array.from({ length: SECRETS_MAX + 1 }, (_, n) => `s${n}`);
  const secrets = new SigningSecrets(named(...many.slice(1)));
  throws(() => secrets.replace(named(...many)), new RangeError("more than 16 secrets at once"));
  equal(secrets.verify(Buffer.from(BODY), sign("s16", BODY), 0), "s16");
  equal(secrets.verify(Buffer.from(BODY), sign("s0", BODY), 0), undefined);
});

test("blank secrets accept nothing, not even their own signatures", () => {
  for (const secret of ["", " ", "\t\n"])
    equal(
      new SigningSecrets(named(secret)).verify(Buffer.from(BODY), sign(secret, BODY), 0),
      undefined,
    );
  equal(new SigningSecrets([]).verify(Buffer.from(""), sign("", ""), 0), undefined);
});

test("anything but 64 hex digits is refused before it is decoded", () => {
  const secrets = new SigningSecrets(named("testsecret"));
  const good = sign("testsecret", BODY);
  for (const bad of [
    undefined,
    "",
    "123",
    `${good}zz`,
    `${good} `,
    ` ${good}`,
    good.slice(1),
    `${good}, ${good}`,
    [good],
    `sha256=${good}`,
    `${good.slice(0, 63)}\u0130`,
    "g".repeat(64),
  ]) {
    equal(secrets.verify(Buffer.from(BODY), bad, 0), undefined, String(bad));
  }
});

test("a signature matches its bytes and no others: one flipped bit anywhere is refused", () => {
  const secrets = new SigningSecrets(named("testsecret"));
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 300 });
  fc.assert(
    fc.property(bytes, fc.nat(), fc.nat({ max: 255 }), (body, at, bit) => {
      const payload = Buffer.from(body);
      const signature = sign("testsecret", payload);
      equal(secrets.verify(payload, signature, 0), "testsecret");
      const flipped = Buffer.from(payload);
      const index = at % flipped.length;
      flipped[index] = (flipped[index] ?? 0) ^ (1 << (bit % 8));
      equal(secrets.verify(flipped, signature, 0), undefined);
      const mac = Buffer.from(signature, "hex");
      mac[at % 32] = (mac[at % 32] ?? 0) ^ (1 << (bit % 8));
      equal(secrets.verify(payload, mac.toString("hex"), 0), undefined);
    }),
  );
});
