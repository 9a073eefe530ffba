import { deepEqual, equal, match, notEqual, ok } from "node:assert/strict";
import { connect } from "node:net";
import { after, test } from "node:test";
import { macOf, scrape, series } from "../support/client.ts";
import type { ReceivedSpan } from "../support/otlp-decode.ts";
import { startOtlpReceiver } from "../support/otlp-receiver.ts";
import { body, post, type Service, startService } from "../support/service.ts";
import { otherUserOf, testedDatabase } from "../support/tested-store.ts";

const SOON = { OTEL_BSP_SCHEDULE_DELAY: "20" };
const PARENT = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331" };
const TRACEPARENT = `00-${PARENT.traceId}-${PARENT.spanId}-01`;
const OK = { code: 0, message: "" };

const receiver = await startOtlpReceiver();
const service = await startService({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, ...SOON });
after(async () => {
  await service[Symbol.asyncDispose]();
  await receiver[Symbol.asyncDispose]();
});

const isServer = ({ kind }: ReceivedSpan) => kind === 2;
const idOf = ({ attributes }: ReceivedSpan) => attributes["lyftr.request_id"];
const partsOf = (spans: readonly ReceivedSpan[], whole: ReceivedSpan) =>
  spans.filter(({ parentSpanId }) => parentSpanId === whole.spanId);

/** The span of a request, with its parts by name. */
async function traced(id: string, { spans }: { spans: typeof receiver } = { spans: receiver }) {
  const all = await spans.until((some) => some.some((span) => idOf(span) === id));
  const server = all.find((span) => idOf(span) === id) as ReceivedSpan;
  const parts = partsOf(all, server);
  return {
    all,
    server,
    parts,
    part: (name: string) => parts.find((span) => span.name === name) as ReceivedSpan,
  };
}

function within(inner: ReceivedSpan, outer: ReceivedSpan): void {
  const told = `${inner.name} ${inner.startNs}–${inner.endNs} in ${outer.name} ${outer.startNs}–${outer.endNs}`;
  ok(outer.startNs <= inner.startNs && inner.endNs <= outer.endNs, told);
}

test("a message is a trace of its request, with verify, wait and commit one after the other in it", async () => {
  const beforeNs = BigInt(Date.now()) * 1_000_000n;
  const response = await post(service.url, body({ message_id: "traced" }), {
    "x-request-id": "message",
  });
  equal(response.status, 200);
  const { server, parts, part } = await traced("message");
  equal(server.name, "POST /webhook");
  equal(server.parentSpanId, undefined);
  deepEqual(server.attributes, {
    "http.request.method": "POST",
    "url.scheme": "http",
    "url.path": "/webhook",
    "http.response.status_code": 200,
    "network.protocol.version": "1.1",
    "http.route": "/webhook",
    "lyftr.request_id": "message",
    "lyftr.message_id": "traced",
    "lyftr.result": "created",
  });
  deepEqual(server.status, OK);
  deepEqual(
    parts.map(({ name, traceId, kind, status }) => [name, traceId, kind, status]),
    ["verify", "wait", "commit"].map((name) => [name, server.traceId, 1, OK]),
  );
  deepEqual(part("verify").attributes, { "lyftr.signature_valid": true });
  for (const one of parts) within(one, server);
  ok(part("verify").endNs <= part("wait").startNs);
  equal(part("wait").endNs, part("commit").startNs);
  // The moments are those of the wall clock.
  const off = (ns: bigint) => Math.abs(Number(ns - beforeNs)) / 1_000_000;
  ok(off(server.startNs) < 10_000, `${off(server.startNs)} ms`);
});

test("a commit is linked to its batch, which has its own trace and is linked to its requests", async () => {
  await post(service.url, body({ message_id: "linked" }), { "x-request-id": "linked" });
  const { all, server, part } = await traced("linked");
  const [link] = part("commit").links;
  const batch = all.find(({ spanId }) => spanId === link?.spanId) as ReceivedSpan;
  equal(batch.name, "commit batch");
  equal(batch.traceId, link?.traceId);
  equal(batch.parentSpanId, undefined);
  notEqual(batch.traceId, server.traceId);
  deepEqual(batch.links, [{ traceId: server.traceId, spanId: server.spanId }]);
  deepEqual(batch.attributes, { "lyftr.batch.messages": 1, "lyftr.batch.messages_sampled": 1 });
  deepEqual([batch.startNs, batch.endNs], [part("commit").startNs, part("commit").endNs]);
});

test("the spans name their process", async () => {
  await post(service.url, body(), { "x-request-id": "resource" });
  const { server } = await traced("resource");
  const { "service.instance.id": instance, "service.version": version, ...rest } = server.resource;
  match(String(instance), /^[0-9a-f-]{36}$/);
  match(String(version), /^[0-9]+\.[0-9]+\.[0-9]+/);
  equal(rest["service.name"], "lyftr");
  equal(rest["telemetry.sdk.name"], "opentelemetry");
  equal(server.scope, "lyftr");
  ok(receiver.requests.every(({ path }) => path === "/v1/traces"));
});

test("the answer and the log line name the trace", async () => {
  const response = await post(service.url, body(), { "x-request-id": "named" });
  const { server } = await traced("named");
  equal(response.headers.get("traceparent"), `00-${server.traceId}-${server.spanId}-01`);
  const line = await service.line(({ request_id }) => request_id === "named");
  deepEqual([line.trace_id, line.span_id], [server.traceId, server.spanId]);
});

test("a valid traceparent is continued, with its tracestate", async () => {
  const tracestate = "vendor=value,other=1";
  await post(service.url, body(), {
    "x-request-id": "continued",
    traceparent: TRACEPARENT,
    tracestate,
  });
  const { server, parts } = await traced("continued");
  deepEqual([server.traceId, server.parentSpanId], [PARENT.traceId, PARENT.spanId]);
  equal(server.traceState, tracestate);
  ok(parts.length === 3 && parts.every(({ traceId }) => traceId === PARENT.traceId));
  const line = await service.line(({ request_id }) => request_id === "continued");
  equal(line.trace_id, PARENT.traceId);
});

test("a traceparent of a later version is read as far as it is known", async () => {
  const traceparent = `cc-${PARENT.traceId}-${PARENT.spanId}-01-what-comes-later`;
  await post(service.url, body(), { "x-request-id": "later", traceparent });
  equal((await traced("later")).server.traceId, PARENT.traceId);
});

const INVALID: Readonly<Record<string, string>> = {
  "of a wrong length": `00-${PARENT.traceId}0-${PARENT.spanId}-01`,
  "cut off": TRACEPARENT.slice(0, -1),
  "with something behind it": `${TRACEPARENT}-more`,
  "with a trace of zeros": `00-${"0".repeat(32)}-${PARENT.spanId}-01`,
  "with a span of zeros": `00-${PARENT.traceId}-${"0".repeat(16)}-01`,
  "of version ff": `ff${TRACEPARENT.slice(2)}`,
  "in capital letters": TRACEPARENT.toUpperCase(),
  "that is no hexadecimal": TRACEPARENT.replace("0af7", "0ag7"),
  "that is there twice": `${TRACEPARENT}, ${TRACEPARENT}`,
  "that is empty": "",
};

for (const [what, traceparent] of Object.entries(INVALID)) {
  test(`a traceparent ${what} is ignored: a new trace begins`, async () => {
    const id = what.replaceAll(" ", "-");
    const response = await post(service.url, body(), { "x-request-id": id, traceparent });
    equal(response.status, 200);
    const { server } = await traced(id);
    equal(server.parentSpanId, undefined);
    ok(server.traceId.toLowerCase() !== PARENT.traceId);
  });
}

test("a trace that its sender does not sample is not sent, and is still in the log", async () => {
  const traceparent = `00-${PARENT.traceId.replace("0", "1")}-${PARENT.spanId}-00`;
  const response = await post(service.url, body(), { "x-request-id": "unsampled", traceparent });
  const line = await service.line(({ request_id }) => request_id === "unsampled");
  equal(line.trace_id, traceparent.slice(3, 35));
  equal(response.headers.get("traceparent"), `00-${line.trace_id}-${line.span_id}-00`);
  await post(service.url, body(), { "x-request-id": "after-unsampled" });
  const { all } = await traced("after-unsampled");
  deepEqual(
    all.filter(({ traceId }) => traceId === line.trace_id),
    [],
  );
});

test("a wrong signature is a trace without a message, and not a failure of the service", async () => {
  await post(service.url, body({ message_id: "forged" }), {
    "x-request-id": "forged",
    "x-signature": "0".repeat(64),
  });
  const { server, parts, part } = await traced("forged");
  deepEqual(server.status, OK);
  equal(server.attributes["http.response.status_code"], 401);
  equal(server.attributes["lyftr.result"], "invalid_signature");
  equal(server.attributes["lyftr.message_id"], undefined);
  equal(parts.length, 1);
  deepEqual(part("verify").attributes, { "lyftr.signature_valid": false });
});

test("the trace of a refused message ends after its verification", async () => {
  await post(service.url, "[]", { "x-request-id": "refused" });
  const { server, parts } = await traced("refused");
  deepEqual(server.status, OK);
  deepEqual(
    [server.attributes["http.response.status_code"], server.attributes["lyftr.result"]],
    [422, "validation_error"],
  );
  deepEqual(
    parts.map(({ name }) => name),
    ["verify"],
  );
});

test("a failed commit is an error of the request, and of the part in which it failed", async () => {
  await using database = await testedDatabase();
  await using own = await startService({
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    DATABASE_URL: database.url,
    ...SOON,
  });
  await using other = await otherUserOf(database.url);
  await other.lockWrites();
  const first = post(own.url, body({ message_id: "locked" }), { "x-request-id": "locked" });
  await untilCommitting(own);
  const behind = post(own.url, body({ message_id: "behind" }), { "x-request-id": "behind" });
  deepEqual([(await first).status, (await behind).status], [503, 503]);
  await other.unlockWrites();
  const { all, server, part } = await traced("locked");
  equal(server.status.code, 2);
  equal(server.attributes["error.type"], "503");
  equal(typeof server.attributes["lyftr.error"], "string");
  deepEqual(
    [part("verify").status.code, part("wait").status.code, part("commit").status.code],
    [0, 0, 2],
  );
  const batch = all.find(({ spanId }) => spanId === part("commit").links[0]?.spanId);
  equal(batch?.status.code, 2);
  // The second one had no commit of its own.
  const waited = await traced("behind");
  deepEqual(
    waited.parts.map(({ name, status }) => [name, status.code]),
    [
      ["verify", 0],
      ["wait", 2],
    ],
  );
});

test("the trace of a message whose sender disconnected is complete, with its outcome", async () => {
  await using database = await testedDatabase();
  await using own = await startService({
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    DATABASE_URL: database.url,
    ...SOON,
  });
  await using other = await otherUserOf(database.url);
  await other.lockWrites();
  const sent = connect(own.port, "127.0.0.1");
  const payload = body({ message_id: "gone" });
  const fields = [
    "POST /webhook HTTP/1.1",
    "Host: x",
    "X-Request-Id: gone",
    `X-Signature: ${macOf(payload)}`,
  ];
  sent.write([...fields, `Content-Length: ${payload.length}`, "", payload].join("\r\n"));
  await untilCommitting(own);
  sent.resetAndDestroy();
  await other.unlockWrites();
  const { server, part } = await traced("gone");
  deepEqual(
    [server.attributes["http.response.status_code"], server.attributes["lyftr.message_id"]],
    [499, "gone"],
  );
  deepEqual([server.status, part("commit").status], [OK, OK]);
  within(part("commit"), server);
});

test("no phone number, text, secret, signature or query of a request is in its trace, and an id is cut", async () => {
  const long = "x".repeat(500);
  const secrets = { from: "+919999988888", to: "+14157776666", text: "a text of one's own" };
  await post(service.url, body({ message_id: long, ...secrets }), { "x-request-id": "private" });
  await fetch(`${service.url}/senders/%2B919999988888?q=a-query`, {
    method: "DELETE",
    headers: { "x-request-id": "sender" },
  });
  await fetch(`${service.url}/messages?from=%2B919999988888`, {
    headers: { "x-request-id": "list" },
  });
  const { server } = await traced("private");
  equal(server.attributes["lyftr.message_id"], "x".repeat(128));
  const sender = (await traced("sender")).server;
  deepEqual(
    [sender.name, sender.attributes["url.path"]],
    ["DELETE /senders/:msisdn", "/senders/:msisdn"],
  );
  equal((await traced("list")).server.attributes["url.path"], "/messages");
  const told = JSON.stringify(receiver.spans(), (_key, value) =>
    typeof value === "bigint" ? String(value) : value,
  );
  for (const secret of ["99999", "77766", "text of", "testsecret", "a-query"])
    ok(!told.includes(secret), secret);
});

test("health checks and scrapes are not traced", async () => {
  for (const path of ["/health/live", "/health/ready", "/metrics"]) {
    const response = await fetch(`${service.url}${path}`, {
      headers: { "x-request-id": "watching", traceparent: TRACEPARENT },
    });
    await response.arrayBuffer();
    equal(response.headers.get("traceparent"), null);
  }
  equal((await service.line(({ request_id }) => request_id === "watching")).trace_id, undefined);
});

test("an unknown path has a span without a route", async () => {
  await fetch(`${service.url}/nowhere`, { headers: { "x-request-id": "nowhere" } });
  const { server } = await traced("nowhere");
  equal(server.name, "GET");
  deepEqual(
    [server.attributes["http.route"], server.attributes["http.response.status_code"]],
    [undefined, 404],
  );
});

test("a hundred concurrent messages: each is linked to its batch, and each batch to all of its messages", async () => {
  const own = await startService({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, ...SOON });
  // The first hundred open the connections, so they may arrive one by one.
  await postMany(own, "first", 100);
  await postMany(own, "many", 100);
  await own[Symbol.asyncDispose]();
  const all = receiver
    .spans()
    .filter(({ resource }) => resource["service.instance.id"] === instanceOf("many-0"));
  const servers = all.filter(isServer);
  const batches = all.filter(({ name }) => name === "commit batch");
  equal(servers.length, 200);
  ok(batches.length < 200, `${batches.length} batches`);
  const linked = new Map(
    batches.flatMap((batch) => batch.links.map((link) => [link.spanId, batch.spanId] as const)),
  );
  equal(linked.size, 200);
  for (const server of servers) {
    const [commit] = partsOf(all, server).filter(({ name }) => name === "commit");
    deepEqual(
      commit?.links.map(({ spanId }) => spanId),
      [linked.get(server.spanId)],
    );
  }
});

/** Resolves when a message has been sent to the database and is not stored yet. */
async function untilCommitting({ url }: Service): Promise<void> {
  const ageSeconds = async () => series(await scrape({ url })).get("commit_queue_age_seconds") ?? 0;
  const deadline = performance.now() + 10_000;
  while ((await ageSeconds()) < 0.05)
    ok(performance.now() < deadline, "nothing is being committed");
}

function instanceOf(id: string): unknown {
  return receiver.spans().find((span) => idOf(span) === id)?.resource["service.instance.id"];
}

async function postMany(own: Service, name: string, count: number): Promise<void> {
  const answers = await Promise.all(
    Array.from({ length: count }, (_, at) =>
      post(own.url, body({ message_id: `${name}-${at}` }), { "x-request-id": `${name}-${at}` }),
    ),
  );
  deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
}
