import { deepEqual, equal, ok } from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { expectAccessible, expectNoOverflow, type TestPage } from "../support/browser.ts";
import {
  ANNA,
  expectNothingCut,
  expectOnlyCaused,
  PAGES,
  type PagesWorld,
  startPagesWorld,
  TALK_ROWS,
  WIDE,
  ZOOMED,
} from "../support/dashboard-pages.ts";
import { getJson } from "../support/service.ts";
import { unlessTool } from "../support/tools.ts";

const skip = unlessTool("chromium");

let world: PagesWorld;
let ops: TestPage;
before(async () => {
  if (skip !== false) return;
  world = await startPagesWorld();
  ops = world.ops;
  await world.sendTalk();
});
// A test that fails leaves nothing for the next one.
afterEach(() => world?.forget());
after(() => world?.[Symbol.asyncDispose]());

for (const each of PAGES)
  test(`${each.name} at 320 pixels, with the system's colours, and for axe-core`, {
    skip,
  }, async () => {
    const { page } = ops;
    await page.setViewportSize(ZOOMED);
    await world.showContent(page, each);
    await expectNothingCut(page);
    await expectNoOverflow(page);
    await page.setViewportSize(WIDE);
    await expectAccessible(page);
    await page.emulateMedia({ forcedColors: "active" });
    const unmarked = await page.evaluate<string[]>(`
      [...document.querySelectorAll("[aria-current], [aria-selected=true], [aria-pressed=true]")]
        .filter((element) => getComputedStyle(element).outlineStyle === "none")
        .map((element) => element.outerHTML)`);
    deepEqual(unmarked, [], "what is chosen has an edge");
    await page.emulateMedia({ forcedColors: null });
    expectOnlyCaused(ops);
  });

test("nothing moves when a row comes in and less motion is wanted", { skip }, async () => {
  const { page } = ops;
  await page.emulateMedia({ reducedMotion: "reduce" });
  await world.show(page, "#/inbox");
  await page.locator("a.row").first().waitFor();
  await page.evaluate(`
    globalThis.longest = 0;
    new MutationObserver(() => {
      for (const { effect } of document.getAnimations())
        globalThis.longest = Math.max(longest, effect.getComputedTiming().duration);
    }).observe(document.querySelector("main"), { childList: true, subtree: true })`);
  await world.send(ANNA, "a row that comes in");
  await page.locator("a.row", { hasText: "a row that comes in" }).waitFor();
  ok((await page.evaluate<number>("longest")) < 1, "no animation takes a millisecond");
  await page.waitForFunction("document.getAnimations().length === 0");
  await page.emulateMedia({ reducedMotion: null });
});

test("a conversation is printed whole", { skip }, async () => {
  const { page } = ops;
  await world.show(page, `#/from/${encodeURIComponent(ANNA)}`);
  const row = page.locator(".talk-row", { hasText: "text 59 of a person" });
  await row.waitFor();
  await page.locator(".talk").evaluate((talk) => talk.scrollTo({ top: 0 }));
  await page.locator(".talk-row", { hasText: "text 0 of a person" }).waitFor();
  await page.emulateMedia({ media: "print" });
  const cut = await page.evaluate<string[]>(`
    [...document.querySelectorAll(".talk-row")].filter((row) => {
      const { top, bottom } = row.getBoundingClientRect();
      for (let at = row.parentElement; at !== null; at = at.parentElement) {
        const box = at.getBoundingClientRect();
        const isClipping = getComputedStyle(at).overflowY !== "visible";
        if (isClipping && (top < box.top - 1 || bottom > box.bottom + 1)) return true;
      }
      return bottom + scrollY > document.documentElement.scrollHeight + 1;
    }).map((row) => row.textContent)`);
  deepEqual(cut, []);
  const query = `limit=1&from=${encodeURIComponent(ANNA)}`;
  const { total } = await getJson(`${world.admin.service.url}/messages?${query}`);
  ok(total >= TALK_ROWS);
  equal(await page.locator(".talk-row").count(), total);
  equal(await page.locator(".rail").isVisible(), false);
  await page.emulateMedia({ media: null });
});
