import { deepEqual, equal, ok } from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, test } from "node:test";
import {
  array,
  assert,
  asyncProperty,
  constantFrom,
  integer,
  oneof,
  record,
  string,
  uint8Array,
} from "fast-check";
import { listMessages, macOf, storedTotal } from "../support/client.ts";
import { propertyRuns } from "../support/property-runs.ts";
import { chunked, exchange, RawConnection, rawRequest, statusesOf } from "../support/raw-http.ts";
import { body, post, startService } from "../support/service.ts";

const PAYLOAD = body({ message_id: "framing" });
const SIGNED = `X-Signature: ${macOf(PAYLOAD)}`;
const LENGTH = `Content-Length: ${PAYLOAD.length}`;
const CHUNKED = "Transfer-Encoding: chunked";
const SIZE = PAYLOAD.length.toString(16);

/** Nothing but the barrier may be stored here. */
let service = await startService();
after(() => service[Symbol.asyncDispose]());
/** For tests that store something: each sends messages of its own, and counts what is added. */
const accepting = await startService();
after(() => accepting[Symbol.asyncDispose]());

/**
 * Only the barrier may be stored. It takes the same way as every webhook and is stored last, so
 * anything stored before it is visible. After a failure, a new service keeps the next test from
 * failing too.
 */
async function nothingStored(): Promise<void> {
  equal((await post(service.url, body({ message_id: "barrier" }))).status, 200);
  const stored = (await listMessages(service)).data.map(({ message_id }) => message_id);
  if (stored.length > 1) {
    await service[Symbol.asyncDispose]();
    service = await startService();
  }
  deepEqual(stored, ["barrier"]);
}

const webhook = (headers: readonly string[], payload: string | Uint8Array = PAYLOAD) =>
  rawRequest("POST /webhook HTTP/1.1", headers, payload);

/** A body with an id of its own, and its headers. */
function signedBody(id: string) {
  const payload = body({ message_id: id });
  return {
    payload,
    signed: `X-Signature: ${macOf(payload)}`,
    length: `Content-Length: ${payload.length}`,
    size: payload.length.toString(16),
  };
}

/** A valid webhook with that id. */
function validWebhook(id: string): Uint8Array {
  const { payload, signed, length } = signedBody(id);
  return webhook(["Host: x", signed, length], payload);
}

/** A valid webhook, to follow bytes that a server might misread. */
const BEHIND = validWebhook("behind");

/**
 * Sends bytes that are not a sound request: a 4xx or nothing, the connection closed, nothing
 * stored, the service healthy.
 */
async function refused(bytes: string | Uint8Array, statuses?: readonly number[]): Promise<void> {
  const { answers, ending } = await exchange(service.port, bytes, { halfClose: true });
  for (const { status } of answers) {
    if (statuses === undefined) ok(status >= 400 && status < 500, `${status}`);
    else ok(statuses.includes(status), `${status}`);
  }
  if (statuses !== undefined) equal(answers.length, 1, "one answer");
  equal(ending, "closed");
  await nothingStored();
}

/**
 * Requests that must get 400 and end the connection: a proxy in front may have read them
 * differently.
 */
const AMBIGUOUS: readonly (readonly [name: string, bytes: string | Uint8Array])[] = [
  ["two Host headers", webhook(["Host: x", "Host: x", SIGNED, LENGTH])],
  ["two Host headers that differ", webhook(["Host: x", "Host: y", SIGNED, LENGTH])],
  ["no Host header", webhook([SIGNED, LENGTH])],
  ["a length and a chunked body", webhook(["Host: x", SIGNED, LENGTH, CHUNKED], chunked(PAYLOAD))],
  ["a chunked body and a length", webhook(["Host: x", SIGNED, CHUNKED, LENGTH], chunked(PAYLOAD))],
  ["two lengths that differ", webhook(["Host: x", SIGNED, LENGTH, "Content-Length: 5"])],
  [
    "two lengths in one header",
    webhook(["Host: x", SIGNED, `Content-Length: ${PAYLOAD.length}, 5`]),
  ],
  ["a folded header", webhook(["Host: x", "X-Folded: a\r\n b", SIGNED, LENGTH])],
  ["a folded signature", webhook(["Host: x", `X-Signature:\r\n ${macOf(PAYLOAD)}`, LENGTH])],
  ["bare line feeds", `POST /webhook HTTP/1.1\nHost: x\n${SIGNED}\n${LENGTH}\n\n${PAYLOAD}`],
  [
    "a bare line feed after the request line",
    `POST /webhook HTTP/1.1\nHost: x\r\n${SIGNED}\r\n${LENGTH}\r\n\r\n${PAYLOAD}`,
  ],
  [
    "a bare line feed after a header",
    `POST /webhook HTTP/1.1\r\nHost: x\n${SIGNED}\r\n${LENGTH}\r\n\r\n${PAYLOAD}`,
  ],
  [
    "a bare line feed before the body",
    `POST /webhook HTTP/1.1\r\nHost: x\r\n${SIGNED}\r\n${LENGTH}\r\n\n${PAYLOAD}`,
  ],
  ["a bare carriage return in a header", webhook(["Host: x", "X-Bare: a\rb", SIGNED, LENGTH])],
  ["a space before a colon", webhook(["Host: x", SIGNED, `Content-Length : ${PAYLOAD.length}`])],
  ["a header without a colon", webhook(["Host: x", SIGNED, LENGTH, "nonsense"])],
  ["a header without a name", webhook(["Host: x", SIGNED, LENGTH, ": x"])],
  ["a NUL in a header", webhook(["Host: x", SIGNED, LENGTH, "X-Nul: a\0b"])],
  ["a space at the start of the first header", webhook([" Host: x", SIGNED, LENGTH])],
  [
    "HTTP/1.0 with a chunked body",
    rawRequest("POST /webhook HTTP/1.0", [SIGNED, CHUNKED], chunked(PAYLOAD)),
  ],
  [
    "HTTP/1.0 with a chunked body that asks to be kept alive",
    rawRequest(
      "POST /webhook HTTP/1.0",
      ["Connection: keep-alive", SIGNED, CHUNKED],
      chunked(PAYLOAD),
    ),
  ],
  [
    "a request line with HTTP/0.9",
    rawRequest("POST /webhook HTTP/0.9", ["Host: x", SIGNED, LENGTH], PAYLOAD),
  ],
  [
    "a request line with HTTP/2.0",
    rawRequest("POST /webhook HTTP/2.0", ["Host: x", SIGNED, LENGTH], PAYLOAD),
  ],
  ["a request line without a version", rawRequest("GET /messages", ["Host: x"])],
  ["a negative length", webhook(["Host: x", SIGNED, "Content-Length: -1"])],
  ["a length with a sign", webhook(["Host: x", SIGNED, `Content-Length: +${PAYLOAD.length}`])],
  ["a hexadecimal length", webhook(["Host: x", SIGNED, `Content-Length: 0x${SIZE}`])],
  ["a length with a letter", webhook(["Host: x", SIGNED, `${LENGTH}a`])],
  ["a length of two numbers", webhook(["Host: x", SIGNED, `${LENGTH} 1`])],
  [
    "a chunk size that is not a number",
    webhook(["Host: x", SIGNED, CHUNKED], `zz\r\n${PAYLOAD}\r\n0\r\n\r\n`),
  ],
  [
    "a chunk size with 0x",
    webhook(["Host: x", SIGNED, CHUNKED], `0x${SIZE}\r\n${PAYLOAD}\r\n0\r\n\r\n`),
  ],
  ["a negative chunk size", webhook(["Host: x", SIGNED, CHUNKED], `-1\r\n${PAYLOAD}\r\n0\r\n\r\n`)],
  [
    "a chunk size beyond 64 bits",
    webhook(["Host: x", SIGNED, CHUNKED], `1${"0".repeat(16)}${SIZE}\r\n${PAYLOAD}\r\n0\r\n\r\n`),
  ],
  [
    "a chunk that is longer than its size",
    webhook(["Host: x", SIGNED, CHUNKED], `5\r\n${PAYLOAD}\r\n0\r\n\r\n`),
  ],
  [
    "a bare line feed after a chunk size",
    webhook(["Host: x", SIGNED, CHUNKED], `${SIZE}\n${PAYLOAD}\r\n0\r\n\r\n`),
  ],
  [
    "a bare line feed after a chunk",
    webhook(["Host: x", SIGNED, CHUNKED], `${SIZE}\r\n${PAYLOAD}\n0\r\n\r\n`),
  ],
  [
    "a bare line feed in a chunk extension",
    webhook(["Host: x", SIGNED, CHUNKED], `${SIZE};a\nb\r\n${PAYLOAD}\r\n0\r\n\r\n`),
  ],
  [
    "a bare carriage return in a chunk extension",
    webhook(["Host: x", SIGNED, CHUNKED], `${SIZE};a\rb\r\n${PAYLOAD}\r\n0\r\n\r\n`),
  ],
  [
    "an unclosed quote in a chunk extension",
    webhook(["Host: x", SIGNED, CHUNKED], `${SIZE};a="b\r\n${PAYLOAD}\r\n0\r\n\r\n`),
  ],
  [
    "a NUL in a chunk extension",
    webhook(["Host: x", SIGNED, CHUNKED], `${SIZE};a=\0\r\n${PAYLOAD}\r\n0\r\n\r\n`),
  ],
  [
    "a space in a chunk size",
    webhook(["Host: x", SIGNED, CHUNKED], `${SIZE} 1\r\n${PAYLOAD}\r\n0\r\n\r\n`),
  ],
  [
    "a bare line feed in the trailers",
    webhook(["Host: x", SIGNED, CHUNKED], `${SIZE}\r\n${PAYLOAD}\r\n0\r\nX: a\n\r\n`),
  ],
];

for (const [name, bytes] of AMBIGUOUS) {
  test(`${name}: 400, the connection closed, and nothing after it executed`, async () => {
    await refused(bytes, [400]);
    await refused(Buffer.concat([Buffer.from(bytes as string, "latin1"), BEHIND]), [400]);
  });
}

/** Requests that are refused somehow, or not answered. */
const UNSOUND: readonly (readonly [name: string, bytes: string | Uint8Array])[] = [
  [
    "the transfer coding gzip, chunked",
    webhook(["Host: x", SIGNED, "Transfer-Encoding: gzip, chunked"], chunked(PAYLOAD)),
  ],
  [
    "the transfer coding chunked, gzip",
    webhook(["Host: x", SIGNED, "Transfer-Encoding: chunked, gzip"], chunked(PAYLOAD)),
  ],
  [
    "the transfer coding chunked twice",
    webhook(["Host: x", SIGNED, CHUNKED, CHUNKED], chunked(PAYLOAD)),
  ],
  [
    "the transfer coding chunked, chunked",
    webhook(["Host: x", SIGNED, "Transfer-Encoding: chunked, chunked"], chunked(PAYLOAD)),
  ],
  [
    "the transfer coding gzip and chunked in two headers",
    webhook(["Host: x", SIGNED, "Transfer-Encoding: gzip", CHUNKED], chunked(PAYLOAD)),
  ],
  [
    "the transfer coding xchunked",
    webhook(["Host: x", SIGNED, "Transfer-Encoding: xchunked"], chunked(PAYLOAD)),
  ],
  ["the transfer coding identity", webhook(["Host: x", SIGNED, "Transfer-Encoding: identity"])],
  [
    "an empty transfer coding",
    webhook(["Host: x", SIGNED, "Transfer-Encoding:"], chunked(PAYLOAD)),
  ],
  [
    "a transfer coding and a length, the coding unknown",
    webhook(["Host: x", SIGNED, "Transfer-Encoding: gzip", LENGTH]),
  ],
  [
    "a quoted transfer coding",
    webhook(["Host: x", SIGNED, 'Transfer-Encoding: "chunked"'], chunked(PAYLOAD)),
  ],
  [
    "a chunked body in HTTP/1.0",
    rawRequest("POST /webhook HTTP/1.0", ["Host: x", SIGNED, CHUNKED, LENGTH], chunked(PAYLOAD)),
  ],
  ["a length of 30 digits", webhook(["Host: x", SIGNED, `Content-Length: ${"9".repeat(30)}`])],
  ["an empty length", webhook(["Host: x", SIGNED, "Content-Length:"])],
  [
    "101 headers",
    webhook(["Host: x", ...Array.from({ length: 98 }, (_, at) => `X-${at}: 1`), SIGNED, LENGTH]),
  ],
  [
    "1,000 headers",
    webhook(["Host: x", ...Array.from({ length: 1_000 }, (_, at) => `a${at}: 1`), SIGNED, LENGTH]),
  ],
  [
    "3,000 headers",
    webhook(["Host: x", ...Array.from({ length: 3_000 }, () => "a:"), SIGNED, LENGTH]),
  ],
  ["17 kB of headers", webhook(["Host: x", `X-Long: ${"x".repeat(17_000)}`, SIGNED, LENGTH])],
  [
    "a request line of 20 kB",
    rawRequest(
      `POST /webhook?${"x".repeat(20_000)} HTTP/1.1`,
      ["Host: x", SIGNED, LENGTH],
      PAYLOAD,
    ),
  ],
  [
    "an unknown method",
    rawRequest("NONSENSE /webhook HTTP/1.1", ["Host: x", SIGNED, LENGTH], PAYLOAD),
  ],
  [
    "a method in lower case",
    rawRequest("post /webhook HTTP/1.1", ["Host: x", SIGNED, LENGTH], PAYLOAD),
  ],
  [
    "a space at the start",
    rawRequest(" POST /webhook HTTP/1.1", ["Host: x", SIGNED, LENGTH], PAYLOAD),
  ],
  ["HTTP/0.9", "GET /messages\r\n"],
  ["HTTP/1.2", rawRequest("POST /webhook HTTP/9.9", ["Host: x", SIGNED, LENGTH], PAYLOAD)],
  ["the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
  [
    "a space in the target",
    rawRequest("POST /web hook HTTP/1.1", ["Host: x", SIGNED, LENGTH], PAYLOAD),
  ],
  [
    "a NUL in the target",
    rawRequest("POST /webhook\0 HTTP/1.1", ["Host: x", SIGNED, LENGTH], PAYLOAD),
  ],
  [
    "a target without a slash",
    rawRequest("POST webhook HTTP/1.1", ["Host: x", SIGNED, LENGTH], PAYLOAD),
  ],
  ["no target", rawRequest("POST  HTTP/1.1", ["Host: x", SIGNED, LENGTH], PAYLOAD)],
  ["CONNECT", rawRequest("CONNECT localhost:80 HTTP/1.1", ["Host: x"])],
  [
    "a TLS hello",
    Buffer.concat([Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]), Buffer.alloc(512, 7)]),
  ],
  ["nothing", ""],
  ["line breaks only", "\r\n\r\n\r\n"],
  ["half a request line", "POST /webh"],
  ["half a header", `POST /webhook HTTP/1.1\r\nHost: x\r\nX-Sig`],
  ["half a body", webhook(["Host: x", SIGNED, LENGTH], PAYLOAD.slice(0, 30))],
  ["a body that lacks its last byte", webhook(["Host: x", SIGNED, LENGTH], PAYLOAD.slice(0, -1))],
  [
    "a chunked body without its last chunk",
    webhook(["Host: x", SIGNED, CHUNKED], `${SIZE}\r\n${PAYLOAD}\r\n`),
  ],
  [
    "a chunked body without its last line",
    webhook(["Host: x", SIGNED, CHUNKED], `${SIZE}\r\n${PAYLOAD}\r\n0\r\n`),
  ],
];

for (const [name, bytes] of UNSOUND) {
  test(`${name}: a 4xx or a clean close, and nothing stored`, async () => {
    await refused(bytes);
  });
}

test("OPTIONS *, TRACE and upgrades are answered below 500 and store nothing", async () => {
  for (const [requestLine, headers] of [
    ["OPTIONS * HTTP/1.1", []],
    ["OPTIONS /webhook HTTP/1.1", []],
    ["TRACE /webhook HTTP/1.1", []],
    [
      "GET /webhook HTTP/1.1",
      [
        "Upgrade: websocket",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Version: 13",
      ],
    ],
    ["GET /stats HTTP/1.1", ["Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"]],
    ["QUERY /messages HTTP/1.1", []],
    ["GET //messages HTTP/1.1", []],
    ["GET /../messages HTTP/1.1", []],
    ["GET http:// HTTP/1.1", []],
    ["GET http://[::1 HTTP/1.1", []],
    ["GET /\x80\xff HTTP/1.1", []],
    ["GET /% HTTP/1.1", []],
    ["GET /%00 HTTP/1.1", []],
    ["GET /messages?\x80\xff=\xfe HTTP/1.1", []],
    ["GET ?limit=1 HTTP/1.1", []],
    ["GET #x HTTP/1.1", []],
  ] as const) {
    const upgrade = headers.length > 0 ? "Connection: Upgrade, close" : "Connection: close";
    const { answers } = await exchange(
      service.port,
      rawRequest(requestLine, ["Host: x", upgrade, ...headers]),
    );
    for (const { status } of answers)
      ok(status >= 200 && status < 500, `${requestLine}: ${status}`);
    await nothingStored();
  }
});

test("an unknown expectation is not a 5xx and stores nothing without a 200", async () => {
  const before = await storedTotal(accepting);
  const { payload, signed, length } = signedBody("expectation");
  const { answers } = await exchange(
    accepting.port,
    webhook(["Host: x", "Connection: close", "Expect: nonsense", signed, length], payload),
  );
  for (const { status } of answers) ok(status < 500, `${status}`);
  const added = (await storedTotal(accepting)) - before;
  equal(added, answers.some(({ status }) => status === 200) ? 1 : 0);
});

test("a hundred headers and just under 16 kB of them are accepted", async () => {
  const { payload, signed, length } = signedBody("many headers");
  const padding = Array.from({ length: 90 }, (_, at) => `X-${at}: 1`);
  for (const headers of [padding, [`X-Long: ${"x".repeat(14_000)}`]]) {
    const { answers } = await exchange(
      accepting.port,
      webhook(["Host: x", "Connection: close", ...headers, signed, length], payload),
    );
    deepEqual(
      answers.map(({ status }) => status),
      [200],
    );
  }
});

test("sound but unusual framing is accepted", async () => {
  const before = await storedTotal(accepting);
  const { payload, signed, length, size } = signedBody("unusual");
  const sound: readonly (readonly [string, Uint8Array])[] = [
    [
      "one byte a chunk",
      webhook(["Host: x", "Connection: close", signed, CHUNKED], chunked(payload, 1)),
    ],
    [
      "chunk extensions",
      webhook(
        ["Host: x", "Connection: close", signed, CHUNKED],
        `${size};a=b;c="d e"\r\n${payload}\r\n0;e\r\n\r\n`,
      ),
    ],
    [
      "leading zeros in a chunk size",
      webhook(
        ["Host: x", "Connection: close", signed, CHUNKED],
        `0000${size.toUpperCase()}\r\n${payload}\r\n000\r\n\r\n`,
      ),
    ],
    [
      "trailers",
      webhook(
        ["Host: x", "Connection: close", signed, CHUNKED],
        `${size}\r\n${payload}\r\n0\r\nX-Trailer: a\r\n\r\n`,
      ),
    ],
    [
      "Chunked in capitals",
      webhook(
        ["Host: x", "Connection: close", signed, "TRANSFER-ENCODING: CHUNKED"],
        chunked(payload),
      ),
    ],
    ["HTTP/1.0 without Host", rawRequest("POST /webhook HTTP/1.0", [signed, length], payload)],
    [
      "an empty line before the request",
      Buffer.concat([
        Buffer.from("\r\n"),
        webhook(["Host: x", "Connection: close", signed, length], payload),
      ]),
    ],
    [
      "no space after the colons",
      webhook(
        ["Host:x", "Connection:close", signed.replace(": ", ":"), length.replace(": ", ":")],
        payload,
      ),
    ],
    [
      "a query string",
      rawRequest(
        "POST /webhook?a=b HTTP/1.1",
        ["Host: x", "Connection: close", signed, length],
        payload,
      ),
    ],
    [
      "bytes above 0x7f in another header",
      webhook(["Host: x", "Connection: close", "X-Other: \x80\xff", signed, length], payload),
    ],
  ];
  for (const [name, bytes] of sound) {
    const { answers } = await exchange(accepting.port, bytes);
    deepEqual(
      answers.map((answer) => [answer.status, answer.body]),
      [[200, '{"status":"ok"}']],
      name,
    );
  }
  equal(await storedTotal(accepting), before + 1);
});

test("a request that arrives byte by byte is the same request", async () => {
  const before = await storedTotal(accepting);
  const { payload, signed } = signedBody("chunk by chunk");
  for (const bytes of [
    validWebhook("byte by byte"),
    webhook(["Host: x", signed, CHUNKED], chunked(payload, 7)),
  ]) {
    await using connection = await RawConnection.open(accepting.port);
    for (const byte of bytes) await connection.write(Uint8Array.of(byte));
    const [answer] = await connection.answered(1);
    deepEqual([answer?.status, answer?.body], [200, '{"status":"ok"}']);
  }
  equal(await storedTotal(accepting), before + 2);
});

test("pipelined requests are answered in order, including refusals", async () => {
  const before = await storedTotal(accepting);
  await using connection = await RawConnection.open(accepting.port);
  const requests: Uint8Array[] = [];
  const expected: number[] = [];
  for (let at = 0; at < 30; at += 1) {
    requests.push(
      validWebhook(`pipelined-${at}`),
      webhook(["Host: x", LENGTH]),
      rawRequest("GET /health/live HTTP/1.1", ["Host: x"]),
      rawRequest("GET /nowhere HTTP/1.1", ["Host: x"]),
    );
    expected.push(200, 401, 200, 404);
  }
  await connection.write(Buffer.concat(requests));
  deepEqual(
    (await connection.answered(expected.length)).map(({ status }) => status),
    expected,
  );
  equal(await storedTotal(accepting), before + 30);
});

test("a good request before nonsense is answered, and the nonsense is refused", async () => {
  const valid = validWebhook("before nonsense");
  const { answers } = await exchange(
    accepting.port,
    Buffer.concat([valid, Buffer.from("nonsense\r\n\r\n"), valid]),
  );
  deepEqual(
    answers.map(({ status }) => status),
    [200, 400],
  );
});

test("webhooks before CONNECT are answered, in order, before it is refused", async () => {
  const stored = await storedTotal(accepting);
  const valid = validWebhook("around CONNECT");
  const connect = rawRequest("CONNECT localhost:80 HTTP/1.1", ["Host: x"]);
  for (const before of [1, 5, 40]) {
    const { answers, ending } = await exchange(
      accepting.port,
      Buffer.concat([...Array.from({ length: before }, () => valid), connect, valid]),
    );
    deepEqual(
      [answers.map(({ status }) => status), ending],
      [[...Array(before).fill(200), 405], "closed"],
    );
  }
  equal(await storedTotal(accepting), stored + 1);
});

test("webhooks before a request whose body is not HTTP are answered before that is refused", async () => {
  const stored = await storedTotal(accepting);
  const refusals = () => accepting.lines.filter(({ status }) => status === 400).length;
  const refused = refusals();
  const valid = validWebhook("before broken");
  const broken = webhook(["Host: x", SIGNED, CHUNKED], "zz\r\n");
  for (const before of [3, 40]) {
    const { answers } = await exchange(
      accepting.port,
      Buffer.concat([...Array(before).fill(valid), broken, valid]),
    );
    deepEqual(
      answers.map(({ status }) => status),
      [...Array(before).fill(200), 400],
    );
  }
  equal(await storedTotal(accepting), stored + 1);
  equal(refusals(), refused + 2);
});

test("requests whose pace is limited are answered before an ambiguous one behind them is refused", async () => {
  const page = rawRequest("GET /favicon.ico HTTP/1.1", ["Host: x"]);
  const check = rawRequest("GET /health/live HTTP/1.1", ["Host: x"]);
  const ambiguous = rawRequest("GET /health/live HTTP/1.1", ["Host: x", "Host: y"]);
  for (const paced of [page, check]) {
    const before = Array.from({ length: 15 }, () => paced);
    // Other connections use up the pace, so that these have to wait.
    const others = Array.from({ length: 20 }, async () => {
      await using other = await RawConnection.open(accepting.port);
      await other.write(Buffer.concat(before));
      await other.answered(before.length);
    });
    const { answers, ending } = await exchange(
      accepting.port,
      Buffer.concat([...before, ambiguous, paced]),
    );
    await Promise.all(others);
    deepEqual(
      [answers.map(({ status }) => status), ending],
      [[...before.map(() => 200), 400], "closed"],
    );
  }
});

/** URLs that the router does not accept, and one that it does not know. */
const UNTAKEN = [
  "/%zz",
  "/messages/%zz",
  `/messages/${"x".repeat(4_000)}`,
  "/%",
  "/%ff",
  "/nowhere",
];
const AMBIGUOUS_HEADERS: readonly (readonly string[])[] = [
  ["Host: x", "Host: y"],
  [],
  ["Host: x", "Transfer-Encoding: gzip"],
  ["Host: x", ...Array.from({ length: 120 }, (_, at) => `X-${at}: 1`)],
];

test("an ambiguous request is refused and ends its connection, even if the router does not accept its URL", async () => {
  for (const url of UNTAKEN) {
    for (const headers of AMBIGUOUS_HEADERS) {
      const bytes = rawRequest(`GET ${url} HTTP/1.1`, headers);
      await refused(Buffer.concat([bytes, BEHIND]), [400]);
    }
  }
});

test("a URL that the router does not accept is a 404, or a 405 if its path has other methods", async () => {
  for (const [method, statuses] of [
    ["GET", [404, 404, 404, 404, 404, 404]],
    ["PUT", [404, 405, 405, 404, 404, 404]],
  ] as const) {
    for (const [at, url] of UNTAKEN.entries()) {
      const { answers } = await exchange(
        service.port,
        rawRequest(`${method} ${url}?%zz HTTP/1.1`, ["Host: x", "Connection: close"]),
      );
      deepEqual(
        answers.map(({ status }) => status),
        [statuses[at]],
        `${method} ${url.slice(0, 20)}`,
      );
    }
  }
});

test("a length shorter than the body leaves a rest that is refused", async () => {
  const short = PAYLOAD.slice(0, -5);
  const bytes = webhook([
    "Host: x",
    `X-Signature: ${macOf(PAYLOAD)}`,
    `Content-Length: ${short.length}`,
  ]);
  const { answers } = await exchange(service.port, bytes);
  ok(answers.length > 0);
  for (const { status } of answers) ok(status === 400 || status === 401, `${status}`);
  await nothingStored();
});

test("clients that vanish at every byte of a request store nothing", {
  timeout: 30_000,
}, async () => {
  const bytes = webhook(["Host: x", SIGNED, LENGTH]);
  for (const [leave, step] of [
    ["abort", 3],
    ["end", 7],
  ] as const) {
    for (let at = 1; at < bytes.length; at += step) {
      await using connection = await RawConnection.open(service.port);
      await connection.write(bytes.subarray(0, at));
      connection[leave]();
      if (leave === "end") await connection.ending();
    }
  }
  await nothingStored();
});

test("a refusal by the parser is an answer of this service: compact JSON, and no more than that", async () => {
  for (const [, bytes] of [...AMBIGUOUS.slice(0, 8), ...UNSOUND.slice(15, 20)]) {
    const { answers } = await exchange(service.port, bytes, { halfClose: true });
    for (const answer of answers) {
      deepEqual(answer.headers.get("content-type"), ["application/json"]);
      const { detail, ...others } = JSON.parse(answer.body);
      deepEqual([typeof detail, others, answer.body], ["string", {}, JSON.stringify({ detail })]);
    }
  }
});

test("a body with an unknown transfer coding is never treated as the next request", async () => {
  for (const coding of [
    "xchunked",
    "identity",
    '"chunked"',
    "gzip",
    "chunked, identity",
    "\vchunked",
    "chunked;q=1",
    "",
  ]) {
    for (const payload of [BEHIND, chunked(BEHIND)]) {
      await refused(
        webhook(
          ["Host: x", `X-Signature: ${macOf(payload)}`, `Transfer-Encoding: ${coding}`],
          payload,
        ),
      );
    }
  }
});

test("a megabyte of headers is cut off, and the service continues", async () => {
  for (const bytes of [
    webhook(["Host: x", `X-Long: ${"x".repeat(1_000_000)}`, SIGNED, LENGTH]),
    webhook([...Array(100_000).fill("a: b"), SIGNED, LENGTH]),
  ]) {
    // The rest of such a request is not read, so a reset may overtake the answer.
    for (const status of await statusesOf(service.port, bytes))
      ok(status >= 400 && status < 500, `${status}`);
    await nothingStored();
  }
});

test("an unknown version or protocol is refused or served, but never half", async () => {
  for (const version of [
    "HTTP/2.0",
    "HTTP/1.2",
    "HTTP/9.9",
    "RTSP/1.0",
    "ICE/1.0",
    "HTTPS/1.1",
    "http/1.1",
  ]) {
    const before = await storedTotal(accepting);
    const { payload, signed, length } = signedBody(version);
    const bytes = rawRequest(
      `POST /webhook ${version}`,
      ["Host: x", "Connection: close", signed, length],
      payload,
    );
    const { answers } = await exchange(accepting.port, bytes);
    for (const { status } of answers) ok(status < 500, `${version}: ${status}`);
    const added = (await storedTotal(accepting)) - before;
    equal(added, answers.some(({ status }) => status === 200) ? 1 : 0, version);
  }
});

test("random bytes are a 4xx or a clean close", async () => {
  for (let round = 0; round < 100; round += 1) {
    for (const status of await statusesOf(service.port, randomBytes(1 + round * 7)))
      ok(status >= 400 && status < 500, `${status}`);
  }
  await nothingStored();
});

test("requests assembled at random from sound and unsound parts are never a 5xx and never a crash", {
  timeout: 60_000,
}, async () => {
  const before = await storedTotal(accepting);
  const method = constantFrom("POST", "GET", "HEAD", "PUT", "OPTIONS", "get", "P OST", "");
  const target = oneof(
    constantFrom("/webhook", "/messages", "/stats", "*", "/", "/%ff", "//", "http://x/messages"),
    string({ maxLength: 10 }),
  );
  const version = constantFrom(
    "HTTP/1.1",
    "HTTP/1.1",
    "HTTP/1.1",
    "HTTP/1.0",
    "HTTP/1.",
    "HTTP/2",
    "",
  );
  const header = oneof(
    constantFrom(
      "Host: x",
      "Host: y",
      SIGNED,
      LENGTH,
      CHUNKED,
      "Content-Length: 0",
      "Content-Length: 3",
      "Transfer-Encoding: gzip",
      "Connection: close",
      "Connection: upgrade",
      "Upgrade: websocket",
      "Expect: 100-continue",
      "TE: trailers",
      "Trailer: X",
      "Content-Encoding: gzip",
      "Content-Type: x",
      "Accept: application/problem+json",
      " folded",
      "X-Request-ID: a b",
      "Cookie: a=b",
      "Keep-Alive: x",
      "X-Signature:",
    ),
    record({ name: string({ maxLength: 8 }), value: string({ maxLength: 20 }) }).map(
      (h) => `${h.name}: ${h.value}`,
    ),
  );
  const lineBreak = constantFrom("\r\n", "\r\n", "\r\n", "\r\n", "\n", "\r");
  const payload = oneof(
    constantFrom(PAYLOAD, chunked(PAYLOAD).toString(), "0\r\n\r\n", "3\r\nabc\r\n", "\r\n", ""),
    string({ maxLength: 40 }),
    uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString("latin1")),
  );
  const one = record({
    method,
    target,
    version,
    headers: array(header, { maxLength: 8 }),
    lineBreak,
    payload,
    keepHost: integer({ min: 0, max: 3 }),
  }).map((r) =>
    [
      `${r.method} ${r.target} ${r.version}`,
      ...(r.keepHost ? ["Host: x"] : []),
      ...r.headers,
      "",
      r.payload,
    ].join(r.lineBreak),
  );
  await assert(
    asyncProperty(array(one, { minLength: 1, maxLength: 3 }), async (requests) => {
      for (const status of await statusesOf(
        accepting.port,
        Buffer.from(requests.join(""), "latin1"),
      ))
        ok(status < 500, `${status}`);
    }),
    { numRuns: propertyRuns(300) },
  );
  ok((await storedTotal(accepting)) <= before + 1);
});

test("a sound request with a few changed bytes is never a 5xx, and stored only as it was signed", {
  timeout: 60_000,
}, async () => {
  const before = await storedTotal(accepting);
  const change = record({
    at: integer({ min: 0, max: BEHIND.length - 1 }),
    kind: constantFrom("set", "insert", "delete", "repeat"),
    byte: oneof(integer({ min: 0, max: 255 }), constantFrom(10, 13, 32, 58, 0)),
  });
  await assert(
    asyncProperty(array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
      let bytes = [...BEHIND];
      for (const { at, kind, byte } of changes) {
        const inserted = {
          set: [byte],
          insert: [byte, bytes[at] ?? 0],
          delete: [],
          repeat: [bytes[at] ?? 0, ...bytes.slice(at)],
        }[kind];
        bytes = [...bytes.slice(0, at), ...inserted, ...bytes.slice(at + 1)];
      }
      for (const status of await statusesOf(accepting.port, Uint8Array.from(bytes)))
        ok(status < 500, `${status}`);
    }),
    { numRuns: propertyRuns(400) },
  );
  ok((await storedTotal(accepting)) <= before + 1);
});
