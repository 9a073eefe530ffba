import { deepEqual, doesNotMatch, equal, match, notEqual, ok } from "node:assert/strict";
import { after, test } from "node:test";
import { KeyMaker } from "../support/api-keys.ts";
import { cookieIn, postKey, sealedCookie, signIn, UI } from "../support/browser-session.ts";
import { json, scrape, seen, series } from "../support/client.ts";
import { body, getJson, post, type Service, startService } from "../support/service.ts";
import { testedDatabase } from "../support/tested-store.ts";

const ADMIN = "an-admin-key-of-the-tests-0123456789-abcdef";
const HOUR_MS = 3_600_000;
const ORIGIN = "https://page.example";
const UNAUTHORIZED = json(401, { detail: "unauthorized" });
const SIGNED_OUT = { signed_in: false, name: null, scope: null, expires_at: null };

const service = await startService({
  ADMIN_API_KEY: ADMIN,
  CORS_ORIGINS: ORIGIN,
  RATE_LIMIT_FAILED_AUTH: "off",
});
after(() => service[Symbol.asyncDispose]());
const ask = (
  path: string,
  headers: Readonly<Record<string, string>>,
  method = "GET",
  payload?: string,
) =>
  fetch(service.url + path, {
    method,
    headers,
    redirect: "manual",
    ...(payload === undefined ? {} : { body: payload }),
  });
const status = async (answer: Promise<Response>) => {
  const response = await answer;
  await response.arrayBuffer();
  return response.status;
};

interface Made {
  readonly id: string;
  readonly key: string;
}

let names = 0;
async function makeKey(scope = "read", fields: object = {}, from: Service = service) {
  const name = `key-${++names}`;
  const answer = await fetch(`${from.url}/keys`, {
    method: "POST",
    headers: { authorization: `Bearer ${ADMIN}` },
    body: JSON.stringify({ name, scope, ...fields }),
  });
  equal(answer.status, 201);
  return { ...((await answer.json()) as Made), name };
}

test("a key signs a browser in: the answer says who, and the cookie reads what the key may read", async () => {
  const { key, name } = await makeKey();
  const beforeMs = Date.now();
  const answer = await postKey(service.url, key);
  equal(answer.status, 200);
  equal(answer.headers.get("cache-control"), "no-store");
  const [set = ""] = answer.headers.getSetCookie();
  match(set, /^lyftr_[0-9a-f]{8}=v1\.[\w-]+; Max-Age=43200; Path=\/; HttpOnly; SameSite=Strict$/);
  const told = (await answer.json()) as { expires_at: string };
  const { expires_at, ...others } = told;
  deepEqual(others, { signed_in: true, name, scope: "read", read: "keys" });
  const leftMs = Date.parse(expires_at) - beforeMs;
  ok(leftMs >= 12 * HOUR_MS && leftMs < 12 * HOUR_MS + 20_000, expires_at);
  const cookie = cookieIn(answer);
  for (const path of ["/messages", "/messages/export", "/stats", "/docs/", "/openapi.json"])
    equal(await status(ask(path, { cookie })), 200, path);
  equal(await status(ask("/stats", { cookie }, "HEAD")), 200);
  equal(await status(ask("/keys", { cookie })), 403);
  const shown = await ask("/session", { cookie, ...UI });
  deepEqual([await shown.json(), shown.headers.getSetCookie()], [told, []]);
  const admin = await signIn(service.url, ADMIN);
  equal(await status(ask("/keys", { cookie: admin })), 200);
});

test("a wrong key gets the refusal of every route, byte for byte, and no cookie", async () => {
  const { key } = await makeKey();
  const headersOf = ({ headers }: Response) =>
    [...headers].filter(([name]) => !["date", "vary", "x-request-id"].includes(name));
  const expected = await ask("/messages", {});
  for (const wrong of [key.slice(0, -1), `${key} `, "", "x".repeat(2_048), "admin", "\u00ff\0\n"]) {
    const answer = await postKey(service.url, wrong);
    deepEqual(headersOf(answer), headersOf(expected), wrong);
    deepEqual(await seen(Promise.resolve(answer)), UNAUTHORIZED, wrong);
  }
  for (const [payload, type] of [
    ["", "missing"],
    ["{", "json_invalid"],
    ["[]", "model_attributes_type"],
    ["{}", "missing"],
    [`{"key":["${key}"]}`, "string_type"],
    [`{"key":{"a":"${key}"}}`, "string_type"],
    [`{"key":"${key}","x":1}`, "extra_forbidden"],
    [JSON.stringify({ key: key.repeat(40) }), "value_error"],
  ] as const) {
    const answer = await ask("/session", UI, "POST", payload);
    const text = await answer.text();
    deepEqual([answer.status, JSON.parse(text).detail[0].type], [422, type], payload);
    ok(!text.includes(key.slice(6, 20)), text);
    deepEqual(answer.headers.getSetCookie(), []);
  }
  equal(
    await status(ask("/session", UI, "POST", JSON.stringify({ key: "x".repeat(20_000) }))),
    413,
  );
});

test("guesses are limited by RATE_LIMIT_FAILED_AUTH, and a right key still signs in", async () => {
  const env = { ADMIN_API_KEY: ADMIN, RATE_LIMIT_FAILED_AUTH: "3/1h" };
  await using limited = await startService(env);
  const told: number[] = [];
  for (let guess = 0; guess < 5; guess++)
    told.push(await status(postKey(limited.url, `guess-${guess}`)));
  deepEqual(told, [401, 401, 401, 429, 429]);
  equal(await status(postKey(limited.url, ADMIN)), 200);
  const samples = series(await scrape(limited));
  equal(samples.get('rate_limited_total{limit="failed_key"}'), 2);
  equal(samples.get('api_key_checks_total{result="unauthorized"}'), 5);
  equal(samples.get('api_key_checks_total{result="ok"}'), 1);
});

test("a person that knows the secret of the cookies makes no endless session, and guesses keys no faster", async () => {
  const day = 24 * HOUR_MS;
  for (const cookie of [
    sealedCookie(ADMIN, { endsInMs: 8 * day }),
    sealedCookie(ADMIN, { endsInMs: 9e15 }),
    sealedCookie(ADMIN, { signedInMsAgo: -2 * HOUR_MS, endsInMs: HOUR_MS }),
    sealedCookie(ADMIN, { signedInMsAgo: 8 * day, endsInMs: HOUR_MS }),
  ]) {
    const shown = await ask("/session", { cookie });
    deepEqual([shown.status, await shown.json()], [200, { ...SIGNED_OUT, read: "keys" }]);
    deepEqual(await seen(ask("/keys", { cookie })), UNAUTHORIZED);
  }
  const ahead = sealedCookie(ADMIN, { signedInMsAgo: -60_000 });
  equal(await status(ask("/keys", { cookie: ahead })), 200);
  await using limited = await startService({
    ADMIN_API_KEY: ADMIN,
    RATE_LIMIT_FAILED_AUTH: "3/1h",
  });
  const show = (cookie: string) => status(fetch(`${limited.url}/session`, { headers: { cookie } }));
  const told: number[] = [];
  for (let guess = 0; guess < 5; guess++) told.push(await show(sealedCookie(`guess-${guess}`)));
  deepEqual(told, [200, 200, 200, 429, 429]);
  deepEqual(
    [await show(sealedCookie(ADMIN)), await show("lyftr_0=x"), await show("a=b")],
    [200, 200, 200],
  );
  const samples = series(await scrape(limited));
  equal(samples.get('api_key_checks_total{result="unauthorized"}'), 5);
});

test("over HTTPS the cookie has a name that only HTTPS and this host can set", async () => {
  const { key } = await makeKey();
  const headers = { origin: "https://inbox.example.com" };
  const [set = ""] = (await postKey(service.url, key, headers)).headers.getSetCookie();
  match(
    set,
    /^__Host-lyftr_[0-9a-f]{8}=v1\.[\w-]+; Max-Age=43200; Path=\/; HttpOnly; SameSite=Strict; Secure$/,
  );
  equal(await status(ask("/stats", { cookie: set.slice(0, set.indexOf(";")) })), 200);
});

test("a header counts, and the cookie beside it is not looked at", async () => {
  const cookie = await signIn(service.url, ADMIN);
  const { key } = await makeKey();
  for (const authorization of ["", "Bearer", "Bearer x", `Bearer ${key}x`, `Basic ${key}`])
    deepEqual(
      await seen(ask("/stats", { cookie, authorization, ...UI })),
      UNAUTHORIZED,
      authorization,
    );
  equal(await status(ask("/keys", { cookie, authorization: `Bearer ${key}`, ...UI })), 403);
  const shown = await ask("/session", { cookie, authorization: `Bearer ${key}`, ...UI });
  deepEqual(await shown.json(), { ...SIGNED_OUT, read: "keys" });
});

test("a cookie changes something only with X-Lyftr-UI, and a page of another origin makes it count for nothing", async () => {
  const cookie = await signIn(service.url, ADMIN);
  const { id } = await makeKey();
  const payload = JSON.stringify({ name: "by-form", scope: "admin" });
  for (const headers of [
    {},
    { "x-lyftr-ui": "" },
    { "x-lyftr-ui": "0" },
    { "x-lyftr-ui": "1, 1" },
    { "x-lyftr-ui": "true" },
    { origin: service.url, "content-type": "text/plain" },
    { ...UI, "sec-fetch-site": "same-site" },
    { ...UI, "sec-fetch-site": "cross-site" },
  ]) {
    const all = { cookie, ...headers } as Record<string, string>;
    deepEqual(await seen(ask(`/keys/${id}`, all, "DELETE")), UNAUTHORIZED);
    deepEqual(await seen(ask("/keys", all, "POST", payload)), UNAUTHORIZED);
    deepEqual(await seen(ask("/senders/919876543210", all, "DELETE")), UNAUTHORIZED);
  }
  for (const site of ["same-site", "cross-site", "", "none, same-site"])
    for (const path of ["/messages", "/docs", "/openapi.json"])
      equal(await status(ask(path, { cookie, "sec-fetch-site": site, ...UI })), 401, site);
  for (const site of ["same-origin", "none"])
    equal(await status(ask("/messages", { cookie, "sec-fetch-site": site })), 200, site);
  equal(await status(ask("/keys", { cookie, ...UI }, "POST", payload)), 201);
  equal(await status(ask(`/keys/${id}`, { cookie, ...UI }, "DELETE")), 204);
});

test("signing in and out need X-Lyftr-UI: without it no key is checked and no cookie is set or ended", async () => {
  const cookie = await signIn(service.url, ADMIN);
  const payload = JSON.stringify({ key: ADMIN });
  for (const headers of [{}, { "x-lyftr-ui": "2" }, { "content-type": "text/plain" }]) {
    for (const [method, sent] of [
      ["POST", payload],
      ["DELETE", undefined],
    ] as const) {
      const answer = await ask("/session", { cookie, ...headers }, method, sent);
      deepEqual([answer.status, answer.headers.getSetCookie()], [401, []], method);
    }
  }
  const old = sealedCookie(ADMIN, { signedInMsAgo: 7 * HOUR_MS });
  const shown = await ask("/session", { cookie: old, "sec-fetch-site": "same-site" });
  deepEqual(
    [await shown.json(), shown.headers.getSetCookie()],
    [{ ...SIGNED_OUT, read: "keys" }, []],
  );
});

test("no page of another origin may send the header or read with the cookie, listed or not", async () => {
  const cookie = await signIn(service.url, ADMIN);
  for (const origin of [ORIGIN, "https://other.example", "null"]) {
    for (const path of ["/session", "/keys", "/messages", "/ui/"]) {
      for (const method of ["GET", "POST", "DELETE"]) {
        const { headers } = await ask(
          path,
          {
            origin,
            "access-control-request-method": method,
            "access-control-request-headers": "x-lyftr-ui",
          },
          "OPTIONS",
        );
        doesNotMatch(headers.get("access-control-allow-headers") ?? "", /lyftr|\*/i);
        equal(headers.get("access-control-allow-credentials"), null);
      }
      const { headers } = await ask(path, { origin, cookie, ...UI });
      equal(headers.get("access-control-allow-credentials"), null);
      notEqual(headers.get("access-control-allow-origin"), "*");
    }
    const { headers } = await postKey(service.url, ADMIN, { origin });
    equal(headers.get("access-control-allow-origin"), null);
  }
});

test("the dashboard renews the cookie in its second half, for 7 days at most", async () => {
  const { key, name } = await makeKey();
  const show = async (signedInMsAgo: number, madeMsAgo = signedInMsAgo) => {
    const cookie = sealedCookie(key, { signedInMsAgo, madeMsAgo });
    const answer = await ask("/session", { cookie });
    const told = (await answer.json()) as { name: string | null; expires_at: string };
    const set = answer.headers.getSetCookie();
    return { told, set, leftMs: Date.parse(told.expires_at) - Date.now() };
  };
  const young = await show(5.9 * HOUR_MS);
  deepEqual([young.told.name, young.set.length], [name, 0]);
  const old = await show(6.1 * HOUR_MS);
  deepEqual([old.told.name, old.set.length], [name, 1]);
  ok(Math.abs(old.leftMs - 12 * HOUR_MS) < 20_000, `${old.leftMs}`);
  const [renewed = ""] = old.set;
  equal(await status(ask("/stats", { cookie: renewed.slice(0, renewed.indexOf(";")) })), 200);
  const last = await show(7 * 24 * HOUR_MS - HOUR_MS, 11.5 * HOUR_MS);
  ok(Math.abs(last.leftMs - HOUR_MS) < 20_000, `${last.leftMs}`);
  match(last.set[0] ?? "", /Max-Age=(3600|359\d);/);
  for (const over of [await show(12 * HOUR_MS), await show(7 * 24 * HOUR_MS, 12.1 * HOUR_MS)])
    deepEqual([over.told, over.set], [{ ...SIGNED_OUT, read: "keys" }, []]);
  // Only GET /session renews.
  const cookie = sealedCookie(key, { signedInMsAgo: 7 * HOUR_MS });
  deepEqual((await ask("/stats", { cookie, ...UI })).headers.getSetCookie(), []);
});

test("a trusted proxy says HTTPS in any case, and no other word of it is taken", async () => {
  await using proxied = await startService({ ADMIN_API_KEY: ADMIN, TRUST_PROXY: "loopback" });
  const isSecure = async (proto: string) => {
    const answer = await postKey(proxied.url, ADMIN, { "x-forwarded-proto": proto });
    return cookieIn(answer).startsWith("__Host-");
  };
  for (const proto of ["https", "HTTPS", "http, Https "]) equal(await isSecure(proto), true, proto);
  for (const proto of ["http", "https, http", "httpsx", "wss", ""])
    equal(await isSecure(proto), false, proto);
  const plain = sealedCookie(ADMIN);
  const headers = { cookie: plain, "x-forwarded-proto": "HTTPS" };
  equal(await status(fetch(`${proxied.url}/stats`, { headers })), 401);
});

test("over HTTPS the renewed cookie has the name of the old one, and replaces it", async () => {
  const { key } = await makeKey();
  const cookie = `__Host-${sealedCookie(key, { signedInMsAgo: 7 * HOUR_MS })}`;
  const [set = ""] = (await ask("/session", { cookie })).headers.getSetCookie();
  equal(set.split("=")[0], cookie.split("=")[0]);
  match(set, /; Secure$/);
});

test("a session ends with its key: revoked, expired, or past the overlap of a rotation", async () => {
  const revoked = await makeKey();
  const cookie = await signIn(service.url, revoked.key);
  const admin = { authorization: `Bearer ${ADMIN}` };
  equal(await status(ask(`/keys/${revoked.id}`, admin, "DELETE")), 204);
  deepEqual(await seen(ask("/stats", { cookie })), UNAUTHORIZED);
  deepEqual(await (await ask("/session", { cookie, ...UI })).json(), {
    ...SIGNED_OUT,
    read: "keys",
  });
  const rotated = await makeKey();
  const rotatedCookie = await signIn(service.url, rotated.key);
  const overlap = JSON.stringify({ overlap: "0" });
  equal(await status(ask(`/keys/${rotated.id}/rotate`, admin, "POST", overlap)), 201);
  deepEqual(await seen(ask("/stats", { cookie: rotatedCookie })), UNAUTHORIZED);
  const short = await makeKey("read", { expires_in: "2s" });
  const shortCookie = await signIn(service.url, short.key);
  const deadline = performance.now() + 10_000;
  while ((await status(ask("/stats", { cookie: shortCookie }))) !== 401)
    ok(performance.now() < deadline);
});

test("every replica opens the cookie, and refuses it within 5 seconds after another one has revoked the key", async () => {
  await using database = await testedDatabase();
  await using maker = await KeyMaker.of(database.url);
  const { text, key } = await maker.make({ scope: "admin" });
  const env = { DATABASE_URL: database.url };
  await using one = await startService(env);
  await using other = await startService(env);
  const cookie = await signIn(one.url, text);
  const read = () => fetch(`${other.url}/stats`, { headers: { cookie } }).then((r) => r.status);
  equal(await read(), 200);
  const headers = { cookie, ...UI };
  equal(await status(fetch(`${one.url}/keys/${key.id}`, { method: "DELETE", headers })), 204);
  const startMs = performance.now();
  while ((await read()) !== 401) ok(performance.now() - startMs < 5_000);
});

test("a cookie is opened under the previous secrets too, and under MASTER_KEY first", async () => {
  const MASTER_KEY = "a master key of thirty-two characters";
  const base = { ADMIN_API_KEY: ADMIN };
  const reads = async (env: Readonly<Record<string, string>>, cookie: string) => {
    await using other = await startService({ ...base, ...env });
    return status(fetch(`${other.url}/stats`, { headers: { cookie } }));
  };
  const old = sealedCookie(ADMIN);
  equal(await reads({ WEBHOOK_SECRET: "another secret" }, old), 401);
  const rotated = { WEBHOOK_SECRET: "another secret", WEBHOOK_SECRET_PREVIOUS: "0123456789abcdef" };
  equal(await reads(rotated, sealedCookie(ADMIN, { secret: "0123456789abcdef" })), 200);
  const ended = { ...rotated, WEBHOOK_SECRET_PREVIOUS: "0123456789abcdef@2020-01-01T00:00:00Z" };
  equal(await reads(ended, sealedCookie(ADMIN, { secret: "0123456789abcdef" })), 401);
  equal(await reads({ MASTER_KEY }, old), 200);
  equal(await reads({}, sealedCookie(ADMIN, { secret: MASTER_KEY })), 401);
  await using sealed = await startService({ ...base, MASTER_KEY });
  const cookie = await signIn(sealed.url, ADMIN);
  equal(cookie.split("=")[0], sealedCookie(ADMIN, { secret: MASTER_KEY }).split("=")[0]);
  equal(await status(ask("/stats", { cookie })), 401, "the service without MASTER_KEY");
});

test("without any secret a process opens the cookies that it made itself", async () => {
  await using bare = await startService({ WEBHOOK_SECRET: "", ADMIN_API_KEY: ADMIN });
  const cookie = await signIn(bare.url, ADMIN);
  equal(await status(fetch(`${bare.url}/stats`, { headers: { cookie } })), 200);
  equal(
    await status(fetch(`${bare.url}/stats`, { headers: { cookie: sealedCookie(ADMIN) } })),
    401,
  );
});

test("signing out ends the cookie in this browser, under every name, and clears what it kept", async () => {
  const cookie = await signIn(service.url, ADMIN);
  const secure = sealedCookie(ADMIN).replace(/^/, "__Host-");
  const answer = await ask("/session", { cookie: `${cookie}; ${secure}`, ...UI }, "DELETE");
  deepEqual([answer.status, answer.headers.get("clear-site-data")], [204, '"cache"']);
  const name = cookie.split("=")[0];
  deepEqual(answer.headers.getSetCookie(), [
    `__Host-${name}=; Max-Age=0; Path=/; HttpOnly; SameSite=Strict; Secure`,
    `${name}=; Max-Age=0; Path=/; HttpOnly; SameSite=Strict`,
  ]);
  const none = await ask("/session", UI, "DELETE");
  deepEqual([none.status, none.headers.getSetCookie()], [204, []]);
});

test("requests with a cookie are those of the key: in the log, the audit, the limits and the last use", async () => {
  await using own = await startService({
    ADMIN_API_KEY: ADMIN,
    RATE_LIMIT_PER_KEY: "60/1h,burst=4",
  });
  const { id, key, name } = await makeKey("admin", {}, own);
  const cookie = await signIn(own.url, key, { "x-request-id": "sign-in" });
  const get = (path: string, headers: Readonly<Record<string, string>>) =>
    status(fetch(own.url + path, { headers }));
  const made = await fetch(`${own.url}/keys`, {
    method: "POST",
    headers: { cookie, ...UI, "x-request-id": "made" },
    body: JSON.stringify({ name: "by-cookie", scope: "read" }),
  });
  equal(made.status, 201);
  equal((await own.line(({ request_id }) => request_id === "sign-in")).api_key, name);
  equal((await own.line(({ request_id }) => request_id === "made")).api_key, name);
  equal(await get("/stats", { authorization: `Bearer ${key}` }), 200);
  equal(await get("/stats", { cookie }), 200);
  deepEqual(
    [await get("/stats", { cookie }), await get("/session", { cookie, ...UI })],
    [429, 429],
  );
  const admin = { headers: { authorization: `Bearer ${ADMIN}` } };
  const audit = (await (await fetch(`${own.url}/audit`, admin)).json()) as {
    readonly data: readonly { readonly actor: string; readonly subject: string }[];
  };
  ok(audit.data.some(({ actor, subject }) => actor === `key:${name}` && subject === "by-cookie"));
  const { data } = (await (await fetch(`${own.url}/keys`, admin)).json()) as {
    readonly data: readonly { readonly id: string; readonly last_used_at: string | null }[];
  };
  notEqual(data.find((one) => one.id === id)?.last_used_at, null);
});

test("the log has the reason of a refused cookie, and no log line has a key or a cookie", async () => {
  const { id, key } = await makeKey("admin");
  const cookie = await signIn(service.url, key);
  const reasonOf = async (headers: Readonly<Record<string, string>>, method = "GET") => {
    const request = `reason-${++names}`;
    await ask("/keys/none", { ...headers, "x-request-id": request }, method);
    return (await service.line(({ request_id }) => request_id === request)).reason;
  };
  const old = sealedCookie(key, { signedInMsAgo: 13 * HOUR_MS });
  equal(await reasonOf({ cookie }, "DELETE"), "no_ui_header");
  equal(await reasonOf({ cookie, ...UI, "sec-fetch-site": "same-site" }, "DELETE"), "other_origin");
  equal(await reasonOf({ cookie: old, ...UI }, "DELETE"), "session_expired");
  equal(await reasonOf({ cookie: cookie.slice(0, -3), ...UI }, "DELETE"), "session_unreadable");
  equal(await reasonOf({ cookie: "theme=dark", ...UI }, "DELETE"), "no_header");
  await ask(`/keys/${id}`, { authorization: `Bearer ${ADMIN}` }, "DELETE");
  equal(await reasonOf({ cookie, ...UI }, "DELETE"), "revoked");
  await postKey(service.url, key, { "x-request-id": "refused" });
  equal((await service.line(({ request_id }) => request_id === "refused")).reason, "revoked");
  await postKey(service.url, [key, cookie], { "x-request-id": "invalid" });
  await service.line(({ request_id }) => request_id === "invalid");
  const log = JSON.stringify(service.lines);
  for (const secret of [key.slice(10), ADMIN, cookie.split("=")[1] ?? "", cookie.slice(0, 14)])
    ok(!log.includes(secret), secret);
});

test("a webhook does not look at cookies: a broken, endless or valid one changes nothing", async () => {
  const cookies = [await signIn(service.url, ADMIN), "lyftr_x=;=;", `a=${"x".repeat(8_000)}`];
  for (const [at, cookie] of cookies.entries()) {
    const headers = { cookie, "x-request-id": `hook-${at}` };
    const answer = await post(service.url, body({ message_id: `cookie-${at}` }), headers);
    deepEqual([answer.status, await answer.text()], [200, '{"status":"ok"}']);
    const line = await service.line(({ request_id }) => request_id === `hook-${at}`);
    equal(line.api_key, undefined);
    const unsigned = await post(service.url, body(), { ...headers, "x-signature": "0" });
    equal(unsigned.status, 401);
  }
});

test("GET /session says who may read: all, all until the first key, or clients with a key", async () => {
  const readOf = async (from: Service) => (await getJson(`${from.url}/session`)).read;
  await using auto = await startService();
  equal(await readOf(auto), "until_first_key");
  await using maker = await KeyMaker.of(auto.databaseUrl);
  const { text } = await maker.make({ scope: "read" });
  const deadline = performance.now() + 5_000;
  while ((await readOf(auto)) !== "keys") ok(performance.now() < deadline);
  equal(await status(postKey(auto.url, text)), 200);
  equal(await readOf(service), "keys");
  await using open = await startService({ READ_AUTH: "open", ADMIN_API_KEY: ADMIN });
  equal(await readOf(open), "open");
  const cookie = await signIn(open.url, ADMIN);
  const line = open.line(({ request_id }) => request_id === "open");
  const headers = { cookie, "x-request-id": "open" };
  equal((await fetch(`${open.url}/stats`, { headers })).headers.get("x-read-auth"), "open");
  equal((await line).api_key, "ADMIN_API_KEY");
  equal(await status(fetch(`${open.url}/stats`, { headers: { cookie: "lyftr_=x" } })), 200);
});
