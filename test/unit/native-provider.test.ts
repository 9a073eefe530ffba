import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { parseMessage } from "../../src/domain/message.ts";
import { NativeProvider } from "../../src/providers/native.ts";
import { SigningSecrets, sign } from "../../src/providers/signature.ts";
import { refusalOf } from "../../src/providers/signature-refusal.ts";

const FIELDS = {
  message_id: "m1",
  from: "+919876543210",
  to: "+14155550100",
  ts: "2025-01-15T10:00:00Z",
  text: "Hello",
};
const BODY = Buffer.from(JSON.stringify(FIELDS));
const MAC = sign("new", BODY);

/** A provider whose secret `old` ends at 1,000 ms. */
function provider(): NativeProvider {
  return new NativeProvider(
    new SigningSecrets([
      { name: "the old one", secret: "old", untilMs: 1_000 },
      { name: "the new one", secret: "new" },
    ]),
  );
}

function message() {
  const parsed = parseMessage(FIELDS);
  ok(parsed.ok);
  return parsed.message;
}

test("a webhook is verified with X-Signature over its raw body, and the secret is named", () => {
  const verify = (signature: string | undefined, nowMs: number) =>
    provider().verify({ headers: { "x-signature": signature }, body: BODY }, nowMs);
  deepEqual(verify(MAC, 0), { ok: true, secret: "the new one" });
  deepEqual(verify(sign("old", BODY), 999), { ok: true, secret: "the old one" });
  deepEqual(verify(sign("old", BODY), 1_000), { ok: false, refusal: { reason: "mismatch" } });
  deepEqual(verify(undefined, 0), { ok: false, refusal: { reason: "no_header" } });
  deepEqual(provider().verify({ headers: { signature: MAC }, body: BODY }, 0), {
    ok: false,
    refusal: { reason: "no_header" },
  });
});

test("once the last secret has ended, the refusal says that there is none", () => {
  const secrets = new SigningSecrets([{ name: "old", secret: "old", untilMs: 1_000 }]);
  const refused = (nowMs: number) =>
    new NativeProvider(secrets).verify({ headers: { "x-signature": MAC }, body: BODY }, nowMs);
  deepEqual(refused(999), { ok: false, refusal: { reason: "mismatch" } });
  deepEqual(refused(1_000), { ok: false, refusal: { reason: "no_secret" } });
  deepEqual([secrets.areAny(999), secrets.areAny(1_000)], [true, false]);
});

test("a verified body is parsed as JSON and then as a message", () => {
  const { source } = provider();
  equal(source, "native");
  deepEqual(provider().parse(BODY), { ok: true, message: message() });
  const broken = provider().parse(Buffer.from("{"));
  deepEqual(!broken.ok && [broken.issues.map(({ type }) => type), broken.messageId], [
    ["json_invalid"],
    undefined,
  ]);
  const refused = provider().parse(Buffer.from('{"message_id":"m1"}'));
  deepEqual(!refused.ok && refused.messageId, "m1");
});

test("a composed webhook is signed with the first secret that is accepted, and is accepted itself", () => {
  for (const [nowMs, name, secret] of [
    [999, "the old one", "old"],
    [1_000, "the new one", "new"],
  ] as const) {
    const composed = provider().compose(message(), nowMs);
    ok(composed !== undefined);
    deepEqual(composed.headers, {
      "content-type": "application/json",
      "x-signature": sign(secret, BODY),
    });
    equal(composed.body.toString(), BODY.toString());
    deepEqual(provider().verify(composed, nowMs), { ok: true, secret: name });
  }
  const none = new NativeProvider(new SigningSecrets([]));
  equal(none.compose(message(), 0), undefined);
  equal(new SigningSecrets([]).sign(BODY, 0), undefined);
});

test("the refusal of a signature says what the header contained instead of 64 digits", () => {
  const base64 = Buffer.from(MAC, "hex").toString("base64");
  const forms: readonly (readonly [header: unknown, form: string])[] = [
    ["", "empty"],
    [" \t", "empty"],
    [[MAC], "empty"],
    [`${MAC}, ${MAC}`, "repeated header"],
    [`sha256=${MAC}`, "sha256= prefix"],
    [`SHA256=${MAC}`, "sha256= prefix"],
    [`v1,sha256=${MAC}`, "not hexadecimal"],
    [base64, "base64"],
    [base64.replace("=", ""), "base64"],
    [Buffer.from(MAC).toString("base64"), "base64"],
    [Buffer.from(MAC).toString("base64url"), "base64"],
    [`${base64}=`, "not hexadecimal"],
    [`.${base64}`, "not hexadecimal"],
    [`${"z".repeat(86)}=`, "not hexadecimal"],
    ["z".repeat(42), "not hexadecimal"],
    ["z".repeat(44), "not hexadecimal"],
    ["z".repeat(85), "not hexadecimal"],
    ["z".repeat(87), "not hexadecimal"],
    [MAC.slice(1), "wrong length"],
    [`${MAC}0`, "wrong length"],
    [`x${MAC}`, "not hexadecimal"],
    [`${MAC}x`, "not hexadecimal"],
  ];
  for (const [header, form] of forms)
    deepEqual(refusalOf(header, true), { reason: "malformed", form }, String(header));
  for (const digits of [MAC, MAC.toUpperCase()])
    deepEqual(refusalOf(digits, true), { reason: "mismatch" });
});
