import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { json, scrape, seen, series } from "../support/client.ts";
import { body, post, startService } from "../support/service.ts";

const ADMIN = "an-admin-key-of-32-characters-or-more";
const bearer = (key: string) => ({ headers: { authorization: `Bearer ${key}` } });

test("without any key every client may read, and the answers, the metrics and the log say so", async () => {
  await using service = await startService();
  for (const path of ["/messages", "/stats", "/senders", "/docs", "/openapi.json"]) {
    const answer = await fetch(service.url + path);
    deepEqual([answer.status, answer.headers.get("x-read-auth")], [200, "open"], path);
  }
  for (const path of ["/health/live", "/metrics", "/nowhere"])
    equal((await fetch(service.url + path)).headers.get("x-read-auth"), null, path);
  equal(series(await scrape(service)).get("read_auth_open"), 1);
  const line = await service.line(({ level }) => level === "WARNING");
  equal(String(line.msg).startsWith("reading is open"), true);
});

test("with ADMIN_API_KEY reads require a key, and webhooks and health checks do not", async () => {
  await using service = await startService({ ADMIN_API_KEY: ADMIN });
  const refused = await fetch(`${service.url}/messages`);
  deepEqual(
    [refused.headers.get("www-authenticate"), refused.headers.get("x-read-auth")],
    ["Bearer", null],
  );
  deepEqual(await seen(Promise.resolve(refused)), json(401, { detail: "unauthorized" }));
  equal((await fetch(`${service.url}/messages`, bearer(ADMIN))).status, 200);
  equal((await fetch(`${service.url}/messages`, bearer(ADMIN.slice(1)))).status, 401);
  equal((await post(service.url, body())).status, 200);
  for (const path of ["/health/live", "/health/ready", "/healthz", "/livez", "/readyz", "/metrics"])
    equal((await fetch(service.url + path)).status, 200, path);
  deepEqual(await seen(fetch(`${service.url}/nowhere`)), json(404, { detail: "Not Found" }));
  deepEqual(
    await seen(fetch(`${service.url}/stats`, { method: "PUT" })),
    json(405, { detail: "Method Not Allowed" }),
  );
  const metrics = series(await scrape(service));
  const checks = ["ok", "unauthorized", "forbidden"].map((result) =>
    metrics.get(`api_key_checks_total{result="${result}"}`),
  );
  deepEqual([metrics.get("read_auth_open"), ...checks], [0, 1, 2, 0]);
  const line = await service.line(({ path, status }) => path === "/messages" && status === 200);
  deepEqual([line.level, line.api_key], ["INFO", "ADMIN_API_KEY"]);
  const warning = await service.line(({ path, status }) => path === "/messages" && status === 401);
  deepEqual([warning.level, warning.api_key], ["WARNING", undefined]);
});
