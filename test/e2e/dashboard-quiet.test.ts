import { equal, ok } from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import type { Page } from "playwright-core";
import { type AdminWorld, startAdminWorld } from "../support/admin-pages.ts";
import { body, post } from "../support/service.ts";
import { unlessTool } from "../support/tools.ts";

const skip = unlessTool("chromium");

/** The page takes a step for the time of an answer, and rests for 20 times as long. */
const STEP_MS = 100;
/** Half of the time after which it is quiet. */
const HALF_MS = 30_000;
/** While it is quiet the list is asked for every 5 s. */
const NEWS_SECONDS_MAX = 6;

let world: AdminWorld;
before(async () => {
  if (skip === false) world = await startAdminWorld();
});
after(() => world?.[Symbol.asyncDispose]());

async function send(id: string): Promise<void> {
  equal((await post(world.service.url, body({ message_id: id, text: id }))).status, 200);
}

/** Lets the clock of a page pass, and counts what the page asks for. */
function clockOf(page: Page) {
  let underWay = 0;
  const asked: string[] = [];
  page.on("request", (request) => {
    underWay++;
    const { pathname, searchParams } = new URL(request.url());
    const isCounted = searchParams.get("count") !== "none";
    asked.push(pathname === "/messages" && isCounted ? "count" : pathname);
  });
  page.on("requestfinished", () => underWay--);
  page.on("requestfailed", () => underWay--);
  /** Returns how often each was asked for in some seconds. */
  return async (seconds: number) => {
    asked.length = 0;
    for (let ms = 0; ms < seconds * 1_000; ms += STEP_MS) {
      await page.clock.runFor(STEP_MS);
      do await setTimeout(2);
      while (underWay > 0);
    }
    return (what: string) => asked.filter((each) => each === what).length;
  };
}

test("while nothing happens the page asks less often; news and a touch bring it back", {
  skip,
}, async () => {
  await send("first");
  const { page } = await world.open();
  await page.clock.install();
  await page.goto("about:blank");
  await world.show(page, "#/inbox");
  const rows = page.locator(".row");
  await rows.filter({ hasText: "first" }).waitFor();
  const pass = clockOf(page);
  const askedIn = async (seconds: number) => {
    const askedFor = await pass(seconds);
    return {
      list: askedFor("/messages"),
      count: askedFor("count"),
      figures: askedFor("/overview"),
    };
  };
  /**
   * After a slow answer the list rests, so a busy machine asks for it less often. A quiet page asks
   * for 8 lists and 3 figures in this time.
   */
  const expectQuick = async (why: string) => {
    const { list, figures } = await askedIn(40);
    ok(list > 8 && figures >= 5, `${why}: ${list} lists and ${figures} figures in 40 s`);
  };
  const expectQuiet = async (why: string) => {
    const { list, count, figures } = await askedIn(60);
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
