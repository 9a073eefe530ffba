import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { listMessages } from "../support/client.ts";
import { body, post, startService } from "../support/service.ts";

const LISTED = "https://dashboard.example";
const ORIGINS = { CORS_ORIGINS: `https://first.example, ${LISTED}` };
const PREFLIGHT = {
  "access-control-request-method": "GET",
  "access-control-request-headers": "authorization",
};
const READS = [
  "/messages",
  "/messages/m1",
  "/messages/export",
  "/stats",
  "/stats/timeline",
  "/senders",
];

/** The CORS headers of an answer. */
function corsOf({ headers }: Response): Readonly<Record<string, string>> {
  return Object.fromEntries([...headers].filter(([name]) => /^(access-control-|vary$)/.test(name)));
}

test("without CORS_ORIGINS no answer has CORS headers, and OPTIONS is 405", async () => {
  await using service = await startService();
  for (const path of [...READS, "/webhook", "/nowhere"]) {
    const plain = await fetch(service.url + path, { headers: { origin: LISTED } });
    const preflight = await fetch(service.url + path, {
      method: "OPTIONS",
      headers: { origin: LISTED, ...PREFLIGHT },
    });
    deepEqual([corsOf(plain), corsOf(preflight)], [{}, {}], path);
    equal(preflight.status, path === "/nowhere" ? 404 : 405, path);
  }
});

test("a page of a listed origin may read answers and errors, and sees the headers it needs", async () => {
  await using service = await startService(ORIGINS);
  await post(service.url, body());
  for (const path of [...READS, "/messages?limit=x", "/nowhere", "/%zz", "/messages/nothing"]) {
    const answer = await fetch(service.url + path, { headers: { origin: LISTED } });
    deepEqual(
      corsOf(answer),
      {
        "access-control-allow-origin": LISTED,
        "access-control-expose-headers":
          "ETag, Link, RateLimit, RateLimit-Policy, Retry-After, Traceparent, X-Read-Auth, X-Request-Id",
        vary: "Origin",
      },
      path,
    );
  }
});

test("an origin that is not listed gets no CORS headers, however similar it looks, and the same answer", async () => {
  await using service = await startService(ORIGINS);
  const expected = await (await fetch(`${service.url}/stats`)).text();
  for (const origin of [
    "https://evil.example",
    `${LISTED}.evil.example`,
    LISTED.toUpperCase(),
    `${LISTED}:443`,
    `${LISTED}/`,
    "http://dashboard.example",
    "null",
    "*",
    `${LISTED}, https://first.example`,
    "constructor",
  ]) {
    const answer = await fetch(`${service.url}/stats`, { headers: { origin } });
    deepEqual([corsOf(answer), await answer.text()], [{ vary: "Origin" }, expected], origin);
    const preflight = await fetch(`${service.url}/stats`, {
      method: "OPTIONS",
      headers: { origin, ...PREFLIGHT },
    });
    deepEqual([preflight.status, corsOf(preflight)], [405, { vary: "Origin" }], origin);
  }
});

test("a preflight of a listed origin is answered on every route but /webhook, with its methods, and has no effect", async () => {
  await using service = await startService(ORIGINS);
  await post(service.url, body());
  const ask = (path: string, method: string) =>
    fetch(service.url + path, {
      method: "OPTIONS",
      headers: { origin: LISTED, ...PREFLIGHT, "access-control-request-method": method },
    });
  for (const path of READS) {
    const answer = await ask(path, "GET");
    const methods = answer.headers.get("access-control-allow-methods")?.split(", ") ?? [];
    ok(methods.includes("GET") && methods.includes("HEAD"), path);
    deepEqual(
      [answer.status, await answer.text(), answer.headers.get("access-control-allow-origin")],
      [204, "", LISTED],
      path,
    );
    equal(
      answer.headers.get("access-control-allow-headers"),
      "Authorization, Content-Type, If-None-Match, Traceparent, Tracestate, X-Request-Id",
    );
    equal(answer.headers.get("access-control-max-age"), "600");
    equal(answer.headers.get("access-control-allow-credentials"), null);
    // A preflight for DELETE deletes nothing.
    await (await ask(path, "DELETE")).text();
  }
  equal((await listMessages(service)).total, 1);
  // A page may read, and nothing else.
  for (const { methods, template } of [
    { template: "/keys", methods: "GET, HEAD" },
    { template: "/audit", methods: "GET, HEAD" },
  ])
    equal(
      (await ask(template, "GET")).headers.get("access-control-allow-methods"),
      methods,
      template,
    );
  for (const path of ["/keys/1", "/keys/1/rotate", "/senders/+1", "/senders/%2B1/"]) {
    const answer = await ask(path, "DELETE");
    deepEqual(
      [answer.status, answer.headers.get("access-control-allow-methods")],
      [405, null],
      path,
    );
  }
  deepEqual(
    [(await ask("/webhook", "POST")).status, corsOf(await ask("/webhook", "POST"))],
    [405, {}],
  );
  equal((await ask("/nowhere", "GET")).status, 404);
  // Without the header of a preflight, OPTIONS is not one.
  equal(
    (await fetch(`${service.url}/stats`, { method: "OPTIONS", headers: { origin: LISTED } }))
      .status,
    405,
  );
});

test("a preflight has its log line and its sample", async () => {
  await using service = await startService(ORIGINS);
  await fetch(`${service.url}/stats`, {
    method: "OPTIONS",
    headers: { origin: LISTED, ...PREFLIGHT },
  });
  const line = await service.line(({ method }) => method === "OPTIONS");
  deepEqual([line.path, line.status, line.level], ["/stats", 204, "INFO"]);
});
