import { deepEqual, equal, match, ok } from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { after, test } from "node:test";
import { json, listMessages, macOf, scrape, seen, series, storedTotal } from "../support/client.ts";
import { chunked, exchange, RawConnection, rawRequest } from "../support/raw-http.ts";
import { body, post, type Service, startService } from "../support/service.ts";
import { otherUserOf } from "../support/tested-store.ts";

const BODY_BYTES_MAX = 262_144;
const OK = json(200, { status: "ok" });
const TOO_LARGE = { detail: "payload too large" };

/** A valid body of exactly that many bytes, most of them white space. */
function bodyOfBytes(bytes: number, id: string): string {
  const text = body({ message_id: id });
  return text.padEnd(bytes, " ");
}

async function resultCount(service: Service, result: string): Promise<number | undefined> {
  return series(await scrape(service)).get(`webhook_requests_total{result="${result}"}`);
}

// Tests share this service: each has its own ids, and compares counts with those before it. A test
// that needs other settings, a locked database or hundreds of connections starts its own.
const service = await startService({ WEBHOOK_SECRET: "testsecret" });
after(() => service[Symbol.asyncDispose]());

type Counts = ReadonlyMap<string, number>;

/** The results of all webhooks so far, and the conflicts among them. */
async function counts(): Promise<Counts> {
  const samples = [...series(await scrape(service))].map(([name, value]) => {
    const [, result] = /^webhook_requests_total\{result="(.*)"\}$/.exec(name) ?? [];
    return [name === "webhook_conflicts_total" ? "conflict" : result, value] as const;
  });
  return new Map(samples.filter((sample): sample is [string, number] => sample[0] !== undefined));
}

/** What was counted since, without zeros. */
async function countedSince(before: Counts): Promise<Readonly<Record<string, number>>> {
  const grown = [...(await counts())].map(
    ([name, value]) => [name, value - (before.get(name) ?? 0)] as const,
  );
  return Object.fromEntries(grown.filter(([, growth]) => growth !== 0));
}

test("the known answer of the contract is accepted, byte for byte", async () => {
  const payload =
    '{"message_id":"m1","from":"+919876543210","to":"+14155550100","ts":"2025-01-15T10:00:00Z","text":"Hello"}';
  const signature = "ff1016e524bc9299d18988ecf27a880af9428140e3850af0c73ea1eef091a4cb";
  equal(macOf(payload), signature);
  deepEqual(await seen(post(service.url, payload, { "x-signature": signature })), OK);
  equal(await storedTotal(service), 1);
});

test("the same message again gets the same answer and stays one row", async () => {
  const before = await counts();
  const stored = await storedTotal(service);
  const again = body({ message_id: "again" });
  deepEqual(await seen(post(service.url, again)), OK);
  deepEqual(await seen(post(service.url, again)), OK);
  equal(await storedTotal(service), stored + 1);
  deepEqual(await countedSince(before), { created: 1, duplicate: 1 });
});

test("an id again with the same content in another spelling is a duplicate and not a conflict", async () => {
  const before = await counts();
  const first = body({ message_id: "respelt" });
  await post(service.url, first);
  const { message_id, from, to, ts, text } = JSON.parse(first);
  const same = JSON.stringify({ text, ts, to_msisdn: to, from_msisdn: from, message_id }, null, 2);
  deepEqual(await seen(post(service.url, same)), OK);
  deepEqual(await countedSince(before), { created: 1, duplicate: 1 });
});

const CONFLICTS = [
  ["another sender", { from: "+1" }],
  ["another receiver", { to: "+2" }],
  ["another timestamp", { ts: "2025-01-15T10:00:01Z" }],
  ["another text", { text: "Other" }],
  ["a text that differs in case only", { text: "HELLO" }],
  ["an empty text", { text: "" }],
  ["no text", { text: undefined }],
] as const;
for (const [name, change] of CONFLICTS) {
  test(`an id again with ${name} keeps the first row and is logged as a conflict`, async () => {
    const id = name.replaceAll(" ", "-");
    await post(service.url, body({ message_id: id }));
    const stored = async () => (await fetch(`${service.url}/messages/${id}`)).text();
    const first = await stored();
    const total = await storedTotal(service);
    const other = body({ message_id: id, ...change });
    deepEqual(await seen(post(service.url, other, { "x-request-id": id })), OK);
    deepEqual([await stored(), await storedTotal(service)], [first, total]);
    equal(JSON.parse(first).text, "Hello");
    const line = await service.line(({ request_id }) => request_id === id);
    deepEqual([line.conflict, line.dup, line.result], [true, true, "duplicate"]);
  });
}

test("each conflict is counted as one, and as a duplicate", async () => {
  const before = await counts();
  for (const [name, change] of CONFLICTS) {
    const message_id = `counted ${name}`;
    await post(service.url, body({ message_id }));
    await post(service.url, body({ message_id, ...change }));
  }
  const { length } = CONFLICTS;
  deepEqual(await countedSince(before), { created: length, duplicate: length, conflict: length });
});

test("fifty concurrent calls of one id make one row and forty-nine duplicates", async () => {
  const before = await counts();
  const stored = await storedTotal(service);
  const fifty = body({ message_id: "fifty" });
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => seen(post(service.url, fifty))),
  );
  for (const answer of answers) deepEqual(answer, OK);
  equal(await storedTotal(service), stored + 1);
  deepEqual(await countedSince(before), { created: 1, duplicate: 49 });
});

test("an id is compared byte for byte", async () => {
  const from = "+100";
  const ids = [
    "a",
    "A",
    "a ",
    " a",
    "\u00e9",
    "e\u0301",
    "   ",
    "a\n",
    "\u200ba",
    "__proto__",
    "1",
    "01",
  ];
  for (const id of ids)
    deepEqual(await seen(post(service.url, body({ message_id: id, from }))), OK);
  const { data, total } = await listMessages(service, "?from=100");
  equal(total, ids.length);
  deepEqual(new Set(data.map(({ message_id }) => message_id)), new Set(ids));
});

test("a signed body is accepted whatever its Content-Type says", async () => {
  const stored = await storedTotal(service);
  const types = [
    "",
    "text/plain",
    "application/xml",
    "application/json; charset=utf-16",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "multipart/form-data; boundary=",
    "json",
    ";;;",
    "/",
    "application/json, text/html",
    'application/json; charset="',
    "application/json\xff",
    "a".repeat(4000),
  ];
  for (const [at, type] of types.entries()) {
    const payload = body({ message_id: `type ${at}` });
    const headers = [
      "Host: x",
      `Content-Type: ${type}`,
      "Connection: close",
      `X-Signature: ${macOf(payload)}`,
      `Content-Length: ${payload.length}`,
    ];
    const { answers } = await exchange(
      service.port,
      rawRequest("POST /webhook HTTP/1.1", headers, payload),
    );
    deepEqual(
      answers.map((answer) => [answer.status, answer.body]),
      [[200, '{"status":"ok"}']],
      type,
    );
  }
  equal(await storedTotal(service), stored + types.length);
});

test("a signed body is accepted without any Content-Type, and with two of them", async () => {
  const stored = await storedTotal(service);
  for (const [id, types] of [
    ["none", []],
    ["two", ["Content-Type: text/plain", "Content-Type: application/json"]],
  ] as const) {
    const payload = body({ message_id: `types ${id}` });
    const headers = [
      "Host: x",
      "Connection: close",
      ...types,
      `X-Signature: ${macOf(payload)}`,
      `Content-Length: ${payload.length}`,
    ];
    const { answers } = await exchange(
      service.port,
      rawRequest("POST /webhook HTTP/1.1", headers, payload),
    );
    deepEqual(
      answers.map(({ status }) => status),
      [200],
      id,
    );
  }
  equal(await storedTotal(service), stored + 2);
});

test("a UTF-8 byte-order mark before the body is tolerated, and signed like every other byte", async () => {
  const stored = await storedTotal(service);
  const marked = body({ message_id: "marked" });
  const payload = Buffer.from(`\ufeff${marked}`);
  deepEqual(await seen(post(service.url, payload)), OK);
  deepEqual(
    await seen(post(service.url, payload, { "x-signature": macOf(marked) })),
    json(401, { detail: "invalid signature" }),
  );
  equal(await storedTotal(service), stored + 1);
});

test("a body of exactly MAX_BODY_BYTES is accepted and one byte more is refused, declared or chunked", async () => {
  const stored = await storedTotal(service);
  for (const coding of ["declared", "chunked"] as const) {
    for (const bytes of [BODY_BYTES_MAX, BODY_BYTES_MAX + 1]) {
      const payload = bodyOfBytes(bytes, `${coding}-${bytes}`);
      const framing =
        coding === "chunked" ? "Transfer-Encoding: chunked" : `Content-Length: ${bytes}`;
      const headers = ["Host: x", `X-Signature: ${macOf(payload)}`, framing];
      await using connection = await RawConnection.open(service.port);
      await connection.write(
        rawRequest(
          "POST /webhook HTTP/1.1",
          headers,
          coding === "chunked" ? chunked(payload) : payload,
        ),
      );
      const [answer] = await connection.answered(1);
      equal(answer?.status, bytes === BODY_BYTES_MAX ? 200 : 413, `${coding} ${bytes}`);
    }
  }
  equal(await storedTotal(service), stored + 2);
});

test("MAX_BODY_BYTES moves the limit", async () => {
  await using own = await startService({ MAX_BODY_BYTES: "200" });
  deepEqual(await seen(post(own.url, bodyOfBytes(200, "fits"))), OK);
  deepEqual(await seen(post(own.url, bodyOfBytes(201, "does-not"))), json(413, TOO_LARGE));
  equal(await storedTotal(own), 1);
});

test("a client that sends a whole body of 300 kB before it reads gets the 413 and then the end of the connection", async () => {
  const before = await counts();
  const stored = await storedTotal(service);
  const payload = bodyOfBytes(300_000, "big");
  for (const [name, framing, bytes] of [
    ["declared", `Content-Length: ${payload.length}`, Buffer.from(payload)],
    ["chunked", "Transfer-Encoding: chunked", chunked(payload, 10_000)],
  ] as const) {
    for (let round = 0; round < 5; round += 1) {
      await using connection = await RawConnection.open(service.port, { reading: false });
      const headers = ["Host: x", `X-Signature: ${macOf(payload)}`, framing];
      await connection.write(rawRequest("POST /webhook HTTP/1.1", headers));
      for (let at = 0; at < bytes.length; at += 16_384)
        await connection.write(bytes.subarray(at, at + 16_384));
      connection.read();
      const [answer] = await connection.answered(1);
      deepEqual([answer?.status, answer?.body], [413, JSON.stringify(TOO_LARGE)], name);
      equal(answer?.headers.get("content-type")?.[0], "application/json");
      equal(await connection.ending(), "closed", name);
      equal(connection.answers().length, 1);
    }
  }
  equal(await storedTotal(service), stored);
  deepEqual(await countedSince(before), { too_large: 10 });
});

test("a declared length of 1 GB is refused before a byte of it is sent, not even asked for with 100 Continue, and the connection is closed", async () => {
  const before = await counts();
  for (const expect of [[], ["Expect: 100-continue"]]) {
    await using connection = await RawConnection.open(service.port);
    const headers = [
      "Host: x",
      `X-Signature: ${macOf("")}`,
      "Content-Length: 1000000000",
      ...expect,
    ];
    await connection.write(rawRequest("POST /webhook HTTP/1.1", headers));
    const [answer] = await connection.answered(1);
    deepEqual([answer?.status, answer?.body], [413, JSON.stringify(TOO_LARGE)], expect.join());
    equal(await connection.ending(), "closed");
  }
  deepEqual(await countedSince(before), { too_large: 2 });
});

test("a chunked body without an end is refused at the limit, and its client is not read for ever", async () => {
  await using connection = await RawConnection.open(service.port);
  await connection.write(
    rawRequest("POST /webhook HTTP/1.1", [
      "Host: x",
      `X-Signature: ${macOf("")}`,
      "Transfer-Encoding: chunked",
    ]),
  );
  const chunk = `${(65_536).toString(16)}\r\n${" ".repeat(65_536)}\r\n`;
  let ended = false;
  const ending = connection.ending().finally(() => (ended = true));
  for (let sent = 0; !ended && sent < 4_000; sent += 1) await connection.write(chunk);
  await ending;
  deepEqual(
    connection.answers().map(({ status }) => status),
    [413],
  );
});

test("a request after a body that is too large is never executed", async () => {
  const stored = await storedTotal(service);
  const small = body({ message_id: "behind" });
  const behind = rawRequest(
    "POST /webhook HTTP/1.1",
    ["Host: x", `X-Signature: ${macOf(small)}`, `Content-Length: ${small.length}`],
    small,
  );
  const large = " ".repeat(BODY_BYTES_MAX + 1);
  const head = ["Host: x", `X-Signature: ${macOf(large)}`, `Content-Length: ${large.length}`];
  const { answers } = await exchange(
    service.port,
    Buffer.concat([rawRequest("POST /webhook HTTP/1.1", head, large), behind]),
  );
  deepEqual(
    answers.map(({ status }) => status),
    [413],
  );
  equal(await storedTotal(service), stored);
});

test("too large is reported before a bad signature, and a bad signature before a bad body", async () => {
  deepEqual(
    await seen(post(service.url, "x".repeat(BODY_BYTES_MAX + 1), { "x-signature": "123" })),
    json(413, TOO_LARGE),
  );
  deepEqual(
    await seen(post(service.url, "not json", { "x-signature": "123" })),
    json(401, { detail: "invalid signature" }),
  );
});

test("Expect: 100-continue is answered with 100 and then with 200", async () => {
  await using connection = await RawConnection.open(service.port);
  const payload = body({ message_id: "expected" });
  const headers = [
    "Host: x",
    `X-Signature: ${macOf(payload)}`,
    `Content-Length: ${payload.length}`,
    "Expect: 100-continue",
  ];
  await connection.write(rawRequest("POST /webhook HTTP/1.1", headers));
  equal((await connection.answered(1))[0]?.status, 100);
  await connection.write(payload);
  deepEqual(
    (await connection.answered(2)).map(({ status }) => status),
    [100, 200],
  );
});

test("a signed body with any Content-Encoding but identity is refused with 415", async () => {
  const before = await counts();
  const stored = await storedTotal(service);
  const codings = [
    "gzip",
    "br",
    "deflate",
    "zstd",
    "x-unknown",
    "gzip, identity",
    "identity, gzip",
    "aes128gcm",
  ];
  const encoded = body({ message_id: "encoded" });
  for (const coding of codings) {
    const refused = seen(post(service.url, encoded, { "content-encoding": coding }));
    deepEqual(await refused, json(415, { detail: "unsupported content encoding" }), coding);
  }
  equal(await storedTotal(service), stored);
  deepEqual(await countedSince(before), { unsupported: codings.length });
});

test("Content-Encoding identity is accepted", async () => {
  const identical = body({ message_id: "identity" });
  deepEqual(await seen(post(service.url, identical, { "content-encoding": "identity" })), OK);
});

test("a body that was refused unread is never treated as the next request", async () => {
  const stored = await storedTotal(service);
  const inner = body({ message_id: "smuggled" });
  const smuggled = rawRequest(
    "POST /webhook HTTP/1.1",
    ["Host: x", `X-Signature: ${macOf(inner)}`, `Content-Length: ${inner.length}`],
    inner,
  );
  for (const [requestLine, extra, status] of [
    ["POST /webhook HTTP/1.1", [`X-Signature: ${macOf(smuggled)}`, "Content-Encoding: gzip"], 415],
    ["POST /webhook HTTP/1.1", [], 401],
    ["PUT /webhook HTTP/1.1", [], 405],
    ["GET /webhook HTTP/1.1", [], 405],
    ["POST /messages HTTP/1.1", [], 405],
    ["POST /nowhere HTTP/1.1", [], 404],
  ] as const) {
    for (const framing of ["declared", "chunked"] as const) {
      const coding =
        framing === "chunked" ? "Transfer-Encoding: chunked" : `Content-Length: ${smuggled.length}`;
      const payload = framing === "chunked" ? chunked(smuggled) : smuggled;
      const last = rawRequest("GET /health/live HTTP/1.1", ["Host: x", "Connection: close"]);
      const { answers } = await exchange(
        service.port,
        Buffer.concat([rawRequest(requestLine, ["Host: x", coding, ...extra], payload), last]),
      );
      equal(answers[0]?.status, status, `${requestLine} ${framing}`);
      ok(answers.length <= 2, `${requestLine} ${framing}`);
      if (answers.length === 2) equal(answers[1]?.status, 200);
    }
  }
  equal(await storedTotal(service), stored);
});

test("a locked database is a 503 with Retry-After, liveness stays up, and it recovers by itself", {
  timeout: 20_000,
}, async () => {
  await using own = await startService();
  await using other = await otherUserOf(own.databaseUrl);
  await other.lockWrites();
  const pending = post(own.url, body(), { "x-request-id": "locked" });
  equal((await fetch(`${own.url}/health/live`)).status, 200);
  const refused = await pending;
  const { status, text, type } = await seen(Promise.resolve(refused));
  deepEqual([status, type], [503, "application/json"]);
  equal(typeof JSON.parse(text).detail, "string");
  ok(/^[0-9]+$/.test(refused.headers.get("retry-after") ?? ""), "Retry-After");
  const line = await own.line(({ request_id }) => request_id === "locked");
  deepEqual([line.level, line.result, line.status, line.dup], ["ERROR", "unavailable", 503, false]);
  equal(await resultCount(own, "unavailable"), 1);
  await other.unlockWrites();
  deepEqual(await seen(post(own.url, body())), OK);
  equal(await storedTotal(own), 1);
});

test("a client that closes its half of the connection after the request still gets its answer", async () => {
  const payload = body({ message_id: "half-closed" });
  const socket = connect(service.port, "127.0.0.1");
  let answer = "";
  socket.setEncoding("utf8").on("data", (text: string) => {
    answer += text;
  });
  socket.end(
    `POST /webhook HTTP/1.1\r\nhost: x\r\nx-signature: ${macOf(payload)}\r\ncontent-length: ${Buffer.byteLength(payload)}\r\n\r\n${payload}`,
  );
  await once(socket, "close");
  match(answer, /^HTTP\/1\.1 200 OK\r\n/);
});

test("long bodies of one address are limited to 16 MiB: short ones and those of other addresses are accepted", async () => {
  await using own = await startService({ TRUST_PROXY: "loopback" });
  const forwarded = (address: string) => ({ "x-forwarded-for": address });
  const head = `POST /webhook HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 192.0.2.1\r\ncontent-length: ${BODY_BYTES_MAX}\r\n\r\n`;
  const holders = Array.from({ length: 440 }, () => connect(own.port, "127.0.0.1"));
  for (const holder of holders)
    holder.on("error", () => undefined).write(head + "x".repeat(BODY_BYTES_MAX - 1));
  const long = bodyOfBytes(BODY_BYTES_MAX, "long");
  const status = async (address: string) => (await post(own.url, long, forwarded(address))).status;
  const deadline = AbortSignal.timeout(20_000);
  // A connection's headers may take a moment to arrive.
  while ((await status("192.0.2.1")) !== 503) deadline.throwIfAborted();
  for (let at = 0; at < 50; at++) {
    const short = body({ message_id: `short-${at}`, text: "x".repeat(3_000) });
    equal((await post(own.url, short, forwarded("192.0.2.1"))).status, 200);
    equal((await post(own.url, short, forwarded("192.0.2.2"))).status, 200);
  }
  equal(await status("192.0.2.2"), 200);
  const refused = await post(own.url, long, forwarded("192.0.2.1"));
  deepEqual(
    [refused.status, await refused.json()],
    [503, { detail: "too many requests are under way" }],
  );
  match(refused.headers.get("retry-after") ?? "", /^[0-9]+$/);
  equal((await fetch(`${own.url}/health/live`)).status, 200);
  const shed = /^requests_shed_total\{reason="bytes"\} ([0-9]+)$/m.exec(await scrape(own))?.[1];
  ok(Number(shed) > 0, `${shed}`);
  for (const holder of holders) holder.destroy();
  while ((await status("192.0.2.1")) !== 200) deadline.throwIfAborted();
});

test("clients that announce long bodies, or bodies without a length, and send nothing keep no other client out", async () => {
  await using own = await startService();
  const head = "POST /webhook HTTP/1.1\r\nhost: x\r\n";
  const holders = Array.from({ length: 600 }, () => connect(own.port, "127.0.0.1"));
  for (const [at, holder] of holders.entries())
    holder
      .on("error", () => undefined)
      .write(
        `${head}${at % 2 === 0 ? `content-length: ${BODY_BYTES_MAX}` : "transfer-encoding: chunked"}\r\n\r\n`,
      );
  await Promise.all(holders.map((holder) => once(holder, "connect")));
  for (let at = 0; at < 20; at++)
    equal((await post(own.url, body({ message_id: `m${at}` }))).status, 200);
  for (const holder of holders) holder.destroy();
});

test("a message whose sender left before the answer is logged and counted with its outcome", async () => {
  await using own = await startService();
  await using other = await otherUserOf(own.databaseUrl);
  await other.lockWrites();
  const payload = body({ message_id: "left" });
  const socket = connect(own.port, "127.0.0.1");
  socket.write(
    `POST /webhook HTTP/1.1\r\nhost: x\r\nx-signature: ${macOf(payload)}\r\ncontent-length: ${Buffer.byteLength(payload)}\r\n\r\n${payload}`,
  );
  // It is being stored when the queue is empty again and no answer was sent.
  while (!/^http_requests_total\{[^}]*\} [1-9]/m.test(await scrape(own)))
    await fetch(`${own.url}/health/live`);
  socket.resetAndDestroy();
  equal((await fetch(`${own.url}/health/live`)).status, 200);
  await other.unlockWrites();
  const line = await own.line(({ path }) => path === "/webhook");
  deepEqual([line.status, line.result, line.message_id, line.dup], [499, "created", "left", false]);
  equal(await resultCount(own, "created"), 1);
});

test("an unknown expectation is ignored, and an empty Content-Encoding is none", async () => {
  const payload = body({ message_id: "miracles" });
  const signed = `x-signature: ${macOf(payload)}\r\ncontent-length: ${Buffer.byteLength(payload)}`;
  for (const header of ["expect: miracles", "content-encoding:"]) {
    const bytes = `POST /webhook HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${header}\r\n${signed}\r\n\r\n${payload}`;
    deepEqual(
      (await exchange(service.port, Buffer.from(bytes))).answers.map(({ status }) => status),
      [200],
    );
  }
});

test("CONNECT is refused with a 405 and has its log line", async () => {
  const { answers } = await exchange(
    service.port,
    Buffer.from("CONNECT example.com:443 HTTP/1.1\r\nhost: example.com\r\n\r\n"),
  );
  deepEqual(
    answers.map(({ status }) => status),
    [405],
  );
  // Its line names neither method nor path.
  const line = await service.line(({ method, status }) => method === null && status === 405);
  equal(line.level, "WARNING");
});
