import { deepEqual, equal, match, ok } from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { after, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { systemClock } from "../../src/domain/clock.ts";
import { Fingerprints } from "../../src/secrets/fingerprints.ts";
import { SecretIssuer } from "../../src/secrets/secret-issuer.ts";
import { openCredentials } from "../../src/store/open.ts";
import { adminOf } from "../support/admin-requests.ts";
import { bearer } from "../support/api-keys.ts";
import { issuesOf, json, macOf, type Seen, seen } from "../support/client.ts";
import { body, post, SECRET, type Service, startService } from "../support/service.ts";
import { someWithin } from "../support/some-within.ts";

const ADMIN = "an-admin-key-of-32-characters-or-more";
const MASTER_KEY = "a master key of thirty-two characters";
/** What lyftr secrets promises. */
const APPLIED_MS_MAX = 2_000;
const LOOK_EVERY_MS = 20;
const GENERATED = /^[0-9a-f]{64}$/;
const service = await startService({ ADMIN_API_KEY: ADMIN, MASTER_KEY });
after(() => service[Symbol.asyncDispose]());

const ask = adminOf(service, ADMIN);

const add = (fields: unknown, own?: Service) =>
  ask("/secrets", { method: "POST", body: fields, ...(own && { own }) });
const retire = (name: string, fields?: unknown, own?: Service) =>
  ask(`/secrets/${name}/retire`, { method: "POST", body: fields, ...(own && { own }) });
// biome-ignore lint/suspicious/noExplicitAny: every test looks into it differently
const told = async (answer: Promise<Response>): Promise<any> => (await answer).json();
const status = async (answer: Promise<Response>) => (await answer).status;

/** Adds a secret and returns its value. */
async function added(name: string, own?: Service): Promise<string> {
  const answer = await add({ name }, own);
  equal(answer.status, 201);
  return (await told(Promise.resolve(answer))).secret;
}

let sent = 0;

/** The status of a webhook that is signed with a secret. */
async function statusOfWebhook(secret: string, { url }: Service): Promise<number> {
  const payload = body({ message_id: `m${++sent}` });
  return status(post(url, payload, { "x-signature": macOf(payload, secret) }));
}

/** The milliseconds until webhooks that are signed with a secret get this status. */
async function untilWebhookGets(expected: number, secret: string, own: Service): Promise<number> {
  const startMs = performance.now();
  while ((await statusOfWebhook(secret, own)) !== expected) {
    ok(performance.now() - startMs < 20_000);
    await setTimeout(LOOK_EVERY_MS);
  }
  return performance.now() - startMs;
}

/** Sentences say how long ago a secret was used. */
function withoutFigures({ status, text }: Seen) {
  return { status, text: text.replace(/[0-9]+ \w+ ago/, "some time ago") };
}

// biome-ignore lint/suspicious/noExplicitAny: every test looks into it differently
async function listed(name: string, own?: Service): Promise<any> {
  const { data } = await told(ask("/secrets", own && { own }));
  return data.find((one: { name: string }) => one.name === name);
}

test("the list has the secrets of the environment by name, with their use and what may be retired, and no value", async () => {
  await using own = await startService({
    ADMIN_API_KEY: ADMIN,
    WEBHOOK_SECRET_PREVIOUS: "the-secret-of-before@2999-12-31T00:00:00Z",
  });
  // Each process records at its start what it accepts.
  for (;;) {
    const { processes } = await told(ask("/secrets", { own }));
    if (processes === 1) break;
    await setTimeout(LOOK_EVERY_MS);
  }
  const answer = await ask("/secrets", { own });
  equal(answer.headers.get("cache-control"), "no-store");
  const text = await answer.text();
  const { data, ...rest } = JSON.parse(text);
  deepEqual(rest, { processes: 1, master_key_set: false });
  ok(
    data.every(({ since }: { since: string }) => Math.abs(Date.parse(since) - Date.now()) < 60_000),
  );
  deepEqual(data, [
    {
      name: "current",
      from: "WEBHOOK_SECRET",
      since: data[0].since,
      ends: null,
      last_verified_at: null,
      accepted_by: 1,
      may_be_retired: "no",
      may_retire: "no: every other secret expires",
    },
    {
      name: "previous_1",
      from: "WEBHOOK_SECRET_PREVIOUS",
      since: data[1].since,
      ends: "2999-12-31T00:00:00.000Z",
      last_verified_at: null,
      accepted_by: 1,
      may_be_retired: "no",
      may_retire: "no: no other secret has verified a message since",
    },
  ]);
  for (const value of [SECRET, "the-secret-of-before"]) ok(!text.includes(value), text);
});

test("a new secret is shown once, and every process accepts it within 2 seconds", async () => {
  await using other = await startService({
    ADMIN_API_KEY: ADMIN,
    MASTER_KEY,
    DATABASE_URL: service.databaseUrl,
  });
  let round = 0;
  await someWithin(APPLIED_MS_MAX, async () => {
    const name = `new-${++round}`;
    const answer = await add({ name });
    deepEqual([answer.status, answer.headers.get("cache-control")], [201, "no-store"]);
    const { secret, created_at, ...rest } = await told(Promise.resolve(answer));
    deepEqual(rest, { name, warnings: [] });
    match(secret, GENERATED);
    equal(await statusOfWebhook(secret, service), 200);
    const tookMs = await untilWebhookGets(200, secret, other);
    for (const path of ["/secrets", "/audit", "/keys", "/metrics"])
      ok(!(await (await ask(path)).text()).includes(secret), path);
    const { since, from } = await listed(name);
    deepEqual([since, from], [created_at, "database"]);
    return tookMs;
  });
  while ((await listed("new-1")).accepted_by !== 2) await setTimeout(LOOK_EVERY_MS);
});

test("a given secret is stored and not repeated, and probable mistakes are named", async () => {
  for (const [name, secret, warnings] of [
    ["partner", "Grüße \u{1F600} an den Partner", []],
    [
      "pasted",
      "0f1e2d3c4b5a69788796a5b4c3d2e1f0\n",
      [/^pasted ends with a line end, which is a part of the secret/],
    ],
    ["short", "kurz!", [/^short has fewer than 16 characters, so it can be guessed/]],
  ] as const) {
    const answer = await add({ name, secret });
    equal(answer.status, 201);
    const text = await answer.text();
    const { created_at, warnings: named, ...rest } = JSON.parse(text);
    deepEqual([rest, typeof created_at], [{ name, secret: null }, "string"]);
    equal(named.length, warnings.length, text);
    for (const [at, warning] of warnings.entries()) match(named[at], warning);
    ok(!text.includes(secret.trim()), text);
    equal(await statusOfWebhook(secret, service), 200);
    equal(await status(retire(name, { force: true })), 200);
    equal(await statusOfWebhook(secret, service), 401);
  }
});

/**
 * A refused retirement has the sentence of the list. Uses are recorded from time to time, so the
 * list may change between two requests: then it is asked again.
 */
async function expectSentence(name: string, fields: unknown): Promise<void> {
  for (;;) {
    const sentence = async () =>
      withoutFigures(json(409, { detail: (await listed(name)).may_retire }));
    const before = await sentence();
    const answer = withoutFigures(await seen(retire(name, fields)));
    if (!isDeepStrictEqual(before, await sentence())) continue;
    deepEqual(answer, before);
    return;
  }
}

test("a secret is retired when the list says yes, or by force; otherwise the answer is its sentence", async () => {
  const value = await added("summer");
  equal(await statusOfWebhook(value, service), 200);
  // The list knows the use once it is recorded.
  while ((await listed("summer")).may_be_retired !== "no") await setTimeout(LOOK_EVERY_MS);
  const { may_retire } = await listed("summer");
  ok(may_retire.startsWith("no"), may_retire);
  for (const fields of [undefined, {}, { force: false }, { force: null }, { in: "24h" }])
    await expectSentence("summer", fields);
  equal(await statusOfWebhook(value, service), 200);
  const later = await told(retire("summer", { in: "24h", force: true }));
  deepEqual(later, { name: "summer", retires_at: (await listed("summer")).ends });
  ok(Math.abs(Date.parse(later.retires_at) - Date.now() - 86_400_000) < 60_000);
  equal(await statusOfWebhook(value, service), 200);
  const brief = await added("brief");
  equal(await status(retire("brief", { force: true })), 200);
  equal(await statusOfWebhook(brief, service), 401);
  equal(await status(retire("brief", { force: true })), 404);
  // A secret that no process accepts may go without force: one of the same value stays.
  equal(await status(add({ name: "twin", secret: value })), 201);
  while ((await listed("twin")).accepted_by === 0) await setTimeout(LOOK_EVERY_MS);
  const twin = await told(retire("summer"));
  equal(twin.name, "summer");
  equal(await status(retire("twin", { force: true })), 200);
});

for (const processes of [1, 2])
  test(`of two equal secrets that are retired at the same time by ${processes} processes, one stays`, async () => {
    await using own = await startService({ ADMIN_API_KEY: ADMIN, MASTER_KEY });
    const secret = "a secret under two names";
    for (const name of ["one", "two"]) equal(await status(add({ name, secret }, own)), 201);
    for (const name of ["one", "two"])
      while ((await listed(name, own)).accepted_by === 0) await setTimeout(LOOK_EVERY_MS);
    // Requests of HTTP arrive one after the other, so this asks what is behind the route.
    const access = await openCredentials(own.databaseUrl, "write");
    const issuerOf = () =>
      new SecretIssuer(
        { clock: systemClock, newId: randomUUID },
        {
          store: access.secrets,
          settings: () => ({
            webhookSecret: SECRET,
            webhookSecretsPrevious: [],
            masterKey: MASTER_KEY,
          }),
          fingerprints: new Fingerprints(access.secrets),
          randomBytes,
        },
      );
    const [one = issuerOf(), other = one] = Array.from({ length: processes }, issuerOf);
    const order = { inMs: 0, force: false };
    const both = await Promise.all([
      one.retire({ ...order, name: "one" }, "test"),
      other.retire({ ...order, name: "two" }, "test"),
    ]);
    await access.close();
    deepEqual(both.map(({ kind }) => kind).sort(), ["refused", "retired"]);
    equal(await statusOfWebhook(secret, own), 200);
  });

test("secrets of the environment are not retired here, and unknown ones are not found", async () => {
  const detail =
    "That secret comes from the environment: remove it from WEBHOOK_SECRET or WEBHOOK_SECRET_PREVIOUS, and restart the service.";
  for (const name of ["current", "previous_1", "previous"])
    for (const fields of [undefined, { force: true }])
      deepEqual(await seen(retire(name, fields)), json(409, { detail }), name);
  for (const name of ["nothing", "Current", "%00", "a%2Fb", "x".repeat(33), "%2E%2E", "a%0A"])
    for (const fields of [undefined, { force: true }])
      deepEqual(await seen(retire(name, fields)), json(404, { detail: "Not Found" }), name);
  equal(await status(ask("/secrets/nothing/retire")), 405);
  equal(await status(ask("/secrets/nothing", { method: "DELETE" })), 404);
});

test("without MASTER_KEY the answer says how to set it, and the list works", async () => {
  await using own = await startService({ ADMIN_API_KEY: ADMIN });
  const detail =
    "MASTER_KEY is not set. Stored secrets are encrypted with it. Generate one, give it to every process " +
    "of the service, and keep a copy: MASTER_KEY=$(openssl rand -hex 32)";
  deepEqual(await seen(add({ name: "a" }, own)), json(409, { detail }));
  const { data, master_key_set } = await told(ask("/secrets", { own }));
  deepEqual([data.length, data[0].name, master_key_set], [1, "current", false]);
  equal((await told(ask("/audit", { own }))).data.length, 0);
});

test("a process with another MASTER_KEY adds no secret, because the service could not start again", async () => {
  await using one = await startService({ ADMIN_API_KEY: ADMIN });
  const shared = { ADMIN_API_KEY: ADMIN, DATABASE_URL: one.databaseUrl };
  await using two = await startService({ ...shared, MASTER_KEY: `${MASTER_KEY}!` });
  await using three = await startService({ ...shared, MASTER_KEY });
  await added("autumn", two);
  deepEqual(
    await seen(add({ name: "winter" }, three)),
    json(409, {
      detail:
        "MASTER_KEY is not the one with which webhook secrets of the database are encrypted: autumn. " +
        "Set that one; if it is lost, remove them: lyftr secrets retire NAME",
    }),
  );
  // Every process can list and retire it: neither needs the key.
  equal((await listed("autumn", one)).from, "database");
  equal(await status(retire("autumn", { force: true }, one)), 200);
});

test("a name is taken once, and there are at most 8", async () => {
  await using own = await startService({ ADMIN_API_KEY: ADMIN, MASTER_KEY });
  const same = await Promise.all(
    Array.from({ length: 6 }, () => status(add({ name: "one" }, own))),
  );
  deepEqual(same.sort(), [201, 409, 409, 409, 409, 409]);
  deepEqual(
    await seen(add({ name: "one" }, own)),
    json(409, { detail: "a secret has this name: choose another name, or retire it" }),
  );
  for (let count = 2; count <= 8; count++) await added(`s${count}`, own);
  deepEqual(
    await seen(add({ name: "more" }, own)),
    json(409, {
      detail: "there are 8 secrets in the database, which is the maximum: retire one",
    }),
  );
});

/** Bodies of POST /secrets and where they are wrong. */
const WRONG: readonly (readonly [unknown, readonly string[]])[] = [
  ["", ["missing body"]],
  ["{", ["json_invalid body,1"]],
  ["{}", ["missing body,name"]],
  ["[]", ["model_attributes_type body"]],
  [{ name: 5 }, ["string_type body,name"]],
  [{ name: "" }, ["value_error body,name"]],
  [{ name: "Autumn" }, ["value_error body,name"]],
  [{ name: "a\n" }, ["value_error body,name"]],
  [{ name: "-a" }, ["value_error body,name"]],
  [{ name: "x".repeat(33) }, ["value_error body,name"]],
  [{ name: "current" }, ["value_error body,name"]],
  [{ name: "previous_1" }, ["value_error body,name"]],
  [{ name: "currently" }, ["value_error body,name"]],
  [{ name: "private-and-pasted-into-the-wrong-field" }, ["value_error body,name"]],
  [{ name: "a", secret: 123_456_789 }, ["string_type body,secret"]],
  [{ name: "a", secret: ["private"] }, ["string_type body,secret"]],
  [{ name: "a", secret: "" }, ["value_error body,secret"]],
  [{ name: "a", secret: " \n\t\u00a0" }, ["value_error body,secret"]],
  [{ name: "a", secret: "private".padEnd(4_097) }, ["value_error body,secret"]],
  ['{"name":"a","secret":"private\\ud800"}', ["value_error body,secret"]],
  [{ name: "a", value: "private" }, ["extra_forbidden body,value"]],
  ['{"name":"a","__proto__":{"secret":"private"}}', ["extra_forbidden body,__proto__"]],
];

test("a wrong body is reported without its values, and changes nothing", async () => {
  const before = (await told(ask("/audit"))).data.length;
  for (const [payload, expected] of WRONG) {
    const answer = await seen(add(payload));
    deepEqual(
      [answer.status, issuesOf(answer.text).map(({ type, loc }) => `${type} ${loc}`)],
      [422, expected],
      answer.text,
    );
    ok(!/private|123456789/.test(answer.text), answer.text);
  }
  for (const [payload, expected] of [
    ["[]", "model_attributes_type body"],
    ["x", "json_invalid body,0"],
    [{ in: 24 }, "string_type body,in"],
    [{ in: "1 day" }, "value_error body,in"],
    [{ in: "99999d" }, "value_error body,in"],
    [{ force: "true" }, "bool_type body,force"],
    [{ force: 1 }, "bool_type body,force"],
    [{ forced: true }, "extra_forbidden body,forced"],
  ] as const) {
    const answer = await seen(retire("nothing", payload));
    deepEqual(
      [answer.status, issuesOf(answer.text).map(({ type, loc }) => `${type} ${loc}`)],
      [422, [expected]],
    );
  }
  equal((await told(ask("/audit"))).data.length, before);
});

test("a body has at most 32 KiB, which is enough for every secret", async () => {
  const secret = "\u{1F600}".repeat(2_048);
  const escaped = secret.replace(
    /[\ud800-\udfff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16)}`,
  );
  const longest = `{"name":"longest","secret":"${escaped}"}`;
  equal(await status(add(longest.padEnd(32 * 1_024 + 1))), 413);
  equal(await status(add(longest.padEnd(32 * 1_024))), 201);
  equal(await statusOfWebhook(secret, service), 200);
  equal(await status(retire("longest", { force: true })), 200);
});

test("only holders of an admin key see and change secrets, also while reading is open", async () => {
  const made = await ask("/keys", { method: "POST", body: { name: "reader", scope: "read" } });
  const { key } = await told(Promise.resolve(made));
  await using open = await startService({ READ_AUTH: "open", MASTER_KEY });
  for (const [method, path, payload] of [
    ["GET", "/secrets", undefined],
    ["POST", "/secrets", "{"],
    ["POST", "/secrets/current/retire", ""],
    ["POST", "/secrets/nothing/retire", '{"force":true}'],
  ] as const) {
    const asked = { method, ...(payload === undefined ? {} : { body: payload }) };
    deepEqual(await seen(ask(path, { ...asked, key })), json(403, { detail: "forbidden" }), path);
    for (const url of [open.url, service.url])
      deepEqual(await seen(fetch(url + path, asked)), json(401, { detail: "unauthorized" }), path);
  }
});

test("each change is audited with its actor, and no value is in the audit or the log", async () => {
  await using own = await startService({ ADMIN_API_KEY: ADMIN, MASTER_KEY, LOG_LEVEL: "DEBUG" });
  const generated = await added("generated", own);
  const pasted = "an unusual value: zanzibar-7781";
  equal(await status(add({ name: "pasted", secret: pasted }, own)), 201);
  equal(await status(add({ name: "pasted", secret: pasted }, own)), 409);
  equal(await status(add({ name: "Pasted", secret: pasted, other: pasted }, own)), 422);
  for (const value of [generated, pasted]) equal(await statusOfWebhook(value, own), 200);
  const { retires_at } = await told(retire("pasted", { force: true }, own));
  await own.line(({ path }) => path === "/secrets/:name/retire");
  const audit = await told(ask("/audit", { own }));
  deepEqual(
    audit.data.map(({ actor, action, subject, details }: Record<string, unknown>) => ({
      actor,
      action,
      subject,
      details,
    })),
    [
      { action: "secret.retired", subject: "pasted", details: { retires_at } },
      { action: "secret.added", subject: "pasted", details: {} },
      { action: "secret.added", subject: "generated", details: {} },
    ].map((entry) => ({ actor: "ADMIN_API_KEY", ...entry })),
  );
  for (const text of [JSON.stringify(audit), JSON.stringify(own.lines)])
    for (const value of [generated, "zanzibar", SECRET, MASTER_KEY])
      ok(!text.includes(value), text);
});

test("a page of another origin reads no secret names and changes nothing", async () => {
  const origin = "https://dashboard.example";
  await using own = await startService({
    ADMIN_API_KEY: ADMIN,
    MASTER_KEY,
    CORS_ORIGINS: origin,
  });
  for (const path of ["/secrets", "/secrets/a/retire"]) {
    for (const method of ["GET", "POST"]) {
      const preflight = await fetch(own.url + path, {
        method: "OPTIONS",
        headers: { origin, "access-control-request-method": method },
      });
      deepEqual(
        [preflight.status, preflight.headers.get("access-control-allow-origin")],
        [405, null],
      );
    }
  }
  const answer = await fetch(`${own.url}/secrets`, { headers: { ...bearer(ADMIN), origin } });
  deepEqual([answer.status, answer.headers.get("access-control-allow-origin")], [200, null]);
});
