import { deepEqual, equal, match, ok } from "node:assert/strict";
import { Agent, METHODS, request } from "node:http";
import { after, test } from "node:test";
import { createMetrics } from "../../src/observe/metrics.ts";
import { bareServer } from "../support/bare-server.ts";
import { labelsOf, scrape, series } from "../support/client.ts";
import { propertyRuns } from "../support/property-runs.ts";
import { body, post, type Service, startService } from "../support/service.ts";

const RESULTS = [
  "created",
  "duplicate",
  "invalid_signature",
  "validation_error",
  "too_large",
  "unsupported",
  "rate_limited",
  "unavailable",
  "error",
];
const ROUTES = [
  "/webhook",
  "/messages",
  "/messages/export",
  "/messages/nothing",
  "/stats",
  "/stats/timeline",
  "/senders",
  "/health/live",
  "/health/ready",
  "/metrics",
];

// Tests of counters share this service and compare with the counts before them. Tests of a service
// that has answered nothing yet, or of every series that it has, start their own.
const shared = await startService();
after(() => shared[Symbol.asyncDispose]());

const result = (name: string) => `webhook_requests_total{result="${name}"}`;

/** The series whose labels could depend on a request: all except those of the runtime. */
function requestSeries(exposition: string): readonly string[] {
  return [...series(exposition).keys()].filter((name) => !/^(nodejs|process)_/.test(name)).sort();
}

/** The first scrape of a service that has answered nothing else. */
const firstScrape = await scrape(shared);

test("the counters of a service's errors exist before the first error", () => {
  const counters = series(firstScrape);
  for (const status of ["200", "500", "503"])
    equal(counters.get(`http_requests_total{method="POST",path="/webhook",status="${status}"}`), 0);
});

test("metrics are Prometheus text 0.0.4 with HELP and TYPE for every family", async () => {
  const response = await fetch(`${shared.url}/metrics`);
  equal(response.status, 200);
  match(
    response.headers.get("content-type") ?? "",
    /^text\/plain; ?version=0\.0\.4(; ?charset=utf-8)?$/,
  );
  const text = await response.text();
  ok(text.endsWith("\n"));
  const families = new Map<string, string>();
  const helped = new Set<string>();
  for (const line of text.split("\n")) {
    const [, kind, name = "", rest = ""] =
      /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/.exec(line) ?? [];
    if (kind === "TYPE") {
      match(rest, /^(counter|gauge|histogram|summary|untyped)$/);
      ok(!families.has(name), `two TYPE lines of ${name}`);
      families.set(name, rest);
    } else if (kind === "HELP") helped.add(name);
    else if (line !== "")
      match(
        line,
        /^[a-zA-Z_:][a-zA-Z0-9_:]*(\{([a-zA-Z_][a-zA-Z0-9_]*="([^"\\\n]|\\["\\n])*",?)+\})? ([-+]?[0-9.]+(e[-+]?[0-9]+)?|NaN|[-+]Inf)$/i,
      );
  }
  deepEqual(new Set(families.keys()), helped);
  for (const name of series(text).keys()) {
    const plain = name.replace(/\{.*/, "");
    ok(
      families.has(plain) || families.has(plain.replace(/_(bucket|sum|count)$/, "")),
      `${name} has a TYPE`,
    );
  }
  equal(families.get("webhook_requests_total"), "counter");
  equal(families.get("http_requests_total"), "counter");
  equal(families.get("webhook_conflicts_total"), "counter");
  equal(families.get("request_latency_ms"), "histogram");
});

test("the first scrape shows every result at 0, and both counters within its first ten lines", () => {
  const samples = series(firstScrape);
  for (const name of RESULTS) equal(samples.get(result(name)), 0, name);
  deepEqual(
    [...samples.keys()].filter((name) => name.startsWith("webhook_requests_total")).length,
    RESULTS.length,
  );
  const head = [...series(firstScrape.split("\n").slice(0, 10).join("\n")).keys()];
  ok(
    head.some((name) => name.startsWith("webhook_requests_total{")),
    "webhook_requests_total",
  );
  ok(
    head.some((name) => name.startsWith("http_requests_total{")),
    "http_requests_total",
  );
});

test("counts are integers without .0", async () => {
  const before = series(await scrape(shared)).get(result("created")) ?? Number.NaN;
  await post(shared.url, body());
  const text = await scrape(shared);
  ok(text.includes(`\n${result("created")} ${before + 1}\n`));
  for (const line of text.split("\n")) ok(!/^[^#].* [0-9]+\.0+$/.test(line), line);
});

test("every result of a webhook is counted under its own name", async () => {
  const before = series(await scrape(shared));
  const message = { message_id: "results" };
  await post(shared.url, body(message));
  await post(shared.url, body(message));
  await post(shared.url, body({ ...message, text: "Other" }));
  await post(shared.url, body(message), { "x-signature": "123" });
  await post(shared.url, body(message), { "x-signature": "" });
  await post(shared.url, "null");
  await post(shared.url, "\0");
  await post(shared.url, body({ ...message, from: "1" }));
  await post(shared.url, "x".repeat(300_000));
  await post(shared.url, body(message), { "content-encoding": "br" });
  await fetch(`${shared.url}/webhook`);
  const samples = series(await scrape(shared));
  const counted = (name: string) => (samples.get(name) ?? Number.NaN) - (before.get(name) ?? 0);
  const counts = {
    created: 1,
    duplicate: 2,
    invalid_signature: 2,
    validation_error: 3,
    too_large: 1,
    unsupported: 1,
    rate_limited: 0,
    unavailable: 0,
    error: 0,
  };
  deepEqual(Object.fromEntries(RESULTS.map((name) => [name, counted(result(name))])), counts);
  equal(counted("webhook_conflicts_total"), 1);
});

test("requests are counted by method, template and status, and unknown paths as unmatched", async () => {
  const before = series(await scrape(shared));
  await fetch(`${shared.url}/messages?limit=5&secret=1`);
  await fetch(`${shared.url}/messages?limit=x`);
  await fetch(`${shared.url}/messages?limit=y`);
  await fetch(`${shared.url}/health/live`, { method: "HEAD" });
  await fetch(`${shared.url}/nowhere/919876543210`);
  await fetch(`${shared.url}/elsewhere`);
  await fetch(`${shared.url}/messages/own-id`);
  await fetch(`${shared.url}/messages/own-id`, { method: "DELETE" });
  await fetch(`${shared.url}/messages/%ff`);
  await (await fetch(`${shared.url}/messages/export?q=own-words`)).text();
  await post(shared.url, body());
  const now = series(await scrape(shared));
  const counted = (method: string, path: string, status: string) => {
    const wanted = { method, path, status };
    const name = [...now.keys()].find(
      (one) => one.startsWith("http_requests_total{") && sameLabels(labelsOf(one), wanted),
    );
    return name === undefined ? 0 : (now.get(name) ?? 0) - (before.get(name) ?? 0);
  };
  equal(counted("GET", "/messages", "200"), 1);
  equal(counted("GET", "/messages", "422"), 2);
  equal(counted("GET", "unmatched", "404"), 2);
  equal(counted("GET", "/messages/:message_id", "404"), 2);
  equal(counted("DELETE", "/messages/:message_id", "405"), 1);
  equal(counted("GET", "/messages/export", "200"), 1);
  equal(counted("POST", "/webhook", "200"), 1);
  equal(counted("HEAD", "/health/live", "200"), 1);
  for (const name of now.keys()) {
    if (!name.startsWith("http_requests_total")) continue;
    deepEqual(Object.keys(labelsOf(name)).sort(), ["method", "path", "status"]);
  }
});

test("latency is a histogram by template with buckets of 100, 500 and infinity", async () => {
  const before = series(await scrape(shared));
  for (let at = 0; at < 3; at += 1) await fetch(`${shared.url}/stats`);
  await post(shared.url, body());
  const samples = series(await scrape(shared));
  const of = (kind: string, wanted: Readonly<Record<string, string>>) => {
    const name = [...samples.keys()].find(
      (one) => one.startsWith(`request_latency_ms_${kind}{`) && sameLabels(labelsOf(one), wanted),
    );
    return name === undefined ? undefined : (samples.get(name) ?? 0) - (before.get(name) ?? 0);
  };
  for (const [path, count] of [
    ["/stats", 3],
    ["/webhook", 1],
  ] as const) {
    for (const le of ["100", "500"]) ok((of("bucket", { path, le }) ?? -1) >= 0, `${path} ${le}`);
    equal(of("bucket", { path, le: "+Inf" }), count);
    equal(of("count", { path }), count);
    ok((of("sum", { path }) ?? 0) > 0);
    const buckets = [...samples].filter(
      ([name]) => name.startsWith("request_latency_ms_bucket{") && labelsOf(name).path === path,
    );
    const counts = buckets
      .map(
        ([name, value]) => [Number(labelsOf(name).le?.replace("+Inf", "Infinity")), value] as const,
      )
      .sort(([a], [b]) => a - b);
    for (const [at, [, value]] of counts.entries())
      ok(value >= (counts[at - 1]?.[1] ?? 0), "cumulative");
  }
});

test("two thousand random paths and methods add no series and appear in no label", {
  timeout: 30_000,
}, async () => {
  await using service = await startService();
  using agent = agentOf(16);
  // CONNECT and upgrades are not requests for a resource; the framing tests send them.
  const methods = METHODS.filter((method) => method !== "CONNECT");
  const send = (method: string, path: string) =>
    new Promise<number>((resolve, reject) => {
      const headers = method === "POST" ? { "x-request-id": `random-${path.length}` } : {};
      const sent = request(
        {
          host: "127.0.0.1",
          port: service.port,
          agent: agent.agent,
          method,
          path,
          headers,
          timeout: 10_000,
        },
        (response) => response.resume().on("end", () => resolve(response.statusCode ?? 0)),
      );
      sent.on("timeout", () => sent.destroy(new Error("no answer"))).on("error", reject);
      sent.end();
    });
  // Every possible status of a method on and beside the routes, so that fixed series exist before
  // the count.
  for (const path of [
    ...ROUTES,
    "/docs",
    "/openapi.json",
    "/healthz",
    "/livez",
    "/readyz",
    "/nowhere",
  ]) {
    for (const method of methods) await send(method, path);
  }
  await scrape(service);
  const before = requestSeries(await scrape(service));
  const random = generator(20_250_115);
  const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)] as T;
  const word = () => `zz${Math.floor(random() * 2 ** 32).toString(36)}`;
  const paths = Array.from({ length: propertyRuns(2_000) }, () =>
    pick([
      `/${word()}`,
      `/${word()}/${word()}`,
      `/messages/${word()}`,
      `/messages/%${word()}`,
      `/messages/${word()}/${word()}`,
      `/messages/export?${word()}`,
      `/health/${word()}`,
      `/docs/${word()}`,
      `/webhook/${word()}`,
      `/${word()}?${word()}=${word()}`,
      `/%${word()}`,
      `/stats?${word()}`,
    ]),
  );
  for (let at = 0; at < paths.length; at += 100) {
    const statuses = await Promise.all(
      paths.slice(at, at + 100).map((path) => send(pick(methods), path)),
    );
    for (const status of statuses) ok(status < 500, `${status}`);
  }
  const text = await scrape(service);
  deepEqual(requestSeries(text), before);
  ok(!text.includes("zz"), "no label holds anything of a path");
  ok(before.length < 1_500, `${before.length} series`);
});

test("ids, numbers, texts and the secret never appear in the metrics", async () => {
  await post(shared.url, body({ message_id: "very-own-id", text: "very-own-text" }));
  await post(shared.url, body({ message_id: "very-own-id", from: "nonsense-number" }), {
    "x-request-id": "very-own-request",
  });
  await fetch(`${shared.url}/messages?q=very-own-query&from=919876543210`);
  await fetch(`${shared.url}/messages/very-own-id?source=very-own-source`);
  await fetch(`${shared.url}/messages/export?q=very-own-query&format=very-own-format`);
  await fetch(`${shared.url}/stats/timeline?from=919876543210&bucket=very-own-bucket`);
  equal((await fetch(`${shared.url}/messages/very-own-id`)).status, 200);
  const text = await scrape(shared);
  for (const word of ["very-own", "nonsense", "919876543210", "14155550100", "testsecret"])
    ok(!text.includes(word), word);
});

test("operators find batch size, commit time, queue, database size, event-loop delay and the build", async () => {
  await post(shared.url, body());
  const text = await scrape(shared);
  for (const pattern of [
    /batch/,
    /commit.*_seconds/,
    /queue/,
    /(database|db).*_bytes/,
    /event_?loop.*_seconds/,
    /build_info/,
  ]) {
    ok(
      [...series(text).keys()].some((name) => pattern.test(name.replace(/\{.*/, ""))),
      `${pattern}`,
    );
  }
});

function sameLabels(
  labels: Readonly<Record<string, string>>,
  wanted: Readonly<Record<string, string>>,
): boolean {
  return (
    Object.keys(labels).length === Object.keys(wanted).length &&
    Object.entries(wanted).every(([name, value]) => labels[name] === value)
  );
}

/** A keep-alive agent that closes its sockets at the end of its block. */
function agentOf(maxSockets: number): { readonly agent: Agent; [Symbol.dispose](): void } {
  const agent = new Agent({ keepAlive: true, maxSockets });
  return { agent, [Symbol.dispose]: () => agent.destroy() };
}

/** Mulberry32: the same numbers for the same seed. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

test("stored messages are counted by source: new ones and duplicates, not refused ones", async () => {
  const received = async () =>
    series(await scrape(shared)).get('messages_received_total{source="native"}') ?? Number.NaN;
  const before = await received();
  equal((await post(shared.url, body({ message_id: "source a" }))).status, 200);
  equal((await post(shared.url, body({ message_id: "source a" }))).status, 200);
  equal(
    (await post(shared.url, body({ message_id: "source b" }), { "x-signature": "123" })).status,
    401,
  );
  equal((await post(shared.url, body({ from: "b" }))).status, 422);
  equal(await received(), before + 2);
});

test("service_ready agrees with /health/ready", async () => {
  const ready = async (service: Service) => series(await scrape(service)).get("service_ready");
  equal(await ready(shared), 1);
  await using unready = await startService({ WEBHOOK_SECRET: "" });
  equal(await ready(unready), 0);
});

test("the free disk space is reported for a file, and not for a server", async () => {
  const samples = series(await scrape(shared));
  const [free, size] = [
    samples.get("database_disk_free_bytes"),
    samples.get("database_disk_size_bytes"),
  ];
  if (process.env.TEST_STORE === undefined || process.env.TEST_STORE === "sqlite") {
    ok(free !== undefined && size !== undefined && free > 0 && free <= size, `${free} of ${size}`);
  } else {
    deepEqual([free, size], [undefined, undefined]);
  }
});

test("a flood of scrapes renders once a second, and all of them and concurrent webhooks are answered", async () => {
  let renders = 0;
  const metrics = createMetrics({ version: "0", node: "0" });
  const startMs = performance.now();
  await using server = await bareServer({
    metrics: {
      ...metrics,
      render: async () => {
        renders++;
        return metrics.render();
      },
    },
  });
  const asks = Array.from(
    { length: 400 },
    async () => (await fetch(`${server.url}/metrics`)).status,
  );
  deepEqual(new Set(await Promise.all(asks)), new Set([200]));
  const seconds = (performance.now() - startMs) / 1_000;
  ok(renders <= 4 + Math.ceil(seconds), `${renders} renders in ${seconds} s`);
});
