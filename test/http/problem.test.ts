import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { after, test } from "node:test";
import type { Route } from "../../src/http/route.ts";
import { bareServer } from "../support/bare-server.ts";
import { json, seen } from "../support/client.ts";
import { exchange, rawRequest } from "../support/raw-http.ts";
import { body, post, startService } from "../support/service.ts";

const PROBLEM = "application/problem+json";
const NOT_FOUND = json(404, { detail: "Not Found" });
const NOT_ALLOWED = json(405, { detail: "Method Not Allowed" });

const service = await startService();
after(() => service[Symbol.asyncDispose]());

/** Every refusal that a client can cause, and how. */
const REFUSALS: readonly (readonly [
  name: string,
  status: number,
  send: (url: string, headers: Record<string, string>) => Promise<Response>,
])[] = [
  [
    "an invalid signature",
    401,
    (url, headers) => post(url, body(), { ...headers, "x-signature": "123" }),
  ],
  ["a body that is too large", 413, (url, headers) => post(url, "x".repeat(300_000), headers)],
  [
    "a content encoding",
    415,
    (url, headers) => post(url, body(), { ...headers, "content-encoding": "gzip" }),
  ],
  ["a wrong body", 422, (url, headers) => post(url, body({ from: 1, text: 2 }), headers)],
  ["a body that is no JSON", 422, (url, headers) => post(url, "{", headers)],
  ["a wrong query", 422, (url, headers) => fetch(`${url}/messages?limit=a&since=b`, { headers })],
  ["an invalid cursor", 400, (url, headers) => fetch(`${url}/messages?cursor=x`, { headers })],
  ["an unknown message", 404, (url, headers) => fetch(`${url}/messages/nothing`, { headers })],
  [
    "a wrong export",
    422,
    (url, headers) => fetch(`${url}/messages/export?format=xml`, { headers }),
  ],
  [
    "a wrong timeline",
    422,
    (url, headers) => fetch(`${url}/stats/timeline?bucket=week`, { headers }),
  ],
  [
    "a senders' invalid cursor",
    400,
    (url, headers) => fetch(`${url}/senders?cursor=x`, { headers }),
  ],
  ["an unknown path", 404, (url, headers) => fetch(`${url}/nowhere`, { headers })],
  ["a wrong method", 405, (url, headers) => fetch(`${url}/webhook`, { headers })],
];

for (const [name, status, send] of REFUSALS) {
  test(`${name} is in the form of RFC 9457 for a client that asks for it, and unchanged for others`, async () => {
    const plain = await seen(send(service.url, {}));
    deepEqual([plain.status, plain.type], [status, "application/json"]);
    equal(plain.text, JSON.stringify(JSON.parse(plain.text)), "compact");
    deepEqual(Object.keys(JSON.parse(plain.text)), ["detail"]);
    const told = await seen(send(service.url, { accept: PROBLEM }));
    deepEqual([told.status, told.type], [status, PROBLEM]);
    equal(told.text, JSON.stringify(JSON.parse(told.text)), "compact");
    const problem = JSON.parse(told.text);
    for (const key of ["type", "title", "detail"])
      ok(typeof problem[key] === "string" && problem[key] !== "", `${key} of ${told.text}`);
    equal(problem.status, status);
    const { detail } = JSON.parse(plain.text);
    if (Array.isArray(detail)) deepEqual(problem.errors, detail);
    else deepEqual([problem.detail, problem.errors], [detail, undefined]);
    for (const accept of ["application/json", "*/*", "text/html", "text/plain;q=0.5", "", ";;;"]) {
      deepEqual(await seen(send(service.url, { accept })), plain, accept);
    }
  });
}

test("a service that is not ready uses RFC 9457 too", async () => {
  await using unready = await startService({ WEBHOOK_SECRET: "" });
  const told = await seen(fetch(`${unready.url}/health/ready`, { headers: { accept: PROBLEM } }));
  deepEqual([told.status, told.type], [503, PROBLEM]);
  const { status, detail } = JSON.parse(told.text);
  deepEqual([status, detail], [503, "WEBHOOK_SECRET not configured"]);
});

test("a success is the same whatever a client accepts", async () => {
  const send = [
    (accept: string) => post(service.url, body(), { accept }),
    (accept: string) => fetch(`${service.url}/messages`, { headers: { accept } }),
    (accept: string) => fetch(`${service.url}/stats`, { headers: { accept } }),
    (accept: string) => fetch(`${service.url}/health/ready`, { headers: { accept } }),
  ];
  for (const one of send) {
    const plain = await seen(one("application/json"));
    equal(plain.status, 200);
    for (const accept of [PROBLEM, "text/html", "image/png", "nonsense"])
      deepEqual(await seen(one(accept)), plain, accept);
  }
});

test("an unknown path is 404, whatever its method and spelling", async () => {
  for (const path of [
    "/",
    "/nowhere",
    "/webhooks",
    "/web",
    "/messages/1/2",
    "/messages//",
    "/health",
    "/.env",
    "/messages%2F",
    "/%00",
    "/%ff",
    "/a%2e%2e/b",
    "/__proto__",
    `/${"x".repeat(5_000)}`,
  ]) {
    for (const method of ["GET", "POST", "PUT", "DELETE", "PATCH"]) {
      deepEqual(
        await seen(fetch(service.url + path, { method })),
        NOT_FOUND,
        `${method} ${path.slice(0, 40)}`,
      );
    }
    const head = await fetch(service.url + path, { method: "HEAD" });
    deepEqual([head.status, await head.text()], [404, ""], `HEAD ${path.slice(0, 40)}`);
  }
});

const GET_ROUTES = [
  "/messages",
  "/messages/export",
  "/messages/m1",
  "/messages/%2F%3F%23%20",
  "/stats",
  "/stats/timeline",
  "/senders",
  "/health/live",
  "/health/ready",
  "/healthz",
  "/livez",
  "/readyz",
  "/metrics",
  "/openapi.json",
];

test("a known path with another method is 405 and lists the allowed ones", async () => {
  const cases = [
    ...["GET", "HEAD", "PUT", "DELETE", "PATCH"].map((method) => ["/webhook", method] as const),
    ...GET_ROUTES.flatMap((path) =>
      ["POST", "PUT", "DELETE", "PATCH"].map((method) => [path, method] as const),
    ),
  ];
  for (const [path, method] of cases) {
    const response = await fetch(`${service.url}${path}?a=b`, { method });
    const allowed = (response.headers.get("allow") ?? "").split(",").map((name) => name.trim());
    if (path === "/webhook") deepEqual(allowed, ["POST"], `${method} ${path}`);
    else ok(allowed.includes("GET") && !allowed.includes(method), `${method} ${path}: ${allowed}`);
    if (method === "HEAD") equal(response.status, 405);
    else deepEqual(await seen(Promise.resolve(response)), NOT_ALLOWED, `${method} ${path}`);
  }
});

test("the method is refused before the length and the signature are checked", async () => {
  const { answers } = await exchange(
    service.port,
    rawRequest("GET /webhook HTTP/1.1", ["Host: x", "Connection: close"]),
  );
  deepEqual(
    answers.map(({ status, body: text, headers }) => [status, text, headers.get("allow")]),
    [[405, NOT_ALLOWED.text, ["POST"]]],
  );
  const large = await seen(
    fetch(`${service.url}/webhook`, { method: "PUT", body: "x".repeat(300_000) }),
  );
  deepEqual(large, NOT_ALLOWED);
  deepEqual(
    await seen(fetch(`${service.url}/nowhere`, { method: "POST", body: "x".repeat(300_000) })),
    NOT_FOUND,
  );
});

test("HEAD works wherever GET does", async () => {
  for (const message_id of ["m1", "/?# "])
    equal((await post(service.url, body({ message_id }))).status, 200);
  for (const path of [...GET_ROUTES, "/docs"]) {
    const get = await fetch(service.url + path);
    await get.arrayBuffer();
    const head = await fetch(service.url + path, { method: "HEAD" });
    deepEqual(
      [head.status, head.headers.get("content-type"), await head.text()],
      [200, get.headers.get("content-type"), ""],
      path,
    );
  }
});

test("an answer never shows its software or a stack trace", async () => {
  for (const [name, , send] of REFUSALS) {
    for (const accept of ["*/*", PROBLEM]) {
      const response = await send(service.url, { accept });
      equal(response.headers.get("server"), null);
      equal(response.headers.get("x-powered-by"), null);
      const text = await response.text();
      ok(
        !/node_modules|\.ts\b|\.js\b|at .*:[0-9]+:[0-9]+|fastify|FST_|SQLITE/i.test(text),
        `${name}: ${text}`,
      );
    }
  }
});

test("a reply that cannot be written ends its own request, with a 500 in the log, and the service continues", async () => {
  const route: Route = {
    method: "GET",
    path: "/broken",
    access: "open",
    handle: () => ({ status: 200, headers: { link: "a\nb" }, body: "{}" }),
  };
  await using server = await bareServer({ routes: [route] });
  await rejects(fetch(`${server.url}/broken`));
  equal((await fetch(`${server.url}/other`)).status, 404);
  const line = server.lines.find(({ path }) => path === "/broken");
  deepEqual([line?.status, line?.level, line?.error], [500, "ERROR", "TypeError"]);
});
