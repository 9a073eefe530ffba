import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { bearer } from "../support/api-keys.ts";
import { macOf, scrape, seen, storedTotal } from "../support/client.ts";
import { routesDuring } from "../support/route-list.ts";
import { body, getJson, post, SECRET, startService } from "../support/service.ts";

const ADMIN = "an-admin-key-of-the-tests-0123456789-abcdef";
const ORIGIN = "https://dashboard.example";
/** Addresses in these pages are relative to theirs, so a slash makes a difference. */
const PAGES: ReadonlySet<string> = new Set(["/docs", "/ui"]);
/** Different at each request, slash or not. */
const CHANGING = new Set(["date", "x-request-id", "ratelimit", "etag"]);

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

async function answerTo(url: string, init: RequestInit): Promise<Answer> {
  const response = await fetch(url, { ...init, redirect: "manual" });
  const headers = Object.fromEntries([...response.headers].filter(([name]) => !CHANGING.has(name)));
  return { status: response.status, headers, text: await response.text() };
}

test("a webhook to /webhook/ is stored, answered and counted like one to /webhook", async () => {
  await using service = await startService();
  const payload = body({ message_id: "slash" });
  const headers = { "x-signature": macOf(payload, SECRET), "x-request-id": "slash" };
  const send = (path: string) =>
    seen(fetch(service.url + path, { method: "POST", body: payload, headers, redirect: "error" }));
  deepEqual(await send("/webhook/"), {
    status: 200,
    type: "application/json",
    text: '{"status":"ok"}',
  });
  deepEqual(await send("/webhook"), {
    status: 200,
    type: "application/json",
    text: '{"status":"ok"}',
  });
  equal(await storedTotal(service), 1);
  const { path, result } = await service.line(({ request_id }) => request_id === "slash");
  deepEqual([path, result], ["/webhook", "created"]);
  const lines = (await scrape(service)).split("\n");
  ok(lines.includes('http_requests_total{method="POST",path="/webhook",status="200"} 2'));
  ok(lines.includes('webhook_requests_total{result="created"} 1'));
});

test("every route answers with a trailing slash as without, whatever the method, and no path gets its own label", async () => {
  const env = { ADMIN_API_KEY: ADMIN, CORS_ORIGINS: ORIGIN, RATE_LIMIT_PER_IP: "100000/1h" };
  const routes = await routesDuring(async () => {
    await using _service = await startService(env);
  });
  await using service = await startService(env);
  await post(service.url, body());
  const paths = new Set(
    routes.map(({ url }) => url).filter((url) => !url.includes("*") && !PAGES.has(url)),
  );
  ok(
    paths.size > 20 &&
      paths.has("/metrics") &&
      paths.has("/openapi.json") &&
      paths.has("/keys/:id"),
    [...paths].join(),
  );
  for (const url of paths) {
    const path = url.replace(":message_id", "m1").replace(/:[a-z_]+/, "none");
    for (const method of ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"]) {
      const init = { method, headers: { ...bearer(ADMIN), origin: ORIGIN } };
      const [plain, slashed] = [
        await answerTo(service.url + path, init),
        await answerTo(`${service.url}${path}/`, init),
      ];
      // The figures change with each request.
      if (url === "/metrics" || path === "/audit" || path === "/keys") {
        deepEqual(
          { ...slashed, text: "", headers: {} },
          { ...plain, text: "", headers: {} },
          `${method} ${path}`,
        );
      } else deepEqual(slashed, plain, `${method} ${path}`);
    }
    const preflight = {
      method: "OPTIONS",
      headers: { origin: ORIGIN, "access-control-request-method": "GET" },
    };
    deepEqual(
      await answerTo(`${service.url}${path}/`, preflight),
      await answerTo(service.url + path, preflight),
      path,
    );
    // Two slashes are another path, whatever the parameters.
    if (url.includes(":")) {
      const empty = path.replace(/[^/]+$/, "");
      equal(
        (await answerTo(`${service.url}${empty}/`, { headers: bearer(ADMIN) })).status,
        404,
        empty,
      );
    }
  }
  // The requests above also read the metrics, and only a text that differs from theirs is certainly
  // current.
  await scrape(service);
  const labels = new Set(
    Array.from((await scrape(service)).matchAll(/path="([^"]*)"/g), ([, path = ""]) => path),
  );
  for (const label of labels) ok(!label.endsWith("/"), label);
});

test("the documents are read with a trailing slash too", async () => {
  await using service = await startService();
  equal((await fetch(`${service.url}/docs/`)).status, 200);
  equal((await getJson(`${service.url}/openapi.json/`)).openapi, "3.1.0");
  for (const [page, style] of [
    ["/docs", "/docs/static/swagger-ui.css"],
    ["/docs/", "/docs/static/swagger-ui.css"],
  ] as const) {
    const html = await (await fetch(service.url + page)).text();
    const href = /href="([^"]*swagger-ui\.css)"/.exec(html)?.[1] ?? "";
    equal(new URL(href, service.url + page).pathname, style);
  }
});

test("probes and scrapes with a trailing slash are not limited", async () => {
  await using service = await startService({ RATE_LIMIT_PER_IP: "1/1h" });
  await fetch(`${service.url}/stats`);
  equal((await fetch(`${service.url}/stats/`)).status, 429);
  for (const path of [
    "/health/live/",
    "/health/ready/",
    "/healthz/",
    "/livez/",
    "/readyz/",
    "/metrics/",
    "/metr%69cs",
  ])
    equal((await fetch(service.url + path)).status, 200, path);
});
