import { deepEqual, doesNotMatch, equal, ok } from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import type { Page } from "playwright-core";
import type { IssuedKey } from "../../src/keys/key-issuer.ts";
import { KeyMaker } from "../support/api-keys.ts";
import {
  expectNoComplaints,
  startBrowser,
  type TestBrowser,
  type TestPage,
} from "../support/browser.ts";
import { balanceAsShipped } from "../support/haproxy.ts";
import { freshDatabase, unlessPostgres } from "../support/postgres.ts";
import { prefixProxy } from "../support/prefix-proxy.ts";
import { REPLICAS, Replicas } from "../support/replicas.ts";
import { body, post } from "../support/service.ts";
import { unlessTool } from "../support/tools.ts";

// The dashboard over three replicas on PostgreSQL behind HAProxy, as compose.replicas.yaml has it.

const skip = unlessTool("chromium") || unlessTool("haproxy") || unlessPostgres();
/** The page asks for news every 2 s, but rests for 20 × as long as an answer took. */
const NEWS_MS_MAX = 30_000;
const WAIT_MS_MAX = 20_000;
/** What docs/operations/keys-and-secrets.md promises. */
const REVOKED_MS_MAX = 5_000;
/** The page asks every 2 s, and then the sign-in is drawn. */
const REVOKED_SHOWN_MS_MAX = REVOKED_MS_MAX + 3_000;
const BETWEEN_KILLS = 5;

const scope = new AsyncDisposableStack();
let maker: KeyMaker;
let key: IssuedKey;
let replicas: Replicas;
let balancer: Awaited<ReturnType<typeof balanceAsShipped>>;
let browser: TestBrowser;
before(async () => {
  if (skip !== false) return;
  const database = scope.use(await freshDatabase({ kind: "postgres" }));
  maker = scope.use(await KeyMaker.of(database.url));
  key = await maker.make({ name: "ops", scope: "admin" });
  const env = { READ_AUTH: "required", TRUST_PROXY: "127.0.0.1/32" };
  replicas = scope.use(await Replicas.on(database.url, env));
  balancer = scope.use(await balanceAsShipped(replicas.ports));
  browser = scope.use(await startBrowser());
});
after(() => scope.disposeAsync());

let sent = 0;
/** Sends a message and resolves with its id when it is acknowledged. */
async function send(url: string): Promise<string> {
  const id = `m${++sent}`;
  const payload = body({ message_id: id, ts: new Date().toISOString(), text: `Hello ${id}` });
  const answer = await post(url, payload);
  equal(answer.status, 200, await answer.text());
  return id;
}

async function signIn(url = balancer.url): Promise<TestPage> {
  const shown = await browser.open({ timezoneId: "Asia/Kolkata", locale: "en-GB" });
  await shown.page.goto(`${url}/ui/#/sign-in?key=${key.text}`);
  await shown.page.locator(".foot-line").waitFor();
  await countSignIns(shown.page);
  await shown.page.evaluate("location.hash = '#/inbox'");
  return shown;
}

/** Counts how often the sign-in comes over the page, even for a moment. */
function countSignIns(page: Page): Promise<unknown> {
  return page.evaluate(`
    globalThis.signIns = 0;
    new MutationObserver(() => {
      if (document.querySelector(".sign-in") !== null) globalThis.signIns++;
    }).observe(document.body, { childList: true, subtree: true });
  `);
}

async function cookieOf(page: Page): Promise<string> {
  const cookies = await page.context().cookies();
  equal(cookies.length, 1);
  return cookies.map(({ name, value }) => `${name}=${value}`).join("; ");
}

async function sessionAt(url: string, cookie: string) {
  const answer = await fetch(`${url}/session`, { headers: { cookie } });
  return (await answer.json()) as { signed_in: boolean; name?: string; scope?: string };
}

const row = (page: Page, id: string) => page.locator(`.row[data-key="native/${id}"]`);

/** Resolves when all of them are shown. Nothing but the page itself asks for them. */
async function expectShown(page: Page, ids: readonly string[]): Promise<void> {
  for (const id of ids) await row(page, id).waitFor({ timeout: NEWS_MS_MAX });
}

/** Every acknowledged message is on the page once. */
async function expectAll(page: Page, ids: readonly string[]): Promise<void> {
  await expectShown(page, ids);
  const keys = await page
    .locator(".row")
    .evaluateAll((rows) => rows.map((shown) => shown.getAttribute("data-key")));
  deepEqual(keys.toSorted(), ids.map((id) => `native/${id}`).toSorted());
}

const acknowledged: string[] = [];

test("one sign-in counts at every replica, and the Inbox shows what any of them took", {
  skip,
}, async () => {
  const shown = await signIn();
  const cookie = await cookieOf(shown.page);
  for (const { url } of replicas.all) {
    const { signed_in, name, scope: may } = await sessionAt(url, cookie);
    deepEqual({ signed_in, name, may }, { signed_in: true, name: "ops", may: "admin" });
    equal((await fetch(`${url}/messages`, { headers: { cookie } })).status, 200);
    equal((await fetch(`${url}/messages`)).status, 401);
  }
  for (const { url } of replicas.all) {
    const id = await send(url);
    acknowledged.push(id);
    await expectShown(shown.page, [id]);
  }
  await expectAll(shown.page, acknowledged);
  expectNoComplaints(shown, balancer.url);
});

test("each replica is killed in turn: the page shows all that was acknowledged, and stays signed in", {
  skip,
}, async () => {
  const { page } = await signIn();
  await expectAll(page, acknowledged);
  const cookie = await cookieOf(page);
  for (let index = 0; index < REPLICAS; index++) {
    const before = await send(replicas.all[index]?.url ?? "");
    equal(await replicas.end(index, "SIGKILL"), "SIGKILL");
    const after: string[] = [];
    for (let count = 0; count < BETWEEN_KILLS; count++) after.push(await send(balancer.url));
    acknowledged.push(before, ...after);
    await expectShown(page, [before, ...after]);
    await replicas.start(index);
    equal((await sessionAt(replicas.all[index]?.url ?? "", cookie)).signed_in, true);
  }
  await page.locator(".trouble").waitFor({ state: "detached" });
  await expectAll(page, acknowledged);
  equal(await page.evaluate("globalThis.signIns"), 0);
  await page.reload();
  await expectAll(page, acknowledged);
});

test("below a path of a proxy every page works, and nothing is asked for outside of it", {
  skip,
}, async () => {
  await using proxy = await prefixProxy(balancer.port);
  const shown = await signIn(proxy.url);
  const { page } = shown;
  await expectAll(page, acknowledged);
  await row(page, acknowledged[0] ?? "").click();
  await page.locator(".pane .message-text").waitFor();
  for (const link of await page.locator(".rail a[href^='#']:visible").all()) {
    await link.click();
    const heading = page.getByRole("heading", { level: 1 });
    await heading.waitFor({ state: "attached" });
    doesNotMatch((await heading.textContent()) ?? "", /No such page/, page.url());
    ok(page.url().startsWith(`${proxy.url}/ui/#/`), page.url());
  }
  const json = await page.context().request.get(`${proxy.url}/ui/../messages/${acknowledged[0]}`);
  equal(json.status(), 200);
  await page.goto(`${proxy.url}/`);
  await page.locator(".rail-foot").waitFor();
  ok(page.url().startsWith(`${proxy.url}/ui/`), page.url());
  deepEqual(proxy.strays, []);
  expectNoComplaints(shown, proxy.url);
});

test("when its key is revoked the session ends at every replica and on the page", {
  skip,
}, async () => {
  const { page } = await signIn();
  await expectAll(page, acknowledged);
  const cookie = await cookieOf(page);
  await maker.revoke(key);
  const revokedMs = performance.now();
  const ended = page.getByText("Your session has ended.").waitFor({ timeout: WAIT_MS_MAX });
  const shownMs = ended.then(() => performance.now() - revokedMs);
  for (const { url } of replicas.all) {
    while ((await fetch(`${url}/messages`, { headers: { cookie } })).status === 200) {
      ok(performance.now() - revokedMs < REVOKED_MS_MAX, `${url} still accepts the cookie`);
      await setTimeout(20);
    }
    equal((await sessionAt(url, cookie)).signed_in, false);
  }
  ok((await shownMs) < REVOKED_SHOWN_MS_MAX, `the page showed it after ${await shownMs} ms`);
  await expectShown(page, acknowledged.slice(-1));
});
