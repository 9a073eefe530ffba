import { deepEqual, equal, ok } from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import type { Page, Route } from "playwright-core";
import { askedRequests, noteRequests, untilAnswered } from "../support/asked-requests.ts";
import { expectNoOverflow, type TestPage } from "../support/browser.ts";
import {
  expectOnlyCaused,
  PAGES,
  type PagesWorld,
  startPagesWorld,
} from "../support/dashboard-pages.ts";
import { unlessTool } from "../support/tools.ts";

const skip = unlessTool("chromium");
/** Longer than every interval in which a page asks, and than every pause after a failure. */
const PAST_ALL_MS = 31_000;
const RETRY_SECONDS = 25;
const BEFORE_RETRY_MS = 15_000;

let world: PagesWorld;
let ops: TestPage;
before(async () => {
  if (skip !== false) return;
  world = await startPagesWorld();
  ops = world.ops;
  await noteRequests(ops.page);
});
// A test that fails leaves nothing for the next one.
afterEach(() => world?.forget());
after(() => world?.[Symbol.asyncDispose]());

// The first test runs before any message is sent.
test("each page says that there is nothing, and what would be there", { skip }, async () => {
  const { page } = ops;
  for (const { name, address, empty } of PAGES) {
    if (empty === undefined) continue;
    await world.show(page, empty.address ?? address);
    await page.locator("main").getByText(empty.text).first().waitFor();
    equal(await page.locator(".trouble").count(), 0, name);
    await expectNoOverflow(page);
  }
  await expectOnlyOwnKey(page);
  deepEqual(ops.complaints, []);
});

test("then messages come in, and one request is refused", { skip }, () => world.sendTalk());

/** The own key is the only one. */
async function expectOnlyOwnKey(page: Page): Promise<void> {
  await page.route("**/keys", async (route) => {
    const response = await route.fetch();
    const { data } = (await response.json()) as { data: readonly { name: string }[] };
    await route.fulfill({ response, json: { data: data.filter(({ name }) => name === "ops") } });
  });
  await world.show(page, "#/keys");
  await page.getByRole("cell", { name: "ops this is you" }).waitFor();
  equal(await page.locator(".page-keys tbody tr").count(), 1);
  equal(await page.locator(".ended").count(), 0);
  await page.unrouteAll({ behavior: "wait" });
}

for (const each of PAGES)
  test(`${each.name} fails in three ways, keeps what it has, and recovers by itself`, {
    skip,
  }, async () => {
    const { page } = ops;
    if (each.asksOnce !== true) await world.showContent(page, each);
    const failing = await failIn(page);
    // A request that was sent before is answered, and its next one comes before Retry-After.
    await untilAnswered(page);
    if (each.asksOnce === true) await world.show(page, each.address);
    else await page.clock.fastForward(PAST_ALL_MS);
    const trouble = page.locator("main .trouble").first();
    const says = async (sentence: RegExp) => {
      await trouble.filter({ hasText: sentence }).waitFor();
      const shown = await page.locator(each.content).first().isVisible();
      equal(shown, each.asksOnce !== true, `${each.name}: ${sentence}`);
    };
    await says(/The service cannot answer at the moment\..*Trying again in \d+ s\.\s*Now$/);
    await expectNoOverflow(page);
    await untilAnswered(page);
    const asked = await askedRequests(page);
    ok(asked.length > 0);
    await page.clock.fastForward(BEFORE_RETRY_MS);
    deepEqual(await askedRequests(page), asked, "nothing is asked before Retry-After has passed");
    failing.be("proxy");
    await page.clock.fastForward(PAST_ALL_MS);
    await says(/Something between you and Lyftr has answered 502 since /);
    failing.be("offline");
    await page.clock.fastForward(PAST_ALL_MS);
    await says(/No connection since /);
    await failing.end();
    await page.clock.fastForward(PAST_ALL_MS);
    await page.locator("main .trouble").first().waitFor({ state: "detached" });
    await page.locator(each.content).first().waitFor();
    expectOnlyCaused(ops);
  });

test("the chart is not asked for before Retry-After, although whole minutes pass", {
  skip,
}, async () => {
  const { page } = ops;
  const isTimeline = (url: URL) => url.pathname === "/stats/timeline";
  const timelines = async () =>
    (await askedRequests(page)).filter((address) => isTimeline(new URL(address)));
  await world.show(page, "#/inbox");
  await untilAnswered(page);
  await page.route(isTimeline, (route) =>
    route.fulfill({ status: 503, headers: { "retry-after": "90" }, json: {} }),
  );
  const refused = page.waitForResponse((response) => isTimeline(new URL(response.url())));
  await world.show(page, "#/");
  await refused;
  await untilAnswered(page);
  const asked = await timelines();
  await page.clock.fastForward(70_000);
  await untilAnswered(page);
  deepEqual(await timelines(), asked);
  await page.unrouteAll({ behavior: "wait" });
  expectOnlyCaused(ops);
});

/** From now on no request for data is answered by the service. */
async function failIn(page: Page) {
  let how: "busy" | "proxy" | "offline" = "busy";
  const isApi = (url: URL) => !url.pathname.startsWith("/ui/") && url.pathname !== "/session";
  const fail = (route: Route) => {
    if (how === "offline") return route.abort("internetdisconnected");
    if (how === "proxy")
      return route.fulfill({
        status: 502,
        contentType: "text/html",
        body: "<html><h1>Bad gateway</h1></html>",
      });
    return route.fulfill({
      status: 503,
      headers: { "retry-after": String(RETRY_SECONDS) },
      json: { detail: "overloaded" },
    });
  };
  await page.route(isApi, fail);
  return {
    be: (next: typeof how) => {
      how = next;
    },
    end: () => page.unrouteAll({ behavior: "wait" }),
  };
}

test("a page that is opened while the service is busy says so, and comes by itself", {
  skip,
}, async () => {
  const { page } = ops;
  const busy = (route: Route) =>
    route.fulfill({ status: 503, headers: { "retry-after": String(RETRY_SECONDS) }, json: {} });
  await page.route("**/session", busy);
  await world.show(page, "#/inbox");
  await page.getByText("The service cannot answer at the moment. This page tries again.").waitFor();
  await page.unrouteAll({ behavior: "wait" });
  await page.clock.fastForward(PAST_ALL_MS);
  await page.locator("a.row").first().waitFor();
  equal(await page.locator(".trouble").count(), 0);
  expectOnlyCaused(ops);
});
