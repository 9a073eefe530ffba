import { deepEqual, equal, match, ok } from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { hashOfKey, KEY_BYTES, KEY_PATTERN, keyOf } from "../../src/domain/api-key.ts";
import { type Asked, adminOf } from "../support/admin-requests.ts";
import { bearer } from "../support/api-keys.ts";
import { issuesOf, json, seen } from "../support/client.ts";
import { getJson, type Service, startService } from "../support/service.ts";

const ADMIN = "an-admin-key-of-32-characters-or-more";
const service = await startService({ ADMIN_API_KEY: ADMIN });
after(() => service[Symbol.asyncDispose]());

const ask = adminOf(service, ADMIN);

// biome-ignore lint/suspicious/noExplicitAny: every test looks into it differently
async function made(body: Readonly<Record<string, unknown>>, own?: Service): Promise<any> {
  const response = await ask("/keys", { method: "POST", body, ...(own && { own }) });
  equal(response.status, 201);
  equal(response.headers.get("cache-control"), "no-store");
  return response.json();
}

// biome-ignore lint/suspicious/noExplicitAny: every test looks into it differently
const told = async (path: string, asked?: Asked): Promise<any> => (await ask(path, asked)).json();
const status = async (response: Promise<Response>) => (await response).status;

test("a new key is shown once, works at once, and is listed without anything usable", async () => {
  const { key, ...rest } = await made({ name: "reports", scope: "read", expires_in: "90d" });
  match(key, new RegExp(KEY_PATTERN));
  deepEqual(Object.keys(rest), [
    "id",
    "name",
    "scope",
    "hint",
    "created_at",
    "expires_at",
    "retires_at",
    "revoked_at",
    "last_used_at",
  ]);
  equal(Date.parse(rest.expires_at) - Date.parse(rest.created_at), 90 * 86_400_000);
  equal(await status(ask("/messages", { key })), 200);
  const answer = await ask("/keys");
  equal(answer.headers.get("cache-control"), "no-store");
  const text = await answer.text();
  const { data } = JSON.parse(text);
  const listed = data.find(({ id }: { id: string }) => id === rest.id);
  deepEqual({ ...listed, last_used_at: null }, rest);
  ok(Math.abs(Date.parse(listed.last_used_at) - Date.now()) < 60_000, listed.last_used_at);
  for (const secret of [key, key.slice(10), hashOfKey(key)]) ok(!text.includes(secret), secret);
});

test("a key of scope read reads, and may not administer", async () => {
  const { key } = await made({ name: "reader", scope: "read" });
  equal(await status(ask("/stats", { key })), 200);
  for (const [method, path] of [
    ["GET", "/keys"],
    ["POST", "/keys"],
    ["DELETE", "/keys/x"],
    ["GET", "/audit"],
  ] as const)
    deepEqual(
      await seen(ask(path, { method, key })),
      json(403, { detail: "forbidden" }),
      `${method} ${path}`,
    );
});

test("a key of scope admin administers, and its actions are recorded under its name", async () => {
  const { key } = await made({ name: "deputy", scope: "admin" });
  const { id } = await told("/keys", {
    method: "POST",
    key,
    body: { name: "by-deputy", scope: "read" },
  });
  const { data } = await told("/audit?limit=1", { key });
  deepEqual(
    data.map(({ actor, action, subject, details }: Record<string, unknown>) => ({
      actor,
      action,
      subject,
      details,
    })),
    [{ actor: "key:deputy", action: "key.created", subject: "by-deputy" }].map((entry) => ({
      ...entry,
      details: { id, scope: "read", expires_at: null },
    })),
  );
});

test("a revoked key is refused at once, revoking twice is fine, and it never works again", async () => {
  const { key, id } = await made({ name: "short", scope: "read" });
  equal(await status(ask("/stats", { key })), 200);
  for (let time = 0; time < 2; time++) {
    const answer = await ask(`/keys/${id}`, { method: "DELETE" });
    deepEqual([answer.status, await answer.text()], [204, ""]);
    deepEqual(await seen(ask("/stats", { key })), json(401, { detail: "unauthorized" }));
  }
  const { data } = await told("/keys");
  ok(data.find((one: { id: string }) => one.id === id).revoked_at !== null);
  await made({ name: "short", scope: "read" });
});

test("a rotated key is accepted beside its successor until the overlap ends", async () => {
  const old = await made({ name: "rotated", scope: "read", expires_in: "30d" });
  const rotate = (id: string, body?: unknown) =>
    ask(`/keys/${id}/rotate`, { method: "POST", body });
  const answer = await rotate(old.id);
  deepEqual([answer.status, answer.headers.get("cache-control")], [201, "no-store"]);
  // biome-ignore lint/suspicious/noExplicitAny: the assertions tell what it is
  const next: any = await answer.json();
  deepEqual([next.name, next.scope, next.replaces.id], ["rotated", "read", old.id]);
  equal(Date.parse(next.replaces.retires_at) - Date.parse(next.created_at), 86_400_000);
  equal(Date.parse(next.expires_at) - Date.parse(next.created_at), 30 * 86_400_000);
  for (const { key } of [old, next]) equal(await status(ask("/stats", { key })), 200);
  for (const { id } of [old, next]) equal(await status(rotate(id)), 409);
  equal(await status(ask(`/keys/${old.id}`, { method: "DELETE" })), 204);
  const rotated = (id: string, overlap: string) =>
    told(`/keys/${id}/rotate`, { method: "POST", body: { overlap } });
  const last = await rotated(next.id, "0");
  equal(await status(ask("/stats", { key: next.key })), 401);
  equal(await status(ask("/stats", { key: last.key })), 200);
  equal(await status(rotate(next.id)), 409);
  const brief = await rotated(last.id, "1ms");
  while (Date.now() < Date.parse(brief.replaces.retires_at)) await new Promise(setImmediate);
  equal(await status(ask("/stats", { key: last.key })), 401);
});

test("an expired key is refused from that moment on", async () => {
  const { key, expires_at } = await made({ name: "fleeting", scope: "read", expires_in: "300ms" });
  const early = await status(ask("/stats", { key }));
  ok(early === 200 || Date.now() >= Date.parse(expires_at));
  while (Date.now() < Date.parse(expires_at)) await new Promise(setImmediate);
  equal(await status(ask("/stats", { key })), 401);
});

test("a name with a live key, and an unknown id, are refused", async () => {
  await made({ name: "taken", scope: "read" });
  const again = ask("/keys", { method: "POST", body: { name: "taken", scope: "admin" } });
  deepEqual(
    await seen(again),
    json(409, { detail: "a live key has this name: rotate or revoke it, or choose another name" }),
  );
  for (const [method, path] of [
    ["DELETE", "/keys/nothing"],
    ["DELETE", "/keys/taken"],
    ["DELETE", `/keys/${"x".repeat(3_000)}`],
    ["DELETE", "/keys/%00"],
    ["POST", "/keys/nothing/rotate"],
    ["POST", "/keys/ADMIN_API_KEY/rotate"],
  ] as const)
    deepEqual(await seen(ask(path, { method })), json(404, { detail: "Not Found" }), path);
  equal(await status(ask("/keys/nothing")), 405);
});

test("of two concurrent requests for one name, one gets a key", async () => {
  const asked = Array.from({ length: 6 }, () =>
    status(ask("/keys", { method: "POST", body: { name: "same", scope: "read" } })),
  );
  deepEqual((await Promise.all(asked)).sort(), [201, 409, 409, 409, 409, 409]);
});

/** Bodies of POST /keys and where they are wrong. */
const WRONG: readonly (readonly [unknown, readonly string[]])[] = [
  ["", ["missing body"]],
  ["null", ["missing body"]],
  ["{", ["json_invalid body,1"]],
  ["{}", ["missing body,name", "missing body,scope"]],
  ["[]", ["model_attributes_type body"]],
  ["\xff", ["json_invalid body,0"]],
  [{ name: "a" }, ["missing body,scope"]],
  [{ name: 5, scope: null }, ["string_type body,name", "literal_error body,scope"]],
  [{ name: "", scope: "read" }, ["value_error body,name"]],
  [{ name: " a", scope: "read" }, ["value_error body,name"]],
  [{ name: "a\n", scope: "read" }, ["value_error body,name"]],
  [{ name: "+919876543210", scope: "read" }, ["value_error body,name"]],
  [{ name: "x".repeat(65), scope: "read" }, ["value_error body,name"]],
  [{ name: "ADMIN_API_KEY", scope: "read" }, ["value_error body,name"]],
  [{ name: "a", scope: "Admin" }, ["literal_error body,scope"]],
  [{ name: "a", scope: ["admin"] }, ["literal_error body,scope"]],
  [{ name: "a", scope: "read", expires_in: 90 }, ["string_type body,expires_in"]],
  [{ name: "a", scope: "read", expires_in: "90" }, ["value_error body,expires_in"]],
  [{ name: "a", scope: "read", expires_in: "-1d" }, ["value_error body,expires_in"]],
  [{ name: "a", scope: "read", expires_in: "0s" }, ["value_error body,expires_in"]],
  [{ name: "a", scope: "read", expires_in: "99999d" }, ["value_error body,expires_in"]],
  [{ name: "a", scope: "read", expires: "90d" }, ["extra_forbidden body,expires"]],
  ['{"name":"a","scope":"read","__proto__":{"scope":"admin"}}', ["extra_forbidden body,__proto__"]],
];

test("a wrong body of a new key is reported in the form of the older service, and creates none", async () => {
  const before = (await told("/keys")).data.length;
  for (const [body, expected] of WRONG) {
    const payload =
      body === "\xff"
        ? Buffer.from([0xff])
        : typeof body === "string"
          ? body
          : JSON.stringify(body);
    const answer = await seen(
      fetch(`${service.url}/keys`, { method: "POST", headers: bearer(ADMIN), body: payload }),
    );
    const told = issuesOf(answer.text).map(({ type, loc }) => `${type} ${loc}`);
    deepEqual([answer.status, told], [422, expected], answer.text);
  }
  const { id } = await made({ name: "good", scope: "read", expires_in: null });
  for (const [body, expected] of [
    ["[]", "model_attributes_type body"],
    ["x", "json_invalid body,0"],
    [{ overlap: 24 }, "string_type body,overlap"],
    [{ overlap: "1 day" }, "value_error body,overlap"],
    [{ overlaps: "1h" }, "extra_forbidden body,overlaps"],
  ] as const) {
    const answer = await seen(ask(`/keys/${id}/rotate`, { method: "POST", body }));
    equal(answer.status, 422);
    deepEqual(
      issuesOf(answer.text).map(({ type, loc }) => `${type} ${loc}`),
      [expected],
    );
  }
  equal((await told("/keys")).data.length, before + 1);
});

test("a body is read whatever its content type, up to 16 KiB", async () => {
  const send = (headers: Record<string, string>, body: string) =>
    fetch(`${service.url}/keys`, {
      method: "POST",
      headers: { ...bearer(ADMIN), ...headers },
      body,
    });
  for (const type of ["text/plain", "application/x-www-form-urlencoded", "nonsense"]) {
    const body = JSON.stringify({ name: `type-${type.length}`, scope: "read" });
    equal((await send({ "content-type": type }, body)).status, 201, type);
  }
  const padded = (bytes: number) => `{"name":"padded","scope":"read"${" ".repeat(bytes - 32)}}`;
  equal((await send({}, padded(16 * 1_024 + 1))).status, 413);
  equal((await send({}, padded(16 * 1_024))).status, 201);
});

test("without a key, the answer does not depend on the body or the path", async () => {
  for (const [method, path, body] of [
    ["POST", "/keys", "{"],
    ["POST", "/keys", "x".repeat(100_000)],
    ["POST", "/keys/nothing/rotate", ""],
    ["DELETE", "/keys/nothing", ""],
    ["GET", "/audit?limit=x", undefined],
    ["GET", "/messages?limit=x", undefined],
    ["GET", "/messages/nothing", undefined],
  ] as const) {
    const answer = fetch(service.url + path, { method, ...(body === undefined ? {} : { body }) });
    deepEqual(await seen(answer), json(401, { detail: "unauthorized" }), `${method} ${path}`);
  }
});

test("the audit is read in complete pages, and wrong queries are reported", async () => {
  await using own = await startService({ ADMIN_API_KEY: ADMIN });
  for (let key = 0; key < 7; key++) await made({ name: `k${key}`, scope: "read" }, own);
  const subjects: string[] = [];
  let pages = 0;
  for (let before = ""; ; pages++) {
    const { data, next_before } = await told(`/audit?limit=3&before=${before}`, { own });
    subjects.push(...data.map(({ subject }: { subject: string }) => subject));
    if (next_before === null) break;
    before = encodeURIComponent(next_before);
  }
  deepEqual([subjects, pages], [["k6", "k5", "k4", "k3", "k2", "k1", "k0"], 2]);
  const before = async (moment: string) =>
    (await told(`/audit?before=${moment}`, { own })).data.length;
  deepEqual([await before("2020-01-01"), await before("2999-01-01T00:00:00Z")], [0, 7]);
  deepEqual([await before("2020-01-01T00:00"), await before("2999-01-01 00:00%2B05:30")], [0, 7]);
  for (const [query, loc] of [
    ["limit=x", "query,limit"],
    ["before=x", "query,before"],
    ["before=2025-01-15T10:00:00.000Z,x%00", "query,before"],
  ] as const) {
    const answer = await seen(ask(`/audit?${query}`, { own }));
    deepEqual(
      [answer.status, issuesOf(answer.text).map((issue) => String(issue.loc))],
      [422, [loc]],
      query,
    );
  }
});

test("reading closes with the first key, and does not open again when it is revoked", async () => {
  await using own = await startService({ ADMIN_API_KEY: ADMIN });
  const { id } = await made({ name: "first", scope: "read" }, own);
  await ask(`/keys/${id}`, { method: "DELETE", own });
  await using same = await startService({ DATABASE_URL: own.databaseUrl });
  const answer = await fetch(`${same.url}/messages`);
  deepEqual([answer.status, answer.headers.get("x-read-auth")], [401, null]);
});

test("READ_AUTH=open lets every client read, and only holders of an admin key administer", async () => {
  await using own = await startService({ READ_AUTH: "open", ADMIN_API_KEY: ADMIN });
  const answer = await fetch(`${own.url}/messages`);
  deepEqual([answer.status, answer.headers.get("x-read-auth")], [200, "open"]);
  deepEqual(await seen(fetch(`${own.url}/keys`)), json(401, { detail: "unauthorized" }));
  const { key } = await made({ name: "reader", scope: "read" }, own);
  equal(await status(ask("/keys", { key, own })), 403);
});

test("a key is in no log line and no file of the database, its name is in the lines of its requests", async () => {
  await using own = await startService({ ADMIN_API_KEY: ADMIN });
  const { key, id } = await made({ name: "quiet", scope: "read" }, own);
  const next = await told(`/keys/${id}/rotate`, { method: "POST", own });
  await ask("/messages", { key, own });
  await ask(`/messages?key=${key}`, { key: next.key, own });
  await ask(`/keys/${id}`, { method: "DELETE", key: `${key}x`, own });
  await fetch(`${own.url}/messages`, { headers: { "x-request-id": "last" } });
  await own.line(({ request_id }) => request_id === "last");
  const log = JSON.stringify(own.lines);
  equal(own.lines.filter(({ api_key }) => api_key === "quiet").length, 2);
  ok(own.lines.some(({ api_key, path }) => api_key === "ADMIN_API_KEY" && path === "/keys"));
  const secrets = [key, next.key, ADMIN].map((secret: string) => secret.slice(10));
  for (const secret of secrets) ok(!log.includes(secret), secret);
  if (!own.databaseUrl.startsWith("sqlite:")) return;
  const folder = dirname(own.databaseUrl.slice("sqlite:///".length));
  const files = readdirSync(folder).map((name) => readFileSync(join(folder, name)));
  ok(
    files.some((bytes) => bytes.includes(hashOfKey(key))),
    "the hash is where the key is looked for",
  );
  for (const secret of secrets) ok(!files.some((bytes) => bytes.includes(secret)), secret);
});

test("the document shows which routes require a key, and which do not", async () => {
  const { components, paths } = await getJson(`${service.url}/openapi.json`).catch(() => ({}));
  equal(paths, undefined, "it asks for one itself");
  equal(components, undefined);
  const document = await told("/openapi.json");
  deepEqual(document.components.securitySchemes.apiKey, { type: "http", scheme: "bearer" });
  const securityOf = (method: string, path: string) => document.paths[path][method].security;
  for (const path of ["/messages", "/messages/export", "/stats", "/senders", "/keys", "/audit"])
    deepEqual(securityOf("get", path), [{ apiKey: [] }, { session: [] }], path);
  for (const path of ["/health/live", "/health/ready", "/metrics"])
    deepEqual(securityOf("get", path), [], path);
  deepEqual(securityOf("post", "/webhook"), []);
  const { responses } = document.paths["/keys/{id}/rotate"].post;
  for (const one of ["201", "401", "403", "404", "409", "422"])
    ok(responses[one] !== undefined, one);
});

test("the log says why a key is refused, and the answer does not", async () => {
  const { id, key } = await made({ name: "log-gone", scope: "read" });
  const { key: reader } = await made({ name: "log-reader", scope: "read" });
  equal(await status(ask(`/keys/${id}`, { method: "DELETE" })), 204);
  const refusals: readonly (readonly [Record<string, string>, string])[] = [
    [{}, "no_header"],
    [{ authorization: "Basic abc" }, "malformed"],
    [{ authorization: `Bearer ${key.slice(1)}` }, "malformed"],
    [bearer(keyOf(new Uint8Array(KEY_BYTES))), "unknown"],
    [bearer(key), "revoked"],
  ];
  for (const [at, [headers, reason]] of refusals.entries()) {
    const requestId = `refused-${at}`;
    const answer = fetch(`${service.url}/stats`, {
      headers: { ...headers, "x-request-id": requestId },
    });
    deepEqual(await seen(answer), json(401, { detail: "unauthorized" }));
    const line = await service.line(({ request_id }) => request_id === requestId);
    deepEqual([line.status, line.reason], [401, reason]);
    ok(!JSON.stringify(line).includes(key.slice(10)));
  }
  equal(await status(ask("/audit", { key: reader })), 403);
  equal((await service.line(({ status: found }) => found === 403)).reason, "scope");
});
