import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import {
  LyftrClient,
  LyftrError,
  type Message,
  nodeFetch,
  type Progress,
} from "../../client/client.ts";
import { listMessages, macOf, storedTotal } from "../support/client.ts";
import { SECRET, startService } from "../support/service.ts";

function message(id: string, fields: Partial<Message> = {}): Message {
  return {
    message_id: id,
    from: "+919876543210",
    to: "+14155550100",
    ts: "2025-01-15T10:00:00Z",
    text: id,
    ...fields,
  };
}

function* messages(count: number): Generator<Message> {
  for (let at = 1; at <= count; at++) yield message(`m${at}`);
}

/** A server with the given answers, and the requests that it got. */
async function answering(
  answer: (request: IncomingMessage, response: ServerResponse, number: number) => void,
) {
  const bodies: string[] = [];
  const signatures: unknown[] = [];
  const connections = new Set<unknown>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    connections.add(request.socket);
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      signatures.push(request.headers["x-signature"]);
      answer(request, response, bodies.push(Buffer.concat(chunks).toString()));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { readonly port: number };
  const dispose = async () => {
    server.closeAllConnections();
    server.close();
  };
  const url = `http://127.0.0.1:${port}`;
  return { url, bodies, signatures, connections, [Symbol.asyncDispose]: dispose };
}

const accept = (response: ServerResponse) => void response.end('{"status":"ok"}');

test("a message is signed, sent and stored with its fields, and a second time it is a duplicate", async () => {
  await using service = await startService();
  const client = new LyftrClient({ url: service.url, secret: SECRET });
  const sent = message("m1", { text: "Grüße 👋 \ud800 \u0007" });
  await rejects(client.send(sent), { kind: "invalid" });
  const good = message("m1", { text: "Grüße 👋 \u0007" });
  // A service on a busy machine may shed the first attempt.
  equal((await client.send(good)).status, "ok");
  equal((await client.send(good)).status, "ok");
  const { data } = await listMessages(service);
  deepEqual(
    data.map(({ message_id, from, to, ts, text }) => ({ message_id, from, to, ts, text })),
    [good],
  );
});

test("the URL of the webhook, and a URL with a path prefix, are accepted", async () => {
  await using service = await startService();
  for (const url of [`${service.url}/webhook`, `${service.url}/`]) {
    await new LyftrClient({ url, secret: SECRET }).send(message("m1"));
  }
  const paths: (string | undefined)[] = [];
  await using proxy = await answering(({ url }, response) => {
    paths.push(url);
    accept(response);
  });
  await new LyftrClient({ url: `${proxy.url}/lyftr/`, secret: SECRET }).send(message("m1"));
  deepEqual(paths, ["/lyftr/webhook"]);
});

test("the signature covers the bytes on the wire, whatever they contain", async () => {
  await using server = await answering((_request, response) => accept(response));
  const client = new LyftrClient({ url: server.url, secret: SECRET });
  await client.send(message("m1", { text: "\ud83d é 👋 \u2028" }));
  await client.sendBytes(new TextEncoder().encode(' { "message_id" : "é" }\n'));
  deepEqual(
    server.signatures,
    server.bodies.map((body) => macOf(body)),
  );
  equal(server.bodies[1], ' { "message_id" : "é" }\n');
});

test("a wrong secret, a wrong field and a long message are refused at once, each with its kind", async () => {
  await using service = await startService({ MAX_BODY_BYTES: "2000" });
  const client = new LyftrClient({ url: service.url, secret: SECRET });
  const wrong = new LyftrClient({ url: service.url, secret: "another" });
  await rejects(wrong.send(message("m1")), { kind: "unauthorized", status: 401 });
  await rejects(client.send(message("m1", { from: "nobody" })), (error) => {
    ok(error instanceof LyftrError);
    deepEqual([error.kind, error.status], ["invalid", 422]);
    deepEqual(error.issues?.[0]?.loc, ["body", "from"]);
    ok(error.message.startsWith("422 body.from: "), error.message);
    return true;
  });
  await rejects(client.send(message("m1", { text: "x".repeat(3_000) })), {
    kind: "too_large",
    status: 413,
  });
  equal(await storedTotal(service), 0);
});

test("a refusal is not retried, a temporary error is", async () => {
  for (const [status, tried] of [
    [400, 1],
    [401, 1],
    [403, 1],
    [404, 1],
    [413, 1],
    [415, 1],
    [422, 1],
    [408, 3],
    [429, 3],
    [500, 3],
    [502, 3],
    [503, 3],
    [504, 3],
  ] as const) {
    await using server = await answering((_request, response, number) => {
      if (number < 3) response.writeHead(status).end("{}");
      else accept(response);
    });
    const client = new LyftrClient({ url: server.url, secret: SECRET });
    const sent = client.send(message("m1"));
    if (tried === 1) await rejects(sent, { status, attempts: 1 });
    else deepEqual(await sent, { status: "ok", attempts: 3 });
    equal(server.bodies.length, tried, `${status}`);
  }
});

test("without a secret, without a message or with a message that is not JSON, nothing is sent", async () => {
  await using server = await answering((_request, response) => accept(response));
  await rejects(new LyftrClient({ url: server.url }).send(message("m1")), { kind: "usage" });
  const client = new LyftrClient({ url: server.url, secret: SECRET });
  const circle: Record<string, unknown> = {};
  circle.circle = circle;
  await rejects(client.send(circle as unknown as Message), { kind: "usage" });
  await rejects(client.send(undefined as unknown as Message), { kind: "usage" });
  equal(server.bodies.length, 0);
});

test("429 and 503 are retried after their Retry-After, with the same bytes", async () => {
  await using server = await answering((_request, response, number) => {
    if (number === 1)
      response.writeHead(429, { "retry-after": "1" }).end('{"detail":"rate limit exceeded"}');
    else if (number === 2) response.writeHead(503, { "retry-after": "0" }).end('{"detail":"busy"}');
    else accept(response);
  });
  const client = new LyftrClient({ url: server.url, secret: SECRET });
  const startMs = performance.now();
  deepEqual(await client.send(message("m1")), { status: "ok", attempts: 3 });
  ok(performance.now() - startMs >= 1_000);
  equal(new Set(server.bodies).size, 1);
  equal(server.connections.size, 1, "a refusal does not cost the connection");
});

test("a Retry-After beyond the deadline is reported at once", async () => {
  await using server = await answering((_request, response) => {
    response.writeHead(429, { "retry-after": "3600" }).end('{"detail":"rate limit exceeded"}');
  });
  const client = new LyftrClient({ url: server.url, secret: SECRET });
  const startMs = performance.now();
  await rejects(client.send(message("m1"), { deadlineMs: 20_000 }), {
    kind: "rate_limited",
    retryAfterMs: 3_600_000,
  });
  ok(performance.now() - startMs < 5_000);
});

test("connections are kept, and limited by the number of concurrent requests", async () => {
  await using server = await answering((_request, response) => accept(response));
  const client = new LyftrClient({ url: server.url, secret: SECRET, concurrency: 4 });
  await Promise.all(Array.from(messages(200), (one) => client.send(one)));
  equal(server.bodies.length, 200);
  // The platform may still hold one for a read answer when the next request begins.
  ok(server.connections.size <= 8, `${server.connections.size} connections`);
});

test("nodeFetch limits its connections, keeps them, and reads answers without a length", async () => {
  await using server = await answering((_request, response, number) => {
    if (number % 2 === 0) return accept(response);
    response.write('{"status":');
    setImmediate(() => response.end('"ok"}'));
  });
  const fetch = nodeFetch({ connectionsMax: 4 });
  const client = new LyftrClient({ url: server.url, secret: SECRET, fetch });
  await Promise.all(Array.from(messages(200), (one) => client.send(one)));
  equal(server.connections.size, 4);
  deepEqual(
    server.signatures,
    server.bodies.map((body) => macOf(body)),
  );
});

test("nodeFetch reads messages and statistics too", async () => {
  await using service = await startService();
  const client = new LyftrClient({ url: service.url, secret: SECRET, fetch: nodeFetch() });
  await client.sendMany(messages(250));
  const ids = new Set<string>();
  for await (const { message_id } of client.messages()) ids.add(message_id);
  deepEqual([ids.size, (await client.stats()).total_messages], [250, 250]);
  deepEqual([(await client.message("m7"))?.text, await client.message("none")], ["m7", undefined]);
});

test("nodeFetch refuses a compressed answer that was not asked for", async () => {
  await using server = await answering((_request, response) => {
    response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync('{"status":"ok"}'));
  });
  const client = new LyftrClient({ url: server.url, secret: SECRET, fetch: nodeFetch() });
  await rejects(client.send(message("m1")), { kind: "protocol", attempts: 1 });
});

test("a call ends after the maximum number of attempts, however long its deadline is", async () => {
  await using server = await answering((_request, response) => {
    response.writeHead(503).end('{"detail":"busy"}');
  });
  const client = new LyftrClient({ url: server.url, secret: SECRET, attemptsMax: 3 });
  await rejects(client.send(message("m1")), { kind: "unavailable", attempts: 3 });
  equal(server.bodies.length, 3);
});

test("a request that waits for its turn ends with its deadline or its signal, and frees its slot for the next", async () => {
  await using server = await answering(
    (_request, response) => void setTimeout(() => accept(response), 300),
  );
  const client = new LyftrClient({ url: server.url, secret: SECRET, concurrency: 1 });
  const first = client.send(message("m1"));
  const late = client.send(message("m2"), { deadlineMs: 60 });
  const aborted = client.send(message("m3"), { signal: AbortSignal.timeout(30) });
  const last = client.send(message("m4"));
  await Promise.all([rejects(late, { kind: "timeout" }), rejects(aborted, { kind: "aborted" })]);
  deepEqual([(await first).attempts, (await last).attempts], [1, 1]);
  equal(server.bodies.length, 2);
});

test("sendMany sends all messages of an iterable and of an async one, and reports its progress", async () => {
  await using service = await startService();
  const client = new LyftrClient({ url: service.url, secret: SECRET });
  const progress: Progress[] = [];
  const result = await client.sendMany(messages(300), { onProgress: (now) => progress.push(now) });
  deepEqual(
    { ...result, attempts: 300 },
    { sent: 300, failed: 0, attempts: 300, failures: [], stopped: undefined },
  );
  ok(result.attempts >= 300);
  equal(progress.length, 300);
  deepEqual(progress.at(-1), { sent: 300, failed: 0, underWay: 0 });
  async function* more() {
    for (const one of messages(20)) yield message(`async-${one.message_id}`);
  }
  equal((await client.sendMany(more())).sent, 20);
  equal((await client.sendMany([])).sent, 0);
  equal(await storedTotal(service), 320);
});

test("sendMany takes no more from its source than it can send, one at a time", async () => {
  let answered = 0;
  await using server = await answering((_request, response) => {
    answered++;
    accept(response);
  });
  const client = new LyftrClient({ url: server.url, secret: SECRET });
  let taken = 0;
  let asking = 0;
  let aheadMax = 0;
  const source: AsyncIterable<Message> = {
    [Symbol.asyncIterator]: () => ({
      next: async () => {
        equal(++asking, 1, "asked twice at once");
        await delay(0);
        asking--;
        if (taken === 200) return { done: true, value: undefined };
        aheadMax = Math.max(aheadMax, ++taken - answered);
        return { done: false, value: message(`m${taken}`) };
      },
    }),
  };
  equal((await client.sendMany(source, { concurrency: 5 })).sent, 200);
  ok(aheadMax <= 5, `${aheadMax} were taken and not answered`);
});

test("a refused message does not stop the others, and the first hundred failures are kept", async () => {
  await using service = await startService();
  const client = new LyftrClient({ url: service.url, secret: SECRET });
  function* mixed() {
    for (const one of messages(400))
      yield Number(one.message_id.slice(1)) % 2 ? one : { ...one, from: "wrong" };
  }
  const { sent, failed, failures, stopped } = await client.sendMany(mixed());
  deepEqual([sent, failed, failures.length, stopped], [200, 200, 100, undefined]);
  ok(failures.every(({ message: one, error }) => one.from === "wrong" && error.kind === "invalid"));
});

test("an error that affects every message stops sendMany, and the source is closed", async () => {
  await using service = await startService();
  const client = new LyftrClient({ url: service.url, secret: "another", concurrency: 4 });
  let taken = 0;
  let closed = false;
  function* source() {
    try {
      for (const one of messages(100_000)) {
        taken++;
        yield one;
      }
    } finally {
      closed = true;
    }
  }
  const { sent, failed, stopped } = await client.sendMany(source());
  equal(stopped?.kind, "unauthorized");
  deepEqual([sent, failed, closed], [0, taken, true]);
  ok(taken <= 8, `${taken} were taken`);
});

test("sendMany ends when the service is no longer available", async () => {
  const gone = await answering(() => undefined);
  await gone[Symbol.asyncDispose]();
  const client = new LyftrClient({
    url: gone.url,
    secret: SECRET,
    deadlineMs: 300,
    concurrency: 3,
  });
  const { sent, failed, stopped } = await client.sendMany(messages(1_000));
  deepEqual([sent, stopped?.kind], [0, "network"]);
  ok(failed >= 3 && failed <= 6, `${failed}`);
});

test("an abort ends sendMany even if its source hangs and the service does not answer", async () => {
  await using server = await answering(() => undefined);
  const client = new LyftrClient({ url: server.url, secret: SECRET });
  async function* source() {
    yield* messages(3);
    await new Promise(() => undefined);
  }
  const controller = new AbortController();
  const ended = client.sendMany(source(), { signal: controller.signal });
  while (server.bodies.length < 3) await delay(5);
  controller.abort();
  const { sent, failed, stopped } = await ended;
  deepEqual([sent, failed, stopped?.kind], [0, 3, "aborted"]);
  equal((await client.sendMany(messages(5), { signal: controller.signal })).failed, 0);
});

test("sendMany rejects with an exception of the source or the callback, after the current sends have ended", async () => {
  let answered = 0;
  await using server = await answering((_request, response) => {
    setTimeout(() => {
      answered++;
      accept(response);
    }, 50);
  });
  const client = new LyftrClient({ url: server.url, secret: SECRET });
  function* broken() {
    yield* messages(3);
    throw new Error("the file is gone");
  }
  await rejects(client.sendMany(broken()), { message: "the file is gone" });
  equal(answered, 3);
  const onProgress = () => {
    throw new Error("no terminal");
  };
  await rejects(client.sendMany(messages(3), { onProgress }), { message: "no terminal" });
});

test("every attempt of a call, and every message of many, carries the traceparent; an invalid one is refused", async () => {
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const carried: unknown[] = [];
  await using server = await answering(({ headers }, response, number) => {
    carried.push(headers.traceparent);
    if (number === 1) response.writeHead(503).end();
    else accept(response);
  });
  const client = new LyftrClient({ url: server.url, secret: SECRET });
  equal((await client.send(message("m1"), { traceparent })).attempts, 2);
  equal((await client.sendMany(messages(2), { traceparent })).sent, 2);
  await client.send(message("m2"));
  deepEqual(carried, [traceparent, traceparent, traceparent, traceparent, undefined]);
  for (const wrong of ["", traceparent.toUpperCase(), `${traceparent}\r\nx: y`, "00-1-2-01"])
    await rejects(client.send(message("m3"), { traceparent: wrong }), { kind: "usage" });
  equal(carried.length, 5);
});
