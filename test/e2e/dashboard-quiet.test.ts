import { equal, ok } from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Page } from "playwright-core";
import { type AdminWorld, startAdminWorld } from "../support/admin-pages.ts";
import { askedRequests, noteRequests, untilAnswered } from "../support/asked-requests.ts";
import { body, post } from "../support/service.ts";
import { unlessTool } from "../support/tools.ts";

const skip = unlessTool("chromium");

/** The step of the page's clock between two waits for answers. */
const STEP_MS = 100;
/** Half of the time after which it is quiet. */
const HALF_MS = 30_000;
/** While it is quiet the list is asked for every 5 s. */
const NEWS_SECONDS_MAX = 6;
/** After a slow answer the page rests, but at most this long. */
const REST_SECONDS_MAX = 300;

let world: AdminWorld;
before(async () => {
  // Seconds of the page pass in less, and what is cached would be out of date for longer.
  if (skip === false) world = await startAdminWorld({ CACHE_TTL_MS: "0" });
});
after(() => world?.[Symbol.asyncDispose]());

async function send(id: string): Promise<void> {
  equal((await post(world.service.url, body({ message_id: id, text: id }))).status, 200);
}

/** Stops the clock of a page. What is returned lets some seconds pass. */
async function stopClock(page: Page) {
  const now = await page.evaluate<number>("Date.now()");
  await page.clock.pauseAt(now + 1_000);
  /** Returns how often each was asked for. In this clock an answer takes no time. */
  return async (seconds: number) => {
    const before = (await askedRequests(page)).length;
    for (let ms = 0; ms < seconds * 1_000; ms += STEP_MS) {
      await page.clock.runFor(STEP_MS);
      await untilAnswered(page);
    }
    const asked = (await askedRequests(page)).slice(before);
    const counts = { list: 0, count: 0, figures: 0 };
    for (const address of asked) {
      const { pathname, searchParams } = new URL(address);
      if (pathname === "/overview") counts.figures++;
      else if (pathname === "/messages" && searchParams.get("count") === "none") counts.list++;
      else if (pathname === "/messages") counts.count++;
    }
    return counts;
  };
}

test("while nothing happens the page asks less often; news and a touch bring it back", {
  skip,
}, async () => {
  await send("first");
  const { page } = await world.open();
  await noteRequests(page);
  await page.clock.install();
  await page.goto("about:blank");
  await world.show(page, "#/inbox");
  const rows = page.locator(".row");
  await rows.filter({ hasText: "first" }).waitFor();
  const pass = await stopClock(page);
  const expectQuick = async (why: string) => {
    const { list, count, figures } = await pass(40);
    const told = `${why}: ${list} lists, ${count} counts and ${figures} figures in 40 s`;
    ok(list >= 19 && count >= 4 && figures >= 7, told);
  };
  const expectQuiet = async (why: string) => {
    const { list, count, figures } = await pass(60);
    const told = `${why}: ${list} lists, ${count} counts and ${figures} figures in a minute`;
    ok(list <= 13 && count <= 3 && figures <= 5, told);
  };
  /** Nothing happens for a minute. */
  const wait = async () => {
    for (let half = 0; half < 2; half++) {
      await page.clock.fastForward(HALF_MS);
      await pass(1);
    }
  };
  // Before the clock stopped an answer may have taken long, and the page rests after it.
  for (const what of ["list", "count", "figures"] as const)
    for (let seconds = 0; (await pass(1))[what] === 0; seconds++)
      ok(seconds <= REST_SECONDS_MAX, `nothing asks for the ${what}`);
  await page.keyboard.press("Shift");
  await expectQuick("at first");
  await wait();
  await expectQuiet("after a minute of nothing");
  await page.keyboard.press("Shift");
  await expectQuick("after a key");
  await wait();
  await expectQuiet("after another minute");
  await send("second");
  for (let seconds = 0; (await rows.count()) < 2; seconds++) {
    ok(seconds <= NEWS_SECONDS_MAX, "the message does not come");
    await pass(1);
  }
  await expectQuick("after a message");
  await page.context().close();
});
