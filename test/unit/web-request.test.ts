import { deepEqual, equal, notEqual } from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, mock, test } from "node:test";
import { onUnauthorized, request } from "../../web/api/request.ts";
import { shapeOf } from "../../web/pages/sign-in/key-shape.ts";

interface Answer {
  readonly status: number;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What the server answers next, and what it was asked last. */
let answer: Answer = { status: 200, body: "{}" };
let asked: IncomingMessage;
let sent = "";
const server = createServer(async (incoming, outgoing) => {
  asked = incoming;
  sent = "";
  for await (const chunk of incoming) sent += chunk;
  outgoing.writeHead(answer.status, { ...answer.headers });
  outgoing.end(answer.body);
});
const original = globalThis.fetch;

before(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  // A page has an address; here a relative one is resolved against that of a dashboard.
  globalThis.fetch = (path, init) =>
    original(new URL(String(path), `http://127.0.0.1:${port}/below/ui/`), init);
});
after(() => {
  globalThis.fetch = original;
  server.close();
});

async function outcomeOf(next: Answer) {
  answer = next;
  return request("messages?limit=1");
}

const problem = (status: number, detail: unknown) => ({ status, body: JSON.stringify({ detail }) });

test("a later answer may be a second old, except after a change that the page has made", async () => {
  answer = { status: 200, body: "{}" };
  let nowMs = 5_000;
  const clock = mock.method(performance, "now", () => nowMs);
  try {
    const ageOf = async (method: "GET" | "POST") => {
      await request("messages", { method, etag: '"known"' });
      return asked.headers["cache-control"];
    };
    equal(await ageOf("GET"), "max-age=1");
    notEqual(await ageOf("POST"), "max-age=1");
    notEqual(await ageOf("GET"), "max-age=1");
    nowMs += 1_000;
    notEqual(await ageOf("GET"), "max-age=1");
    nowMs += 1;
    equal(await ageOf("GET"), "max-age=1");
    await request("messages");
    notEqual(asked.headers["cache-control"], "max-age=1");
  } finally {
    clock.mock.restore();
  }
});

test("every status is an outcome, with the sentence of the service", async () => {
  deepEqual(await outcomeOf({ status: 200, body: '{"a":1}', headers: { etag: '"x"' } }), {
    kind: "ok",
    value: { a: 1 },
    etag: '"x"',
  });
  deepEqual(await outcomeOf({ status: 304 }), { kind: "unchanged" });
  equal((await outcomeOf({ status: 204 })).kind, "ok");
  deepEqual(await outcomeOf(problem(403, "forbidden")), { kind: "forbidden" });
  deepEqual(await outcomeOf(problem(404, "Not Found")), { kind: "not_found" });
  deepEqual(await outcomeOf(problem(500, "Internal Server Error")), {
    kind: "failed",
    status: 500,
  });
  const body = { detail: [{ type: "too_broad", msg: "Narrow it." }] };
  deepEqual(await outcomeOf({ status: 422, body: JSON.stringify(body) }), {
    kind: "refused",
    status: 422,
    type: "too_broad",
    sentence: "Narrow it.",
    body,
  });
  const conflict = await outcomeOf(problem(409, "No secret is live."));
  equal(conflict.kind === "refused" && conflict.sentence, "No secret is live.");
});

test("429 and 503 say how long to wait: seconds, a date, or a usual time", async () => {
  const wait = async (status: number, value?: string) => {
    const headers = value === undefined ? {} : { "retry-after": value };
    const outcome = await outcomeOf({ ...problem(status, "busy"), headers });
    return outcome.kind === "busy" ? outcome.retrySeconds : undefined;
  };
  equal(await wait(503, "7"), 7);
  equal(await wait(429, "100000"), 300);
  equal(await wait(503, "banana"), 5);
  equal(await wait(503), 5);
  equal(await wait(503, "0"), 1);
  const inAMinute = await wait(503, new Date(Date.now() + 60_000).toUTCString());
  equal(inAMinute !== undefined && inAMinute > 55 && inAMinute <= 60, true);
});

test("an answer that is not JSON is of something between", async () => {
  const page = "<!doctype html><h1>Bad Gateway</h1>";
  deepEqual(await outcomeOf({ status: 502, body: page }), { kind: "foreign", status: 502 });
  deepEqual(await outcomeOf({ status: 200, body: page }), { kind: "foreign", status: 200 });
  const redirect = await outcomeOf({ status: 302, headers: { location: "/elsewhere" } });
  equal(redirect.kind, "offline", "no redirect is followed");
});

test("a 401 is told to those that listen, and only while they listen", async () => {
  let count = 0;
  const stop = onUnauthorized(() => count++);
  deepEqual(await outcomeOf(problem(401, "unauthorized")), { kind: "unauthorized" });
  stop();
  await outcomeOf(problem(401, "unauthorized"));
  equal(count, 1);
});

test("a request is relative to the dashboard, has its header, and never a key", async () => {
  answer = { status: 200, body: "{}" };
  await request("keys", { method: "POST", body: { name: "x" }, etag: '"y"' });
  equal(asked.url, "/below/keys");
  const { "x-lyftr-ui": mark, "content-type": type, "if-none-match": tag } = asked.headers;
  deepEqual([mark, type, tag], ["1", "application/json", '"y"']);
  equal(asked.headers.authorization, undefined);
  equal(sent, '{"name":"x"}');
  const ending = new AbortController();
  ending.abort();
  deepEqual(await request("messages", { signal: ending.signal }), { kind: "aborted" });
});

test("a key that was cut, or pasted twice, is noticed before it is sent", () => {
  const key = `lyftr_${"x".repeat(49)}`;
  deepEqual(["", key, key.slice(0, -1), key + key, "an-admin-key-of-the-operator"].map(shapeOf), [
    "empty",
    "possible",
    "cut",
    "long",
    "possible",
  ]);
});
