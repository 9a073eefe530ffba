import { deepEqual, ok } from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { Agent, request } from "node:http";
import { text } from "node:stream/consumers";
import { after, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { keyOf, type Scope } from "../../src/domain/api-key.ts";
import { KeyMaker } from "../support/api-keys.ts";
import { sealedCookie } from "../support/browser-session.ts";
import { type ListedRoute, routesDuring } from "../support/route-list.ts";
import { startService } from "../support/service.ts";
import { testedDatabase } from "../support/tested-store.ts";

// Every route of the server × every state of a key × every mode: access is granted exactly where it
// should be.

const ADMIN_API_KEY = "an-admin-key-of-32-characters-or-more";
const HOUR_MS = 3_600_000;
const AT_ONCE = 8;
const SHED_PAUSE_MS = 100;
const TIMES_SENT_MAX = 100;

/** Header lines, names and values in turn: some occur twice. `query` is appended to the path. */
interface Shown {
  readonly headers: readonly string[];
  readonly query?: string;
}

/** What the request shows, and whose key it is, for a server with or without ADMIN_API_KEY. */
interface KeyState extends Shown {
  readonly name: string;
  readonly scope: Scope | undefined;
  readonly onlyWithAdminKey?: true;
  /** A cookie alone is not enough for other methods than GET and HEAD. */
  readonly onlyReads?: true;
}

type Access = "open" | "read" | "admin" | "metrics" | "dashboard";

interface Mode {
  readonly name: string;
  readonly env: Readonly<Record<string, string>>;
  /** Whether there are keys in its database. */
  readonly keys: boolean;
  readonly open: boolean;
}

const database = await testedDatabase();
const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
after(async () => {
  agent.destroy();
  await database[Symbol.asyncDispose]();
});
const states = await keyStates();

const CLOSED = { ADMIN_API_KEY, METRICS_AUTH: "required" };
const MODES: readonly Mode[] = [
  { name: "auto without keys", env: {}, keys: false, open: true },
  { name: "auto with ADMIN_API_KEY alone", env: { ADMIN_API_KEY }, keys: false, open: false },
  { name: "auto with keys", env: {}, keys: true, open: false },
  {
    name: "auto with keys and ADMIN_API_KEY, guarded metrics",
    env: CLOSED,
    keys: true,
    open: false,
  },
  { name: "required", env: { READ_AUTH: "required" }, keys: true, open: false },
  {
    name: "required, guarded metrics",
    env: { ...CLOSED, READ_AUTH: "required" },
    keys: true,
    open: false,
  },
  { name: "open with keys", env: { READ_AUTH: "open" }, keys: true, open: true },
  { name: "open, guarded metrics", env: { ...CLOSED, READ_AUTH: "open" }, keys: true, open: true },
];

for (const mode of MODES) {
  test(`${mode.name}: access is granted exactly where it should be`, {
    timeout: 180_000,
  }, async (t) => {
    let service = undefined as unknown as Awaited<ReturnType<typeof startService>>;
    const env = { ...mode.env, RATE_LIMIT_FAILED_AUTH: "off", LOG_LEVEL: "CRITICAL" };
    const routes = await routesDuring(async () => {
      service = await startService({ ...env, ...(mode.keys && { DATABASE_URL: database.url }) });
    });
    await using _closed = service;
    ok(
      routes.length >= 40 && states.length >= 60,
      `${routes.length} routes, ${states.length} states`,
    );
    const wrong: string[] = [];
    let asked = 0;
    const cases = routes.flatMap((route) => states.map((state) => ({ route, state })));
    const next = cases.values();
    const worker = async () => {
      for (const { route, state } of next) {
        const expected = expectation(mode, route, state);
        const told = await outcome(service.port, route, state);
        asked += 1;
        if (told !== expected)
          wrong.push(`${route.method} ${route.url} with ${state.name}: ${told}, not ${expected}`);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    t.diagnostic(`${asked} requests: ${routes.length} routes × ${states.length} states`);
    deepEqual([wrong, asked], [[], cases.length]);
  });
}

test("thousands of guesses over HTTP are all refused", { timeout: 60_000 }, async () => {
  await using service = await startService({
    DATABASE_URL: database.url,
    RATE_LIMIT_FAILED_AUTH: "off",
    LOG_LEVEL: "CRITICAL",
  });
  const route = { method: "GET", url: "/keys" };
  const guess = () =>
    outcome(service.port, route, {
      headers: ["authorization", `Bearer ${keyOf(randomBytes(32))}`],
    });
  const told = new Set<string>();
  const guesses = async (count: number) => {
    const worker = async () => {
      for (let made = 0; made < count / AT_ONCE; made++) told.add(await guess());
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  };
  await guesses(4_000);
  deepEqual([...told], ["unauthorized"]);
});

/**
 * The required access by the contract, not by the code: routes that change or show keys are for
 * admins, new routes are guarded.
 */
function accessOf({ method, url }: ListedRoute): Access {
  if (url === "/webhook" || /^\/(health\/(live|ready)|healthz|livez|readyz)$/.test(url))
    return "open";
  if (url === "/" || url === "/favicon.ico" || /^\/ui(\/|$)/.test(url)) return "open";
  if (url === "/metrics") return "metrics";
  if (url === "/session") return ["GET", "HEAD"].includes(method) ? "open" : "dashboard";
  return /^\/(keys|secrets|audit|settings)\b/.test(url) || !["GET", "HEAD"].includes(method)
    ? "admin"
    : "read";
}

function expectation(
  { env, keys, open }: Mode,
  route: ListedRoute,
  { scope: shown, onlyWithAdminKey, onlyReads, headers }: KeyState,
): string {
  const isKnown = onlyWithAdminKey ? env.ADMIN_API_KEY !== undefined : keys;
  const counts = !onlyReads || ["GET", "HEAD"].includes(route.method);
  const scope = isKnown && counts ? shown : undefined;
  const access = accessOf(route);
  const isOpen = {
    open: true,
    read: open,
    admin: false,
    metrics: env.METRICS_AUTH !== "required",
    // It is not a key that this route wants, but a page of the service.
    dashboard: headers[headers.indexOf("x-lyftr-ui") + 1] === "1",
  }[access];
  if (access === "dashboard" && !isOpen) return "unauthorized";
  if (isOpen) return access === "read" ? "allowed, open" : "allowed";
  if (scope === undefined) return "unauthorized";
  return access === "admin" && scope !== "admin" ? "forbidden" : "allowed";
}

/**
 * The outcome of a request. A busy server sheds some before it checks their keys: these are sent
 * again.
 */
async function outcome(port: number, route: ListedRoute, shown: Shown): Promise<string> {
  for (let sent = 1; ; sent++) {
    const told = await outcomeOnce(port, route, shown);
    if (told !== "shed" || sent === TIMES_SENT_MAX) return told;
    await setTimeout(SHED_PAUSE_MS);
  }
}

/** Refused as the contract says, admitted with any result of the route, or shed. */
async function outcomeOnce(
  port: number,
  { method, url }: ListedRoute,
  { headers, query = "" }: Shown,
): Promise<string> {
  const path = url.replace(/:[a-z_]+/g, "x").replace("*", "index.css") + query;
  const asked = request({
    port,
    host: "127.0.0.1",
    method,
    path,
    agent,
    headers: ["host", "localhost", ...headers],
  });
  asked.end();
  const answer = await new Promise<import("node:http").IncomingMessage>((resolve, reject) =>
    asked.once("response", resolve).once("error", reject),
  );
  const body = await text(answer);
  const { statusCode: status = 0, headers: told } = answer;
  const says = (detail: string) => method === "HEAD" || body === JSON.stringify({ detail });
  const opened = told["x-read-auth"] === undefined ? "" : `, ${told["x-read-auth"]}`;
  if (status === 401 && told["www-authenticate"] === "Bearer" && says("unauthorized"))
    return `unauthorized${opened}`;
  if (status === 403 && says("forbidden")) return `forbidden${opened}`;
  if (
    status === 503 &&
    told["retry-after"] !== undefined &&
    told["x-read-auth"] === undefined &&
    says("overloaded")
  )
    return "shed";
  // A route may refuse concurrent requests. That is not a refusal of the key.
  const ofRoute =
    (status < 500 || status === 503) &&
    (status !== 401 || body === JSON.stringify({ detail: "invalid signature" }));
  return ofRoute && status !== 403 ? `allowed${opened}` : `${status} ${body.slice(0, 100)}`;
}

async function keyStates(): Promise<readonly KeyState[]> {
  await using maker = await KeyMaker.of(database.url);
  const now = Date.now();
  const read = (await maker.make()).text;
  const admin = (await maker.make({ scope: "admin" })).text;
  const expiring = (await maker.make({ lifeMs: HOUR_MS })).text;
  const expired = (await maker.make({ scope: "admin", lifeMs: HOUR_MS, atMs: now - 2 * HOUR_MS }))
    .text;
  const revoked = await maker.make({ scope: "admin" });
  await maker.revoke(revoked);
  const within = await maker.make({ scope: "admin" });
  const successor = await maker.rotate(within, HOUR_MS);
  const past = await maker.make({ scope: "admin", atMs: now - 3 * HOUR_MS });
  const after = await maker.rotate(past, HOUR_MS, now - 2 * HOUR_MS);
  const at = 20;
  const changed = admin.slice(0, at) + (admin[at] === "a" ? "b" : "a") + admin.slice(at + 1);
  const sent = (...headers: string[]) => ({ headers });
  const auth = (value: string) => sent("authorization", value);
  const good = (name: string, value: string, scope: Scope) => ({ name, scope, ...auth(value) });
  const bad = (name: string, shown: Shown | string) => ({
    name,
    scope: undefined,
    ...(typeof shown === "string" ? auth(shown) : shown),
  });
  const basic = (user: string, password: string) =>
    `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
  const own = (name: string, value: string) => ({
    ...good(name, value, "admin"),
    onlyWithAdminKey: true as const,
  });
  const cookie = (value: string, ...more: string[]) => sent("cookie", value, ...more);
  const ui = ["x-lyftr-ui", "1"] as const;
  const sealed = sealedCookie(admin);
  const cookies: readonly KeyState[] = [
    { name: "a cookie of an admin key", scope: "admin", onlyReads: true, ...cookie(sealed) },
    { name: "one with X-Lyftr-UI", scope: "admin", ...cookie(sealed, ...ui) },
    { name: "one among others", scope: "admin", ...cookie(`a=b; ${sealed}; c="d"`, ...ui) },
    { name: "a cookie of a read key", scope: "read", ...cookie(sealedCookie(read), ...ui) },
    {
      name: "a cookie of ADMIN_API_KEY",
      scope: "admin",
      onlyWithAdminKey: true,
      ...cookie(sealedCookie(ADMIN_API_KEY), ...ui),
    },
    {
      name: "a cookie of an admin key beside the header of a read key",
      scope: "read",
      ...cookie(sealed, ...ui, "authorization", `Bearer ${read}`),
    },
    {
      name: "one with another X-Lyftr-UI",
      scope: "admin",
      onlyReads: true,
      ...cookie(sealed, "x-lyftr-ui", "0"),
    },
    bad("a cookie beside an empty header", cookie(sealed, ...ui, "authorization", "")),
    bad("a cookie beside a wrong key", cookie(sealed, ...ui, "authorization", "Bearer x")),
    bad("a cookie of another secret", cookie(sealedCookie(admin, { secret: "other" }), ...ui)),
    bad("a cut cookie", cookie(sealed.slice(0, -1), ...ui)),
    bad("a cookie with one character changed", cookie(sealed.replace(/.$/, "!"), ...ui)),
    bad("an expired cookie", cookie(sealedCookie(admin, { signedInMsAgo: 13 * HOUR_MS }), ...ui)),
    bad("a cookie of a revoked key", cookie(sealedCookie(revoked.text), ...ui)),
    bad("a cookie of an expired key", cookie(sealedCookie(expired), ...ui)),
    bad("a cookie of a key past its overlap", cookie(sealedCookie(past.text), ...ui)),
    bad("a key as the cookie", cookie(sealed.replace(/=.*/, `=${admin}`), ...ui)),
    bad("a cookie of a page elsewhere", cookie(sealed, ...ui, "sec-fetch-site", "same-site")),
    bad("X-Lyftr-UI alone", sent(...ui)),
  ];
  return [
    ...cookies,
    bad("nothing", sent()),
    bad("an empty header", ""),
    bad("a scheme without a key", "Bearer"),
    bad("a scheme and a blank", "Bearer "),
    bad("garbage", "Bearer \u00ff%00'; DROP TABLE api_keys"),
    bad("a long one", `Bearer ${"x".repeat(6_000)}`),
    bad("an unknown key", `Bearer ${keyOf(randomBytes(32))}`),
    bad("a key cut by one character", `Bearer ${admin.slice(0, -1)}`),
    bad("a key cut at its beginning", `Bearer ${admin.slice(1)}`),
    bad("a key with one character changed", `Bearer ${changed}`),
    bad("a key in capitals", `Bearer ${admin.toUpperCase()}`),
    bad("a key with more behind it", `Bearer ${admin} x`),
    bad("an expired key", `Bearer ${expired}`),
    bad("a revoked key", `Bearer ${revoked.text}`),
    bad("a key past its overlap", `Bearer ${past.text}`),
    bad("the hash of a key", `Bearer ${revoked.key.hash}`),
    bad("the id of a key", `Bearer ${successor.key.id}`),
    bad("X-Api-Key", sent("x-api-key", admin)),
    bad("?key=", { headers: [], query: `?key=${admin}&api_key=${admin}&access_token=${admin}` }),
    bad("a cookie", sent("cookie", `key=${admin}; authorization=Bearer ${admin}`)),
    bad("Proxy-Authorization", sent("proxy-authorization", `Bearer ${admin}`)),
    bad("Basic", basic("admin", admin)),
    bad("Basic with the key as the name", basic(admin, "")),
    bad("a key without a scheme", admin),
    bad("another scheme", `Token ${admin}`),
    bad("a tab before the key", `Bearer\t${admin}`),
    bad("a key in quotes", `Bearer "${admin}"`),
    bad("two keys in one header", `Bearer ${admin}, Bearer ${admin}`),
    bad(
      "the same header twice",
      sent("authorization", `Bearer ${admin}`, "Authorization", `Bearer ${admin}`),
    ),
    bad(
      "a wrong header behind a good one",
      sent("authorization", `Bearer ${admin}`, "authorization", "Bearer x"),
    ),
    bad(
      "a good header behind a wrong one",
      sent("authorization", "Bearer x", "authorization", `Bearer ${admin}`),
    ),
    good("a read key", `Bearer ${read}`, "read"),
    good("an admin key", `Bearer ${admin}`, "admin"),
    good("a key that will expire", `Bearer ${expiring}`, "read"),
    good("a rotated key within its overlap", `Bearer ${within.text}`, "admin"),
    good("its successor", `Bearer ${successor.text}`, "admin"),
    good("the successor of one past its overlap", `Bearer ${after.text}`, "admin"),
    good("bearer in lower case", `bearer ${read}`, "read"),
    good("BEARER in capitals", `BEARER ${admin}`, "admin"),
    good("a blank behind the key, which is no part of it", `Bearer ${read} `, "read"),
    good("two blanks before the key", `Bearer  ${read}`, "read"),
    own("ADMIN_API_KEY", `Bearer ${ADMIN_API_KEY}`),
    bad("ADMIN_API_KEY in capitals", `Bearer ${ADMIN_API_KEY.toUpperCase()}`),
    bad("ADMIN_API_KEY with more behind it", `Bearer ${ADMIN_API_KEY}x`),
    bad("the name of ADMIN_API_KEY", "Bearer ADMIN_API_KEY"),
  ];
}
