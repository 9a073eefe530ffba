import { deepEqual, equal, match, notEqual, ok } from "node:assert/strict";
import { test } from "node:test";
import { hasTag, maxAgeOf } from "../../src/http/cached-reply.ts";
import { openStore } from "../../src/store/open.ts";
import { message } from "../store/exercise.ts";
import { eraseAll } from "../store/exercise-retention.ts";
import { scrape, series } from "../support/client.ts";
import { exchange } from "../support/raw-http.ts";
import { body, getJson, post, type Service, startService } from "../support/service.ts";
import { otherUserOf } from "../support/tested-store.ts";

const HOUR = { CACHE_TTL_MS: "3600000" };
const ROUTES = [
  "/stats",
  "/senders",
  "/stats/timeline?bucket=day",
  "/messages?limit=2",
  "/messages?q=hel",
];

async function store(service: Service, fields: Readonly<Record<string, unknown>>): Promise<void> {
  equal((await post(service.url, body(fields))).status, 200);
}

/** The number of answers by source so far. */
async function sources(service: Service): Promise<Readonly<Record<string, number>>> {
  const all = series(await scrape(service));
  const of = (result: string) => all.get(`cache_requests_total{result="${result}"}`) ?? Number.NaN;
  return { hit: of("hit"), shared_hit: of("shared_hit"), joined: of("joined"), miss: of("miss") };
}

test("a message is in every answer from the moment its POST is answered, a thousand times, with a time to live of an hour", async () => {
  await using service = await startService(HOUR);
  for (let count = 1; count <= 1_000; count++) {
    await store(service, { message_id: `m${count}`, from: `+${100 + (count % 7)}` });
    const [stats, list] = await Promise.all([
      getJson(`${service.url}/stats`),
      getJson(`${service.url}/messages?limit=1`),
    ]);
    deepEqual([stats.total_messages, list.total], [count, count]);
  }
});

test("with concurrent writes and reads, no answer lacks a message that was acknowledged, or that another answer had, before the request", async () => {
  await using service = await startService(HOUR);
  let known = 0;
  let next = 0;
  const acknowledged = new Set<number>();
  const write = async () => {
    while (next < 400) {
      const id = next++;
      await store(service, { message_id: `m${id}` });
      acknowledged.add(id);
      known = Math.max(known, acknowledged.size);
    }
  };
  let writing = true;
  const read = async (
    path: string,
    totalOf: (answer: Record<string, number>) => number | undefined,
  ) => {
    while (writing) {
      const least = known;
      const total = Number(totalOf(await getJson(`${service.url}${path}`)));
      ok(total >= least, `${path} told ${total} where ${least} were known`);
      known = Math.max(known, total);
    }
  };
  const readers = [1, 2, 3].flatMap(() => [
    read("/stats", (answer) => answer.total_messages),
    read("/messages?limit=1", (answer) => answer.total),
  ]);
  await Promise.all(Array.from({ length: 4 }, write)).finally(() => (writing = false));
  await Promise.all(readers);
  equal((await getJson(`${service.url}/stats`)).total_messages, 400);
});

test("messages that another program stores are visible after the time to live, and answers are cached until then", async () => {
  await using service = await startService({ CACHE_TTL_MS: "300" });
  await using other = await startService({ DATABASE_URL: service.databaseUrl, CACHE_TTL_MS: "0" });
  for (let count = 1; count <= 5; count++) {
    await getJson(`${service.url}/stats`);
    await store(other, { message_id: `m${count}` });
    const storedMs = performance.now();
    for (;;) {
      const askedMs = performance.now();
      const { total_messages: total } = await getJson(`${service.url}/stats`);
      if (total === count) break;
      ok(askedMs - storedMs <= 300, "an answer was given again for longer than 300 ms");
    }
  }
  ok(Number((await sources(service)).hit) > 0);
});

// PostgreSQL has no cheap version of its data.
if ((process.env.TEST_STORE ?? "sqlite") === "sqlite") {
  test("after their time to live answers are served again while no program writes, and a message or an erasure of another one is seen in time", async () => {
    await using service = await startService({ CACHE_TTL_MS: "100" });
    await using scope = new AsyncDisposableStack();
    const other = await openStore(service.databaseUrl);
    scope.defer(() => other.close());
    const total = async () => Number((await getJson(`${service.url}/messages`)).total);
    const seen = async (count: number) => {
      const storedMs = performance.now();
      for (let askedMs = storedMs; (await total()) !== count; askedMs = performance.now())
        ok(askedMs - storedMs <= 100, "an answer was given again for longer than 100 ms");
    };
    for (let count = 1; count <= 3; count++) {
      const fromMs = performance.now();
      const before = await sources(service);
      while (performance.now() - fromMs < 1_500) await total();
      const after = await sources(service);
      ok(Number(after.miss) - Number(before.miss) < 8, "each answer was read after 100 ms");
      await other.insertMessages([message(`m${count}`)]);
      await seen(count);
    }
    await eraseAll(other, "+1");
    await seen(0);
  });
}

test("a duplicate does not invalidate answers, a new message does", async () => {
  await using service = await startService(HOUR);
  await store(service, {});
  await getJson(`${service.url}/stats`);
  await store(service, {});
  await getJson(`${service.url}/stats`);
  deepEqual(await sources(service), { hit: 1, shared_hit: 0, joined: 0, miss: 1 });
  await store(service, { message_id: "m2" });
  await getJson(`${service.url}/stats`);
  deepEqual(await sources(service), { hit: 1, shared_hit: 0, joined: 0, miss: 2 });
});

test("a client that accepts an age gets an earlier answer, even after a write of this process", async () => {
  await using service = await startService(HOUR);
  const total = async (cacheControl: string) => {
    const headers = { "cache-control": cacheControl };
    const answer = await fetch(`${service.url}/stats`, { headers });
    return ((await answer.json()) as { total_messages: number }).total_messages;
  };
  await store(service, { message_id: "m1" });
  equal(await total("max-age=60"), 1);
  let stored = 1;
  for (const exact of ["max-age=0", "no-cache", "max-age=60, no-cache", "max-age=x", ""]) {
    await store(service, { message_id: `m${++stored}` });
    equal(await total("max-age=60"), stored - 1);
    equal(await total(exact), stored, exact);
  }
});

test("max-age and no-cache are found in Cache-Control", () => {
  for (const [header, seconds] of [
    ["max-age=1", 1],
    ["Max-Age=30, no-transform", 30],
    ['no-store,max-age="5"', 5],
    ["no-cache, max-age=5", 0],
    ["max-age=5,No-Cache", 0],
    ["x-max-age=5", 0],
    ["max-age=-5", 0],
    ["max-age=1.5", 0],
    ["max-age=9999999999", 0],
    ["max-stale=5", 0],
  ] as const)
    equal(maxAgeOf(header), seconds, header);
  equal(maxAgeOf(undefined), 0);
});

test("fifty equal requests at once are one read", async () => {
  await using service = await startService(HOUR);
  await store(service, {});
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => getJson(`${service.url}/messages?q=hello`)),
  );
  for (const answer of answers) equal(answer.total, 1);
  const { miss, hit = 0, joined = 0 } = await sources(service);
  deepEqual([miss, hit + joined], [1, 49]);
});

test("parameters with the same meaning share an answer, others never do", async () => {
  await using service = await startService(HOUR);
  await store(service, {});
  const same = [
    "/messages?from=%2B919876543210",
    "/messages?from=919876543210&limit=50&offset=0&order=asc&unknown=1",
  ];
  for (const path of same) await getJson(`${service.url}${path}`);
  deepEqual(await sources(service), { hit: 1, shared_hit: 0, joined: 0, miss: 1 });
  const paths = [
    "?limit=1",
    "?limit=2",
    "?limit=1&offset=1",
    "?order=desc",
    "?count=none",
    "?q=a",
    "?q=A",
    "?q=%22a%22",
    "?source=native",
    "?to=%2B1",
    "?since=2025-01-15",
    "?until=2025-01-15",
    "?since=2025-01-15T00:00:01Z",
  ];
  const all = [
    ...paths.map((query) => `/messages${query}`),
    "/senders?limit=1",
    "/senders",
    "/stats",
  ];
  all.push("/stats/timeline", "/stats/timeline?bucket=day", "/stats/timeline?from=1");
  for (const path of all) await getJson(`${service.url}${path}`);
  deepEqual(await sources(service), { hit: 1, shared_hit: 0, joined: 0, miss: 1 + all.length });
});

test("a cached answer is that of the store, byte for byte and header for header", async () => {
  await using service = await startService(HOUR);
  await using plain = await startService({ DATABASE_URL: service.databaseUrl, CACHE_TTL_MS: "0" });
  await store(service, {});
  await store(service, { message_id: "m2", text: "été 🎈", from: "+2" });
  const shown = async (url: string) => {
    const response = await fetch(url);
    const { date: _, "x-request-id": __, ...headers } = Object.fromEntries(response.headers);
    return { status: response.status, headers, text: await response.text() };
  };
  for (const path of ROUTES) {
    const expected = await shown(`${plain.url}${path}`);
    equal(expected.status, 200);
    match(expected.headers.etag ?? "", /^"[A-Za-z0-9_-]{22}"$/);
    equal(expected.headers["cache-control"], "private, no-cache");
    for (let again = 0; again < 2; again++)
      deepEqual(await shown(`${service.url}${path}`), expected);
  }
});

test("a client that has the answer gets 304 without a body, and a complete answer when it has changed", async () => {
  await using service = await startService();
  await store(service, {});
  for (const path of ROUTES) {
    const url = `${service.url}${path}`;
    const etag = (await fetch(url)).headers.get("etag") ?? "";
    for (const method of ["GET", "HEAD"]) {
      for (const list of [etag, `W/${etag}`, "*", `"other", ${etag}`, ` ${etag} ,"other"`]) {
        const response = await fetch(url, { method, headers: { "if-none-match": list } });
        deepEqual([response.status, await response.text()], [304, ""], `${method} ${path} ${list}`);
        deepEqual(
          [response.headers.get("etag"), response.headers.get("cache-control")],
          [etag, "private, no-cache"],
        );
        equal(response.headers.get("content-type"), null);
      }
      const other = await fetch(url, { method, headers: { "if-none-match": '"other"' } });
      equal(other.status, 200);
    }
  }
  const url = `${service.url}/stats`;
  const before = (await fetch(url)).headers.get("etag") ?? "";
  await store(service, { message_id: "m2" });
  const changed = await fetch(url, { headers: { "if-none-match": before } });
  equal(changed.status, 200);
  notEqual(changed.headers.get("etag"), before);
  match(await changed.text(), /^\{"total_messages":2,/);
});

test("HEAD returns the tag and the length of what GET would return, and nothing else", async () => {
  await using service = await startService();
  await store(service, {});
  for (const path of ROUTES) {
    const got = await fetch(`${service.url}${path}`);
    const length = Buffer.byteLength(await got.text());
    const head = await fetch(`${service.url}${path}`, { method: "HEAD" });
    deepEqual(
      [
        head.status,
        head.headers.get("etag"),
        Number(head.headers.get("content-length")),
        await head.text(),
      ],
      [200, got.headers.get("etag"), length, ""],
    );
  }
});

test("errors and uncached routes have no tag", async () => {
  await using service = await startService();
  await store(service, {});
  const paths = [
    "/messages?limit=x",
    "/messages?cursor=x",
    "/senders?limit=x",
    "/stats/timeline?bucket=x",
    "/nowhere",
  ];
  for (const path of [...paths, "/messages/m1", "/messages/export", "/health/live", "/metrics"]) {
    const response = await fetch(`${service.url}${path}`, { headers: { "if-none-match": "*" } });
    await response.text();
    notEqual(response.status, 304, path);
    equal(response.headers.get("etag"), null, path);
  }
});

test("a failed answer has no tag, is not cached, and does not outlive its cause", async () => {
  await using service = await startService(HOUR);
  await store(service, {});
  await using other = await otherUserOf(service.databaseUrl);
  const table = service.databaseUrl.startsWith("sqlite:") ? "lyftr_messages" : "messages";
  await other.exec(`ALTER TABLE ${table} RENAME TO elsewhere`);
  const broken = await fetch(`${service.url}/messages`, { headers: { "if-none-match": "*" } });
  ok(broken.status >= 500, String(broken.status));
  equal(broken.headers.get("etag"), null);
  await other.exec(`ALTER TABLE elsewhere RENAME TO ${table}`);
  equal((await getJson(`${service.url}/messages`)).total, 1);
});

test("a connection is usable after a 304, which has neither length nor chunks", async () => {
  await using service = await startService();
  const request = "GET /stats HTTP/1.1\r\nHost: x\r\nIf-None-Match: *\r\n\r\n";
  const { answers } = await exchange(
    service.port,
    request + request.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"),
  );
  deepEqual(
    answers.map(({ status }) => status),
    [304, 304],
  );
  for (const { headers } of answers)
    deepEqual(
      [headers.get("content-length"), headers.get("transfer-encoding")],
      [undefined, undefined],
    );
});

test("If-None-Match is parsed as in RFC 9110", () => {
  const yes = [
    '"t"',
    'W/"t"',
    "*",
    " * ",
    '"a","t"',
    '"a" , W/"t"',
    '"a",, "t"',
    '"a,b", "t"',
    '"t", "unfinished',
  ];
  const no = [
    "",
    "t",
    '"T"',
    'w/"t"',
    '"a,"t"',
    '"t',
    'W/ "t"',
    '"a" "t"',
    '"at"',
    "*, *",
    '"a\tb", "t"',
  ];
  for (const list of yes) ok(hasTag(list, "t"), list);
  for (const list of no) ok(!hasTag(list, "t"), list);
  equal(hasTag(undefined, "t"), false);
});
