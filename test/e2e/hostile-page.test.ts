import { deepEqual, equal, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import type { Page } from "playwright-core";
import { bearer } from "../support/api-keys.ts";
import { startBrowser, type TestBrowser } from "../support/browser.ts";
import { body, post, type Service, startService } from "../support/service.ts";
import { unlessTool } from "../support/tools.ts";

// A person is signed in to the dashboard and opens a hostile page in another tab of the browser.
// The page is on another port of the host, on another name of the site, or elsewhere.

const ADMIN = "an-admin-key-of-the-tests-0123456789-abcdef";
const PERSON = "919876543210";
const WAIT_MS_MAX = 15_000;
const skip = unlessTool("chromium");
/**
 * Names of this machine. Browsers trust 127.0.0.1 as they trust HTTPS, and say which site causes a
 * request. For plain HTTP to another name they do not.
 */
const NAMES = "--host-resolver-rules=MAP *.test 127.0.0.1";
const READ = ["session", "messages", "keys", "stats", "audit", "openapi.json", "ui/", "docs"];
const FRAMED = ["ui/", "docs", "messages", "session"];
const SCRIPT = readFileSync(new URL("../support/hostile-page.js", import.meta.url), "utf8");

let browser: TestBrowser;
before(async () => {
  if (!skip) browser = await startBrowser({ more: [NAMES] });
});
after(() => browser?.[Symbol.asyncDispose]());

/** The hostile page, at every address of its port. */
async function hostilePort(): Promise<{ readonly port: number } & AsyncDisposable> {
  const page = `<title>Win a prize</title><body><script>${SCRIPT}</script>`;
  const server = createServer((_request, response) =>
    response.setHeader("content-type", "text/html").end(page),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Runs a function of the hostile page. */
function run(
  page: Page,
  name: "read" | "act" | "frame" | "openWindow",
  ...args: readonly unknown[]
) {
  return page.evaluate(`hostile.${name}(...${JSON.stringify(args)})`);
}

/** Sends a request like the dashboard itself, from one of its pages. */
function own(page: Page, path: string, method = "GET", payload?: unknown) {
  const init = {
    method,
    headers: { "x-lyftr-ui": "1" },
    ...(payload === undefined ? {} : { body: JSON.stringify(payload) }),
  };
  const request = `fetch("../${path}", ${JSON.stringify(init)})`;
  return page.evaluate(`${request}.then((answer) => answer.json())`) as Promise<
    Readonly<Record<string, unknown>>
  >;
}

async function call(service: Service, path: string, init: RequestInit = {}) {
  const answer = await fetch(service.url + path, { headers: bearer(ADMIN), ...init });
  return (await answer.json()) as Readonly<Record<string, unknown>>;
}

/** Everything that a hostile page could have changed. */
async function stateOf(service: Service) {
  const { data } = await call(service, "/keys");
  const keys = (data as readonly Record<string, unknown>[]).map((key) => ({
    ...key,
    last_used_at: null,
  }));
  return { keys, audit: await call(service, "/audit"), messages: await call(service, "/messages") };
}

/** `reason` shows whether the browser sent the cookie with the forms, and why it did not count. */
const PAGES = [
  { name: "another port", host: "127.0.0.1", hostile: "127.0.0.1", reason: "other_origin" },
  { name: "another site", host: "127.0.0.1", hostile: "localhost", reason: "no_header" },
  {
    name: "another port, over plain HTTP",
    host: "inbox.test",
    hostile: "inbox.test",
    reason: "no_ui_header",
  },
  {
    name: "another name of the site, over plain HTTP",
    host: "inbox.test",
    hostile: "evil.inbox.test",
    reason: "no_ui_header",
  },
] as const;

for (const { name, host, hostile, reason } of PAGES) {
  test(`a hostile page on ${name} can neither read, nor act, nor sign in or out, nor frame`, {
    skip,
    timeout: 120_000,
  }, async () => {
    const env = { ADMIN_API_KEY: ADMIN, RATE_LIMIT_FAILED_AUTH: "off" };
    await using service = await startService(env);
    await using other = await hostilePort();
    equal((await post(service.url, body({ from: `+${PERSON}` }))).status, 200);
    const make = (fields: object) =>
      call(service, "/keys", { method: "POST", body: JSON.stringify(fields) });
    const victim = await make({ name: "victim", scope: "admin" });
    const attacker = await make({ name: "attacker", scope: "read" });
    const url = `http://${host}:${service.port}`;
    const { page } = await browser.open();
    await page.goto(`${url}/ui/`);
    equal((await own(page, "session", "POST", { key: victim.key })).name, "victim");
    const state = await stateOf(service);

    const evil = await page.context().newPage();
    let blocked = 0;
    evil.on("console", (message) => {
      if (message.text().includes("frame-ancestors")) blocked += 1;
    });
    await evil.goto(`http://${hostile}:${other.port}/`);
    await page.close();
    const logged = service.lines.length;
    const reads = (await run(evil, "read", url, READ)) as Readonly<Record<string, string>>;
    equal(Object.keys(reads).length, 6 * READ.length);
    for (const [way, told] of Object.entries(reads))
      ok(told === "TypeError" || told === "blocked", `${way}: ${told}`);
    await run(evil, "act", url, [
      ["POST", "keys", JSON.stringify({ name: "evil", scope: "admin" })],
      ["POST", "erasures", JSON.stringify({ number: `+${PERSON}` })],
      ["POST", "session", JSON.stringify({ key: attacker.key })],
      ["DELETE", "session", ""],
      ["DELETE", `senders/${PERSON}`, ""],
    ]);
    await run(evil, "frame", url, FRAMED);
    // The answers to the three forms are not shown in frames either.
    const deadline = performance.now() + WAIT_MS_MAX;
    while (blocked < FRAMED.length + 3) {
      ok(performance.now() < deadline, `${blocked} frames`);
      await setTimeout(20);
    }

    const caused = service.lines.slice(logged);
    const posted = caused.filter(({ method, path }) => method === "POST" && path === "/keys");
    ok(posted.length >= 3, `${posted.length} requests`);
    const reasons = new Set(posted.map(({ status, reason }) => `${status} ${reason}`));
    ok(reasons.has(`401 ${reason}`), [...reasons].join());
    ok(
      [...reasons].every((told) => told.startsWith("401 ")),
      [...reasons].join(),
    );
    if (host === "127.0.0.1")
      deepEqual(
        caused.filter(({ api_key }) => api_key === "victim"),
        [],
      );
    const left = await run(evil, "openWindow", url, WAIT_MS_MAX);
    equal(left, host === "127.0.0.1" ? "nothing" : "SecurityError");
    deepEqual(await stateOf(service), state);

    const again = await evil.context().newPage();
    await again.goto(`${url}/ui/`);
    equal((await own(again, "session")).name, "victim");
    const made = await own(again, "keys", "POST", { name: "own", scope: "read" });
    equal(made.name, "own", "the dashboard itself may");
    await again.context().close();
  });
}
