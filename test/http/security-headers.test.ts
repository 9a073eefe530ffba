import { deepEqual, equal, match, ok } from "node:assert/strict";
import { test } from "node:test";
import { exchange, rawRequest } from "../support/raw-http.ts";
import { body, post, startService } from "../support/service.ts";

const ON_ALL = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
};
const RUNS_NOTHING = "default-src 'none'; frame-ancestors 'none'";

function securityOf(headers: Headers): Readonly<Record<string, string | null>> {
  return Object.fromEntries(Object.keys(ON_ALL).map((name) => [name, headers.get(name)]));
}

test("every answer, including refusals and documentation pages, has the security headers", async () => {
  await using service = await startService();
  const get = (path: string, init?: RequestInit) => fetch(`${service.url}${path}`, init);
  const answers: Readonly<Record<string, Response>> = {
    "200 of a webhook": await post(service.url, body()),
    "401": await post(service.url, body(), { "x-signature": "123" }),
    "422": await post(service.url, body({ from: "x" })),
    "413": await post(service.url, "x".repeat(300_000)),
    "415": await post(service.url, body(), { "content-encoding": "br" }),
    messages: await get("/messages"),
    "a message": await get("/messages/m1"),
    export: await get("/messages/export"),
    stats: await get("/stats"),
    timeline: await get("/stats/timeline"),
    senders: await get("/senders"),
    live: await get("/health/live"),
    ready: await get("/health/ready", { method: "HEAD" }),
    metrics: await get("/metrics"),
    "422 of a list": await get("/messages?limit=x"),
    "400 of a cursor": await get("/messages?cursor=x"),
    "404": await get("/nowhere"),
    "404 of a message": await get("/messages/nothing"),
    "404 of a broken escape": await get("/messages/%ff"),
    "405": await get("/stats", { method: "DELETE" }),
    OPTIONS: await get("/stats", { method: "OPTIONS" }),
    openapi: await get("/openapi.json"),
  };
  for (const [name, { headers }] of Object.entries(answers)) {
    deepEqual(securityOf(headers), ON_ALL, name);
    equal(headers.get("content-security-policy"), RUNS_NOTHING, name);
    equal(headers.get("server"), null, name);
    equal(headers.get("x-powered-by"), null, name);
    equal(headers.get("access-control-allow-origin"), null, name);
  }
  for (const page of [
    "/docs",
    "/docs/static/swagger-ui.css",
    "/docs/static/swagger-ui-bundle.js",
  ]) {
    const { headers, status } = await get(page);
    equal(status, 200, page);
    deepEqual(securityOf(headers), ON_ALL, page);
    match(
      headers.get("content-security-policy") ?? "",
      /^default-src 'self'.*frame-ancestors 'none'/,
      page,
    );
  }
});

test("no cache keeps an answer with messages or figures, unless its route says how", async () => {
  await using service = await startService();
  await post(service.url, body());
  for (const path of [
    "/messages",
    "/messages/m1",
    "/messages/export",
    "/messages?limit=x",
    "/stats",
    "/stats/timeline",
    "/senders",
    "/nowhere",
  ]) {
    const { headers } = await fetch(`${service.url}${path}`);
    match(headers.get("cache-control") ?? "", /^(no-store|private, no-cache)$/, path);
  }
});

test("refusals of bytes that are not a request have the headers too", async () => {
  await using service = await startService();
  for (const bytes of [
    "nonsense\r\n\r\n",
    rawRequest("CONNECT localhost:80 HTTP/1.1", ["Host: x"]),
  ]) {
    const { answers } = await exchange(service.port, bytes);
    equal(answers.length, 1);
    for (const [name, value] of Object.entries({
      ...ON_ALL,
      "content-security-policy": RUNS_NOTHING,
    }))
      deepEqual(answers[0]?.headers.get(name), [value], name);
    ok(answers[0]?.headers.get("connection")?.includes("close"));
  }
});
