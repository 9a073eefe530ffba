import { deepEqual, equal } from "node:assert/strict";
import { after, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { json, type Seen, seen } from "../support/client.ts";
import { RawConnection, rawRequest } from "../support/raw-http.ts";
import { body, post, type Service, startService } from "../support/service.ts";
import { otherUserOf } from "../support/tested-store.ts";

const ALIVE = json(200, { status: "alive" });
const READY = json(200, { status: "ready" });
const WAIT_MS_MAX = 5_000;

const service = await startService();
after(() => service[Symbol.asyncDispose]());
/** A service without a secret. */
const unready = await startService({ WEBHOOK_SECRET: "" });
after(() => unready[Symbol.asyncDispose]());

test("a service with a secret and a database is alive and ready", async () => {
  deepEqual(await seen(fetch(`${service.url}/health/live`)), ALIVE);
  deepEqual(await seen(fetch(`${service.url}/health/ready`)), READY);
});

test("/livez is /health/live, /readyz is /health/ready, and /healthz reports health", async () => {
  deepEqual(await seen(fetch(`${service.url}/livez`)), ALIVE);
  deepEqual(await seen(fetch(`${service.url}/readyz`)), READY);
  equal((await fetch(`${service.url}/healthz`)).status, 200);
  deepEqual(await seen(fetch(`${unready.url}/livez`)), ALIVE);
  deepEqual(
    await seen(fetch(`${unready.url}/readyz`)),
    json(503, { detail: "WEBHOOK_SECRET not configured" }),
  );
});

test("HEAD works on both health routes and their aliases", async () => {
  for (const path of ["/health/live", "/health/ready", "/healthz", "/livez", "/readyz"]) {
    const response = await fetch(service.url + path, { method: "HEAD" });
    deepEqual(
      [response.status, response.headers.get("content-type"), await response.text()],
      [200, "application/json", ""],
      path,
    );
  }
  equal((await fetch(`${unready.url}/health/live`, { method: "HEAD" })).status, 200);
  equal((await fetch(`${unready.url}/health/ready`, { method: "HEAD" })).status, 503);
});

test("HEAD leaves the connection usable", async () => {
  await using connection = await RawConnection.open(service.port);
  const head = rawRequest("HEAD /health/ready HTTP/1.1", ["Host: x"]);
  await connection.write(Buffer.concat([head, head, head]));
  deepEqual(
    (await connection.answered(3, { head: true })).map(({ status }) => status),
    [200, 200, 200],
  );
});

test("a service without a secret is alive and not ready", async () => {
  deepEqual(await seen(fetch(`${unready.url}/health/live`)), ALIVE);
  deepEqual(
    await seen(fetch(`${unready.url}/health/ready`)),
    json(503, { detail: "WEBHOOK_SECRET not configured" }),
  );
});

test("readiness checks the schema: without its table the service is alive and, within seconds, not ready", async () => {
  await using own = await startService();
  deepEqual(await seen(fetch(`${own.url}/health/ready`)), READY);
  await using other = await otherUserOf(own.databaseUrl);
  const table = own.databaseUrl.startsWith("sqlite") ? "lyftr_messages" : "messages";
  await other.exec(`ALTER TABLE ${table} RENAME TO gone`);
  for (const path of ["/messages?limit=1", "/messages?q=x", "/stats", "/messages/m1"])
    equal((await fetch(own.url + path)).status, 503, path);
  deepEqual(await readinessOtherThan(200, own), json(503, { detail: "database not ready" }));
  deepEqual(await seen(fetch(`${own.url}/health/live`)), ALIVE);
  await other.exec(`ALTER TABLE gone RENAME TO ${table}`);
  deepEqual(await readinessOtherThan(503, own), READY);
});

/** Repeats until the answer differs, because it is cached. */
async function readinessOtherThan(status: number, { url }: Service): Promise<Seen> {
  const deadline = Date.now() + WAIT_MS_MAX;
  for (;;) {
    const told = await seen(fetch(`${url}/health/ready`));
    if (told.status !== status || Date.now() > deadline) return told;
    await setTimeout(20);
  }
}

test("a service that shuts down says so on a connection that it still serves", async () => {
  const own = await startService();
  await using slow = await RawConnection.open(own.port);
  const payload = body();
  const headers = [
    "Host: x",
    `X-Signature: ${"0".repeat(64)}`,
    `Content-Length: ${payload.length}`,
  ];
  await slow.write(rawRequest("POST /webhook HTTP/1.1", headers, payload.slice(0, 10)));
  await using asking = await RawConnection.open(own.port);
  await asking.write("GET /health/ready HTTP/1.1\r\nHost: x\r\n");
  await seen(fetch(`${own.url}/health/live`));
  const closed = own[Symbol.asyncDispose]();
  await asking.write("\r\n");
  const [answer] = await asking.answered(1);
  deepEqual([answer?.status, answer?.body], [503, '{"detail":"shutting down"}']);
  await slow.write(payload.slice(10));
  equal((await slow.answered(1))[0]?.status, 401);
  await closed;
});

test("health routes accept no POST, and a webhook does not affect them", async () => {
  equal((await fetch(`${service.url}/health/live`, { method: "POST", body: "{}" })).status, 405);
  equal((await post(service.url, body())).status, 200);
  deepEqual(await seen(fetch(`${service.url}/health/live?a=b&%ff`)), ALIVE);
});
