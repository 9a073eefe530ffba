import { deepEqual, doesNotMatch, equal, match, ok } from "node:assert/strict";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { json, listMessages, scrape, seen, series, storedTotal } from "../support/client.ts";
import { RawConnection } from "../support/raw-http.ts";
import { body, post, type Service, startService } from "../support/service.ts";

const LIMITED = json(429, { detail: "rate limit exceeded" });

/** The number of answers by status. */
function counted(statuses: readonly number[]): Readonly<Record<number, number>> {
  const all = [...new Set(statuses)].map((status) => [
    status,
    statuses.filter((other) => other === status).length,
  ]);
  return Object.fromEntries(all);
}

async function limitedTotal(service: Service, limit: string): Promise<number | undefined> {
  return series(await scrape(service)).get(`rate_limited_total{limit="${limit}"}`);
}

function from(address: string): Readonly<Record<string, string>> {
  return { "x-forwarded-for": address };
}

/** Whether requests from these two addresses share one bucket of one token. */
async function sameBucket(one: string, other: string): Promise<boolean> {
  await using service = await startService({ TRUST_PROXY: "loopback", RATE_LIMIT_PER_IP: "1/1h" });
  equal((await fetch(`${service.url}/stats`, { headers: from(one) })).status, 200);
  return (await fetch(`${service.url}/stats`, { headers: from(other) })).status === 429;
}

test("clients behind a proxy have their own limits for URLs that the router does not accept", async () => {
  await using service = await startService({ TRUST_PROXY: "loopback", RATE_LIMIT_PER_IP: "1/1h" });
  const ask = async (address: string) =>
    (await fetch(`${service.url}/%zz`, { headers: from(address) })).status;
  deepEqual(
    [await ask("192.0.2.1"), await ask("192.0.2.1"), await ask("192.0.2.2")],
    [404, 429, 404],
  );
});

test("without limits no answer has rate limit headers", async () => {
  await using service = await startService();
  for (const response of [await post(service.url, body()), await fetch(`${service.url}/stats`)]) {
    equal(response.status, 200);
    for (const name of ["ratelimit", "ratelimit-policy", "retry-after"])
      equal(response.headers.get(name), null);
  }
});

test("an address past its limit gets 429 on every route but health and metrics", async () => {
  await using service = await startService({ RATE_LIMIT_PER_IP: "100/1h,burst=3" });
  for (const left of [2, 1, 0]) {
    const { status, headers } = await fetch(`${service.url}/stats`);
    deepEqual([status, headers.get("ratelimit-policy")], [200, '"ip";q=3;w=108']);
    match(headers.get("ratelimit") ?? "", new RegExp(`^"ip";r=${left};t=(3[456])$`));
    equal(headers.get("retry-after"), null);
  }
  const refused = await fetch(`${service.url}/stats`);
  deepEqual(
    [refused.headers.get("ratelimit-policy"), refused.headers.get("content-type")],
    ['"ip";q=3;w=108', "application/json"],
  );
  match(refused.headers.get("ratelimit") ?? "", /^"ip";r=0;t=3[456]$/);
  match(refused.headers.get("retry-after") ?? "", /^3[456]$/);
  deepEqual(await seen(Promise.resolve(refused)), LIMITED);
  for (const path of [
    "/messages",
    "/messages/m1",
    "/messages/export",
    "/senders",
    "/stats/timeline",
    "/docs",
    "/nowhere",
    "/%zz",
    `/messages/${"x".repeat(4_000)}`,
  ])
    deepEqual(await seen(fetch(`${service.url}${path}`)), LIMITED, path);
  deepEqual(await seen(post(service.url, body())), LIMITED);
  for (const path of [
    "/health/live",
    "/health/ready",
    "/healthz",
    "/livez",
    "/readyz",
    "/metrics",
  ]) {
    const response = await fetch(`${service.url}${path}`);
    deepEqual([response.status, response.headers.get("ratelimit")], [200, null], path);
  }
  equal(await limitedTotal(service, "ip"), 11);
  const samples = series(await scrape(service));
  equal(samples.get('webhook_requests_total{result="rate_limited"}'), 1);
  equal(samples.get('http_requests_total{method="POST",path="/webhook",status="429"}'), 1);
});

test("a refusal is a warning in the log that names the limit, and not the address", async () => {
  await using service = await startService({ RATE_LIMIT_PER_IP: "1/1h" });
  await fetch(`${service.url}/stats`);
  await post(service.url, body());
  const line = await service.line(({ path, status }) => path === "/webhook" && status === 429);
  deepEqual(
    [line.level, line.limit, line.result, line.dup],
    ["WARNING", "ip", "rate_limited", false],
  );
  doesNotMatch(JSON.stringify(line), /127\.0\.0\.1|919876543210/);
});

test("a refusal has the other form of errors for clients that ask for it", async () => {
  await using service = await startService({ RATE_LIMIT_PER_IP: "1/1h" });
  const headers = { accept: "application/problem+json" };
  await fetch(`${service.url}/stats`);
  const { text, type } = await seen(fetch(`${service.url}/stats`, { headers }));
  equal(type, "application/problem+json");
  deepEqual(JSON.parse(text), {
    type: "about:blank",
    title: "Too Many Requests",
    status: 429,
    detail: "rate limit exceeded",
  });
});

test("a client that waits for Retry-After is served", async () => {
  await using service = await startService({ RATE_LIMIT_PER_IP: "1/1s" });
  equal((await fetch(`${service.url}/stats`)).status, 200);
  for (let n = 0; n < 2; n++) {
    const refused = await fetch(`${service.url}/stats`);
    deepEqual([refused.status, refused.headers.get("retry-after")], [429, "1"]);
    await setTimeout(1_000);
    equal((await fetch(`${service.url}/stats`)).status, 200);
  }
});

test("a request past the limit is answered before its body arrives, and the connection can be reused", async () => {
  await using service = await startService({ RATE_LIMIT_PER_IP: "1/1h" });
  await fetch(`${service.url}/stats`);
  const head = "POST /webhook HTTP/1.1\r\nHost: test\r\nContent-Length: 200000\r\n\r\n";
  await using connection = await RawConnection.open(service.port);
  await connection.write(`${head}only a little`);
  equal((await connection.answered(1))[0]?.status, 429);
  await connection.write(
    `${" ".repeat(200_000 - "only a little".length)}GET /health/live HTTP/1.1\r\nHost: test\r\n\r\n`,
  );
  equal((await connection.answered(2))[1]?.status, 200);
});

test("a sender past the limit is refused before anything is stored, and others are not", async () => {
  await using service = await startService({ RATE_LIMIT_PER_SENDER: "60/1h,burst=5" });
  const mine = (n: number) => body({ message_id: `mine-${n}` });
  for (let n = 0; n < 5; n++) {
    const { status, headers } = await post(service.url, mine(n));
    deepEqual([status, headers.get("ratelimit-policy")], [200, '"sender";q=5;w=300']);
    match(headers.get("ratelimit") ?? "", new RegExp(`^"sender";r=${4 - n};t=(59|60)$`));
  }
  const refused = await post(service.url, mine(5));
  match(refused.headers.get("retry-after") ?? "", /^(59|60)$/);
  deepEqual(await seen(Promise.resolve(refused)), LIMITED);
  equal(await storedTotal(service), 5);
  equal((await fetch(`${service.url}/messages/mine-5`)).status, 404);
  // The limit applies to one sender: another one passes, from the same address.
  equal((await post(service.url, body({ message_id: "other", from: "+14155550199" }))).status, 200);
  // Reads are not limited by it.
  equal((await fetch(`${service.url}/stats`)).headers.get("ratelimit"), null);
  equal(await limitedTotal(service, "sender"), 1);
  const line = await service.line(({ status }) => status === 429);
  deepEqual(
    [line.level, line.limit, line.result, line.dup, line.message_id],
    ["WARNING", "sender", "rate_limited", false, "mine-5"],
  );
});

test("requests refused for other reasons do not count for the sender", async () => {
  await using service = await startService({ RATE_LIMIT_PER_SENDER: "1/1h" });
  for (let n = 0; n < 3; n++)
    equal((await post(service.url, body(), { "x-signature": "00" })).status, 401);
  for (let n = 0; n < 3; n++)
    equal((await post(service.url, body({ ts: "yesterday" }))).status, 422);
  equal((await post(service.url, body())).status, 200);
  equal((await post(service.url, body({ message_id: "m2" }))).status, 429);
});

test("of many concurrent requests exactly as many pass as there are tokens, and just these are stored", async () => {
  await using service = await startService({ RATE_LIMIT_PER_SENDER: "1/1h,burst=50" });
  const ids = Array.from({ length: 200 }, (_, n) => `m-${n}`);
  const answers = await Promise.all(
    ids.map(async (id) => ({
      id,
      status: (await post(service.url, body({ message_id: id }))).status,
    })),
  );
  // On a busy machine some are shed before they are examined.
  const { 200: passed, 429: limited, 503: shed = 0 } = counted(answers.map(({ status }) => status));
  deepEqual([passed, limited], [50, 150 - shed]);
  const stored = (await listMessages(service, "?limit=100")).data.map(
    ({ message_id }) => message_id,
  );
  const accepted = answers.filter(({ status }) => status === 200).map(({ id }) => id);
  deepEqual([...stored].sort(), [...accepted].sort());
});

test("wrong signatures past their limit get 429, while correctly signed webhooks pass from the same address", async () => {
  await using service = await startService({ RATE_LIMIT_FAILED_AUTH: "5/1h" });
  const statuses: number[] = [];
  for (let n = 0; n < 20; n++) {
    statuses.push((await post(service.url, body(), { "x-signature": "ab".repeat(32) })).status);
    equal((await post(service.url, body({ message_id: `m-${n}` }))).status, 200);
  }
  deepEqual(statuses, [...new Array(5).fill(401), ...new Array(15).fill(429)]);
  deepEqual(await seen(post(service.url, body(), { "x-signature": "" })), LIMITED);
  equal(await storedTotal(service), 20);
  equal(await limitedTotal(service, "failed_signature"), 16);
  const line = await service.line(({ status }) => status === 429);
  deepEqual([line.level, line.limit, line.result], ["WARNING", "failed_signature", "rate_limited"]);
});

test("wrong signatures are limited, and can be unlimited", async () => {
  const wave = async (service: Service) => {
    const sent = Array.from({ length: 20 }, () => post(service.url, "{}", { "x-signature": "ab" }));
    return (await Promise.all(sent)).map(({ status }) => status);
  };
  await using service = await startService({ RATE_LIMIT_FAILED_AUTH: "1000/1m" });
  const statuses: number[] = [];
  // Some tokens are added in between.
  while (!statuses.includes(429) && statuses.length < 5_000)
    statuses.push(...(await wave(service)));
  const { 401: refused = 0, 429: limited = 0 } = counted(statuses);
  ok(refused >= 1_000 && limited > 0, JSON.stringify(counted(statuses)));
  await using unlimited = await startService({ RATE_LIMIT_FAILED_AUTH: "off" });
  for (let sent = 0; sent < 1_100; sent += 20)
    equal(counted(await wave(unlimited))[429], undefined);
});

test("without TRUST_PROXY an X-Forwarded-For changes nothing", async () => {
  await using service = await startService({ RATE_LIMIT_PER_IP: "10/1h" });
  const statuses = await Promise.all(
    Array.from({ length: 50 }, async (_, n) => {
      const headers = from(n % 2 === 0 ? `203.0.113.${n}` : `2001:db8:${n}::1`);
      return (await fetch(`${service.url}/stats`, { headers })).status;
    }),
  );
  deepEqual(counted(statuses), { 200: 10, 429: 40 });
});

test("behind a trusted proxy every client has its own limit, and its own X-Forwarded-For does not count", async () => {
  equal(await sameBucket("203.0.113.7", "203.0.113.7"), true);
  equal(await sameBucket("203.0.113.7", "203.0.113.8"), false);
  equal(await sameBucket("198.51.100.1, 203.0.113.7", "198.51.100.2, 203.0.113.7"), true);
  // Another trusted proxy in between is skipped.
  equal(await sameBucket("203.0.113.7, 127.0.0.2", "203.0.113.8, 127.0.0.3"), false);
  equal(await sameBucket("2001:db8::1", "2001:db8::2"), true);
  equal(await sameBucket("2001:db8:0:1::1", "2001:db8:0:2::1"), false);
  equal(await sameBucket("::ffff:203.0.113.7", "203.0.113.7"), true);
});

test("a port after an address in X-Forwarded-For belongs to the connection, not to the client", async () => {
  equal(await sameBucket("203.0.113.7:1234", "203.0.113.7:4321"), true);
  equal(await sameBucket("203.0.113.7:1234", "203.0.113.8:1234"), false);
  equal(await sameBucket("203.0.113.7:1234", "203.0.113.7"), true);
  equal(await sameBucket('"[2001:db8::1]:1234"', "2001:db8::1"), true);
  equal(await sameBucket("[2001:db8:0:1::1]:1", "[2001:db8:0:2::1]:1"), false);
  // Trusted proxies that write ports are skipped too.
  equal(await sameBucket("203.0.113.7:1, 127.0.0.2:2", "203.0.113.8:1, 127.0.0.3:3"), false);
  equal(await sameBucket("203.0.113.7:1, 127.0.0.2:2", "203.0.113.7:9, 127.0.0.3:3"), true);
});

test("an invalid address in X-Forwarded-For counts as the proxy's own", async () => {
  for (const garbage of [
    "unknown",
    "_hidden",
    "203.0.113.7:port",
    "[2001:db8::1",
    "1",
    "999.1.1.1",
    "a".repeat(8_000),
  ])
    equal(await sameBucket(garbage, "127.0.0.1"), true, garbage);
  equal(await sameBucket(",,, ,", ""), true);
});

test("only proxies in TRUST_PROXY are trusted", async () => {
  await using service = await startService({
    TRUST_PROXY: "10.0.0.0/8,2001:db8::/32",
    RATE_LIMIT_PER_IP: "1/1h",
  });
  equal((await fetch(`${service.url}/stats`, { headers: from("203.0.113.7") })).status, 200);
  equal((await fetch(`${service.url}/stats`, { headers: from("203.0.113.8") })).status, 429);
});

test("the longest possible X-Forwarded-For is parsed in no time", async () => {
  await using service = await startService({
    TRUST_PROXY: "loopback",
    RATE_LIMIT_PER_IP: "1000/1h",
  });
  const longest = "127.0.0.1,".repeat(1_500);
  const started = performance.now();
  for (let n = 0; n < 100; n++)
    equal((await fetch(`${service.url}/stats`, { headers: from(longest) })).status, 200);
  ok(performance.now() - started < 10_000);
});

const KEY = "an-admin-key-of-32-characters-or-more";
const withKey = (key: string) => ({ headers: { authorization: `Bearer ${key}` } });

test("an API key past its limit is refused on every route that requires one, and clients without a key are not limited by it", async () => {
  await using service = await startService({
    RATE_LIMIT_PER_KEY: "60/1h,burst=3",
    ADMIN_API_KEY: KEY,
    METRICS_AUTH: "required",
  });
  for (const left of [2, 1, 0]) {
    const { status, headers } = await fetch(`${service.url}/stats`, withKey(KEY));
    deepEqual([status, headers.get("ratelimit-policy")], [200, '"key";q=3;w=180']);
    match(headers.get("ratelimit") ?? "", new RegExp(`^"key";r=${left};t=(59|60)$`));
  }
  for (const path of ["/stats", "/messages", "/messages/export", "/senders", "/docs"])
    deepEqual(await seen(fetch(service.url + path, withKey(KEY))), LIMITED, path);
  equal((await fetch(`${service.url}/stats`)).status, 401);
  equal((await post(service.url, body())).status, 200);
  const metrics = await fetch(`${service.url}/metrics`, withKey(KEY));
  deepEqual([metrics.status, metrics.headers.get("ratelimit")], [200, null]);
  equal(series(await metrics.text()).get('rate_limited_total{limit="key"}'), 5);
  const line = await service.line(({ status }) => status === 429);
  deepEqual([line.level, line.limit, line.api_key], ["WARNING", "key", "ADMIN_API_KEY"]);
});

test("wrong API keys past their limit get 429, while a right one passes from the same address, and signatures are counted separately", async () => {
  await using service = await startService({ RATE_LIMIT_FAILED_AUTH: "3/1h", ADMIN_API_KEY: KEY });
  const statuses: number[] = [];
  for (let n = 0; n < 10; n++) {
    statuses.push(
      (await fetch(`${service.url}/stats`, n % 2 === 0 ? withKey(`guess-${n}`) : {})).status,
    );
    equal((await fetch(`${service.url}/stats`, withKey(KEY))).status, 200);
  }
  deepEqual(statuses, [...new Array(3).fill(401), ...new Array(7).fill(429)]);
  const refused = await fetch(`${service.url}/stats`, withKey("guess"));
  deepEqual(
    [refused.headers.get("ratelimit-policy"), refused.headers.get("www-authenticate")],
    ['"failed_key";q=3;w=3600', null],
  );
  deepEqual(await seen(Promise.resolve(refused)), LIMITED);
  equal((await post(service.url, body(), { "x-signature": "ab" })).status, 401);
  equal(await limitedTotal(service, "failed_key"), 8);
});

test("one answer reports several limits", async () => {
  await using service = await startService({
    RATE_LIMIT_PER_IP: "10/1s",
    RATE_LIMIT_PER_SENDER: "5/1s",
  });
  const { status, headers } = await post(service.url, body());
  equal(status, 200);
  equal(headers.get("ratelimit-policy"), '"ip";q=10;w=1, "sender";q=5;w=1');
  equal(headers.get("ratelimit"), '"ip";r=9;t=1, "sender";r=4;t=1');
});
