import { deepEqual, equal, match, ok } from "node:assert/strict";
import { after, test } from "node:test";
import { assert, asyncProperty, constantFrom, nat, record, string, uint8Array } from "fast-check";
import { json, macOf, seen, storedTotal } from "../support/client.ts";
import { propertyRuns } from "../support/property-runs.ts";
import { exchange, type RawAnswer, rawRequest } from "../support/raw-http.ts";
import { body, post, startService } from "../support/service.ts";

const PAYLOAD = body({ message_id: "refused" });
const MAC = macOf(PAYLOAD);
const INVALID = json(401, { detail: "invalid signature" });

// This address sends more wrong signatures than get 401 by default.
const service = await startService({ RATE_LIMIT_FAILED_AUTH: "off" });
after(() => service[Symbol.asyncDispose]());

/** Posts with exactly these signature header lines. */
async function postRaw(
  lines: readonly string[],
  payload: string | Uint8Array = PAYLOAD,
): Promise<RawAnswer | undefined> {
  const headers = [
    "Host: x",
    ...lines,
    `Content-Length: ${Buffer.byteLength(payload)}`,
    "Connection: close",
  ];
  const { answers } = await exchange(
    service.port,
    rawRequest("POST /webhook HTTP/1.1", headers, payload),
  );
  ok(answers.length <= 1);
  return answers[0];
}

const WRONG: readonly (readonly [name: string, lines: readonly string[]])[] = [
  ["is missing", []],
  ["is empty", ["X-Signature:"]],
  ["is blank", ["X-Signature:    "]],
  ["is 123", ["X-Signature: 123"]],
  ["lacks its last digit", [`X-Signature: ${MAC.slice(0, -1)}`]],
  ["lacks its last byte", [`X-Signature: ${MAC.slice(0, -2)}`]],
  ["has one digit more", [`X-Signature: ${MAC}0`]],
  ["has trailing garbage", [`X-Signature: ${MAC}zz`]],
  ["has leading garbage", [`X-Signature: zz${MAC}`]],
  ["has 64 characters of which the last two are no digits", [`X-Signature: ${MAC.slice(0, -2)}zz`]],
  ["has 64 characters and no digit", [`X-Signature: ${"z".repeat(64)}`]],
  ["is prefixed with sha256=", [`X-Signature: sha256=${MAC}`]],
  ["is prefixed with 0x", [`X-Signature: 0x${MAC}`]],
  ["is quoted", [`X-Signature: "${MAC}"`]],
  ["is in Base64", [`X-Signature: ${Buffer.from(MAC, "hex").toString("base64")}`]],
  ["has a space inside", [`X-Signature: ${MAC.slice(0, 32)} ${MAC.slice(32)}`]],
  ["has a tab inside", [`X-Signature: ${MAC.slice(0, 32)}\t${MAC.slice(32)}`]],
  ["is repeated", [`X-Signature: ${MAC}`, `X-Signature: ${MAC}`]],
  ["is repeated in another case", [`X-Signature: ${MAC}`, `x-signature: ${MAC}`]],
  ["is repeated, wrong first", [`X-Signature: ${"0".repeat(64)}`, `X-Signature: ${MAC}`]],
  ["is repeated, wrong second", [`X-Signature: ${MAC}`, `X-Signature: ${"0".repeat(64)}`]],
  ["is repeated, empty first", ["X-Signature:", `X-Signature: ${MAC}`]],
  ["is repeated, empty second", [`X-Signature: ${MAC}`, "X-Signature:"]],
  ["is a list", [`X-Signature: ${MAC}, ${MAC}`]],
  ["is a list with an empty part", [`X-Signature: ${MAC},`]],
  ["is all zeros", [`X-Signature: ${"0".repeat(64)}`]],
  ["has bytes of 0x80 and above", [`X-Signature: ${"\xff".repeat(64)}`]],
  ["has one byte of 0x80 and above at its end", [`X-Signature: ${MAC.slice(0, -1)}\x80`]],
  ["has a byte of 0x80 and above behind it", [`X-Signature: ${MAC}\xe9`]],
  ["has full-width digits", [`X-Signature: ${Buffer.from("０".repeat(64)).toString("latin1")}`]],
  ["belongs to another body", [`X-Signature: ${macOf(`${PAYLOAD} `)}`]],
  [
    "belongs to the body written otherwise",
    [`X-Signature: ${macOf(JSON.stringify(JSON.parse(PAYLOAD), null, 1))}`],
  ],
  ["belongs to an empty body", [`X-Signature: ${macOf("")}`]],
  ["was made with another secret", [`X-Signature: ${macOf(PAYLOAD, "testsecret ")}`]],
  ["was made with an empty secret", [`X-Signature: ${macOf(PAYLOAD, "")}`]],
  ["is under another name", [`X-Hub-Signature: ${MAC}`]],
  ["is under a name with an underscore", [`X_Signature: ${MAC}`]],
  ["is 7,000 digits long", [`X-Signature: ${"0".repeat(7_000)}`]],
];

for (const [name, lines] of WRONG) {
  test(`a webhook whose signature ${name} is refused with 401`, async () => {
    const answer = await postRaw(lines);
    deepEqual([answer?.status, answer?.body], [401, '{"detail":"invalid signature"}']);
    deepEqual(answer?.headers.get("content-type"), ["application/json"]);
  });
}

test("a signature in the trailers of a chunked body does not count", async () => {
  const chunk = `${PAYLOAD.length.toString(16)}\r\n${PAYLOAD}\r\n0\r\nX-Signature: ${MAC}\r\n\r\n`;
  const headers = [
    "Host: x",
    "Transfer-Encoding: chunked",
    "Trailer: X-Signature",
    "Connection: close",
  ];
  const { answers } = await exchange(
    service.port,
    rawRequest("POST /webhook HTTP/1.1", headers, chunk),
  );
  deepEqual(
    answers.map(({ status }) => status),
    [401],
  );
});

test("a signature in the query string does not count", async () => {
  const response = await fetch(`${service.url}/webhook?x-signature=${MAC}`, {
    method: "POST",
    body: PAYLOAD,
  });
  equal(response.status, 401);
});

test("a refused signature reveals nothing about the body, not even whether it is JSON", async () => {
  for (const payload of ["", "null", "not json", "[]", PAYLOAD, "\xff"]) {
    deepEqual(await seen(post(service.url, payload, { "x-signature": "123" })), INVALID);
  }
});

test("no refused message is stored", async () => {
  equal(await storedTotal(service), 0);
});

test("upper-case and mixed-case digits are accepted", async () => {
  const stored = await storedTotal(service);
  const accepted = body({ message_id: "accepted" });
  const mac = macOf(accepted);
  const spellings = [
    mac,
    mac.toUpperCase(),
    mac.replace(/[a-f]/g, (digit, at) => (at % 2 ? digit.toUpperCase() : digit)),
  ];
  for (const signature of spellings)
    equal((await post(service.url, accepted, { "x-signature": signature })).status, 200);
  equal(await storedTotal(service), stored + 1);
});

test("any flipped bit of a body is refused", async () => {
  const stored = await storedTotal(service);
  await assert(
    asyncProperty(nat(Buffer.byteLength(PAYLOAD) * 8 - 1), async (bit) => {
      const flipped = Buffer.from(PAYLOAD);
      flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      deepEqual(await seen(post(service.url, flipped, { "x-signature": MAC })), INVALID);
    }),
    { numRuns: propertyRuns(300) },
  );
  equal(await storedTotal(service), stored);
});

test("any one of the 256 flipped bits of a signature is refused", async () => {
  const stored = await storedTotal(service);
  for (let bit = 0; bit < 256; bit += 1) {
    const flipped = Buffer.from(MAC, "hex");
    flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
    equal(
      (await post(service.url, PAYLOAD, { "x-signature": flipped.toString("hex") })).status,
      401,
      `bit ${bit}`,
    );
  }
  equal(await storedTotal(service), stored);
});

test("any flipped bit of the signature's text is refused, except the one that changes a letter's case", async () => {
  const stored = await storedTotal(service);
  for (let bit = 0; bit < 512; bit += 1) {
    const flipped = Buffer.from(MAC);
    flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
    const spelling = flipped.toString("latin1");
    if (spelling.toLowerCase() === MAC) continue;
    const answer = await postRaw([`X-Signature: ${spelling}`]);
    // A control character is not a header at all; everything else is a wrong signature.
    const expected = [...flipped].some((byte) => byte < 0x20 || byte === 0x7f) ? [400, 401] : [401];
    ok(expected.includes(answer?.status ?? 0), `bit ${bit}: ${answer?.status}`);
  }
  equal(await storedTotal(service), stored);
});

test("any flipped bit of the header's name is refused, except the one that changes a letter's case", async () => {
  const stored = await storedTotal(service);
  const name = "X-Signature";
  for (let bit = 0; bit < name.length * 8; bit += 1) {
    const flipped = Buffer.from(name);
    flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
    const spelling = flipped.toString("latin1");
    if (spelling.toLowerCase() === name.toLowerCase()) continue;
    const answer = await postRaw([`${spelling}: ${MAC}`]);
    // Some characters may not be in the name of a header, so the request is not HTTP.
    ok([400, 401].includes(answer?.status ?? 0), `bit ${bit}: ${answer?.status}`);
  }
  equal(await storedTotal(service), stored);
});

test("arbitrary signature headers are refused and never a 5xx", async () => {
  const value = string({
    unit: constantFrom(...'0123456789abcdefABCDEF,;= \t"\x80\xff'),
    maxLength: 140,
  });
  await assert(
    asyncProperty(value, async (text) => {
      const answer = await postRaw([`X-Signature: ${text}`]);
      equal(answer?.status, 401);
    }),
    { numRuns: propertyRuns(200) },
  );
});

test("arbitrary bytes with the signature of other bytes are refused", async () => {
  await assert(
    asyncProperty(
      record({ sent: uint8Array({ maxLength: 300 }), signed: uint8Array({ maxLength: 300 }) }),
      async ({ sent, signed }) => {
        if (Buffer.from(sent).equals(signed)) return;
        equal(
          (await post(service.url, new Uint8Array(sent), { "x-signature": macOf(signed) })).status,
          401,
        );
      },
    ),
    { numRuns: propertyRuns(200) },
  );
});

for (const secret of ["", " ", " \t\n "]) {
  test(`with the secret ${JSON.stringify(secret)} every webhook is refused, the service says so and is not ready`, async () => {
    await using own = await startService({ WEBHOOK_SECRET: secret });
    for (const key of ["", secret, secret.trim(), "undefined", "null", "testsecret"]) {
      deepEqual(
        await seen(post(own.url, PAYLOAD, { "x-signature": macOf(PAYLOAD, key) })),
        INVALID,
      );
    }
    deepEqual(await seen(post(own.url, "", { "x-signature": macOf("", "") })), INVALID);
    deepEqual(await seen(fetch(`${own.url}/health/live`)), json(200, { status: "alive" }));
    deepEqual(
      await seen(fetch(`${own.url}/health/ready`)),
      json(503, { detail: "WEBHOOK_SECRET not configured" }),
    );
    equal(await storedTotal(own), 0);
    match(JSON.stringify(own.lines), /WEBHOOK_SECRET/);
  });
}

test("a secret of non-ASCII characters signs with its UTF-8 bytes", async () => {
  await using own = await startService({ WEBHOOK_SECRET: "gehe1m-ß-🔑" });
  equal(
    (await post(own.url, PAYLOAD, { "x-signature": macOf(PAYLOAD, "gehe1m-ß-🔑") })).status,
    200,
  );
});

const REASONS: readonly (readonly [lines: readonly string[], reason: string, form?: string])[] = [
  [[], "no_header"],
  [["Signature: x"], "no_header"],
  [["X-Signature:"], "malformed", "empty"],
  [[`X-Signature: sha256=${MAC}`], "malformed", "sha256= prefix"],
  [[`X-Signature: SHA256=${MAC.toUpperCase()}`], "malformed", "sha256= prefix"],
  [[`X-Signature: ${Buffer.from(MAC, "hex").toString("base64")}`], "malformed", "base64"],
  [[`X-Signature: ${Buffer.from(MAC, "hex").toString("base64url")}`], "malformed", "base64"],
  [[`X-Signature: ${Buffer.from(MAC).toString("base64")}`], "malformed", "base64"],
  [["X-Signature: 123"], "malformed", "wrong length"],
  [[`X-Signature: ${MAC}0`], "malformed", "wrong length"],
  [[`X-Signature: ${MAC}${MAC}`], "malformed", "wrong length"],
  [[`X-Signature: ${MAC.slice(0, 40)}`], "malformed", "wrong length"],
  [[`X-Signature: ${MAC}`, `X-Signature: ${MAC}`], "malformed", "repeated header"],
  [["X-Signature:", `X-Signature: ${MAC}`], "malformed", "repeated header"],
  [[`X-Signature: ${MAC.slice(0, -2)}zz`], "malformed", "not hexadecimal"],
  [[`X-Signature: "${MAC}"`], "malformed", "not hexadecimal"],
  [[`X-Signature: t=1,v1=${MAC}`], "malformed", "not hexadecimal"],
  [[`X-Signature: ${"\xff".repeat(64)}`], "malformed", "not hexadecimal"],
  [[`X-Signature: ${macOf(`${PAYLOAD} `)}`], "mismatch"],
  [[`X-Signature: ${macOf(PAYLOAD, "another secret")}`], "mismatch"],
];

test("the log line of a refused signature says why, the answer does not, and nothing of the signature is in either", async () => {
  for (const [at, [lines, reason, form]] of REASONS.entries()) {
    const answer = await postRaw([...lines, `X-Request-ID: reason-${at}`]);
    deepEqual([answer?.status, String(answer?.body)], [401, INVALID.text], lines.join());
    const line = await service.line(({ request_id }) => request_id === `reason-${at}`);
    deepEqual(
      [line.reason, line.form, line.result],
      [reason, form, "invalid_signature"],
      lines.join(),
    );
    const told = JSON.stringify(line).toLowerCase();
    for (const part of [MAC, Buffer.from(MAC, "hex").toString("base64"), macOf(`${PAYLOAD} `)])
      ok(!told.includes(part.slice(0, 16).toLowerCase()), told);
  }
  await post(service.url, PAYLOAD.replace("refused", "taken"), { "x-request-id": "taken" });
  const taken = await service.line(({ request_id }) => request_id === "taken");
  deepEqual([taken.status, taken.reason, taken.form], [200, undefined, undefined]);
});

test("without a secret the log says so for each good signature, and past the limit of failures the reason stays", async () => {
  await using blank = await startService({ WEBHOOK_SECRET: "", RATE_LIMIT_FAILED_AUTH: "2/1h" });
  await post(blank.url, PAYLOAD, { "x-request-id": "blank" });
  equal((await blank.line(({ request_id }) => request_id === "blank")).reason, "no_secret");
  await post(blank.url, PAYLOAD, { "x-signature": `sha256=${MAC}`, "x-request-id": "form" });
  equal((await blank.line(({ request_id }) => request_id === "form")).form, "sha256= prefix");
  await post(blank.url, PAYLOAD, { "x-signature": "1", "x-request-id": "limited" });
  const limited = await blank.line(({ request_id }) => request_id === "limited");
  deepEqual(
    [limited.status, limited.reason, limited.form, limited.limit],
    [429, "malformed", "wrong length", "failed_signature"],
  );
});
