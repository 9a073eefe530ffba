import { equal } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SigningSecrets, sign } from "../../src/providers/signature.ts";

const BODY =
  '{"message_id":"m1","from":"+919876543210","to":"+14155550100","ts":"2025-01-15T10:00:00Z","text":"Hello"}';

test("the known answer of the contract", () => {
  equal(sign("testsecret", BODY), "ff1016e524bc9299d18988ecf27a880af9428140e3850af0c73ea1eef091a4cb");
});

test("case 2 of RFC 4231", () => {
  equal(
    sign("Jefe", "what do ya want for nothing?"),
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
  );
});

test("what was signed with any of the secrets is accepted, in upper case too", () => {
  const secrets = new SigningSecrets(["old", "new"]);
  for (const secret of ["old", "new"]) {
    equal(secrets.verify(Buffer.from(BODY), sign(secret, BODY)), true);
    equal(secrets.verify(Buffer.from(BODY), sign(secret, BODY).toUpperCase()), true);
  }
  equal(secrets.verify(Buffer.from(BODY), sign("other", BODY)), false);
});

test("blank secrets accept nothing, not even what is signed with them", () => {
  for (const secret of ["", " ", "\t\n"])
    equal(new SigningSecrets([secret]).verify(Buffer.from(BODY), sign(secret, BODY)), false);
  equal(new SigningSecrets([]).verify(Buffer.from(""), sign("", "")), false);
});

test("anything but 64 hex digits is refused before it is decoded", () => {
  const secrets = new SigningSecrets(["testsecret"]);
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
    equal(secrets.verify(Buffer.from(BODY), bad), false, String(bad));
  }
});

test("a signature fits its bytes and no others: one flipped bit anywhere is refused", () => {
  const secrets = new SigningSecrets(["testsecret"]);
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 300 });
  fc.assert(
    fc.property(bytes, fc.nat(), fc.nat({ max: 255 }), (body, at, bit) => {
      const payload = Buffer.from(body);
      const signature = sign("testsecret", payload);
      equal(secrets.verify(payload, signature), true);
      const flipped = Buffer.from(payload);
      const index = at % flipped.length;
      flipped[index] = (flipped[index] ?? 0) ^ (1 << (bit % 8));
      equal(secrets.verify(flipped, signature), false);
      const mac = Buffer.from(signature, "hex");
      mac[at % 32] = (mac[at % 32] ?? 0) ^ (1 << (bit % 8));
      equal(secrets.verify(payload, mac.toString("hex")), false);
    }),
  );
});
