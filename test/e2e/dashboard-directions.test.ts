import { deepEqual, equal, match } from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { expectNoOverflow, type TestPage } from "../support/browser.ts";
import {
  expectNothingCut,
  expectOnlyCaused,
  type PagesWorld,
  startPagesWorld,
  WIDE,
  ZOOMED,
} from "../support/dashboard-pages.ts";
import { unlessTool } from "../support/tools.ts";

const skip = unlessTool("chromium");
const OMAR = "+14155550002";
/** Texts that break directions, widths and markup. */
const TEXTS = [
  "\u0645\u0631\u062d\u0628\u0627, \u0637\u0644\u0628\u064a \u0631\u0642\u0645 833370",
  "\u05e9\u05dc\u05d5\u05dd <b>bold</b>",
  "\u202Egnp.exe\u202C",
  "\u2066\u2067\u2068left open",
  "\u{1F469}\u200D\u{1F469}\u200D\u{1F467}".repeat(300),
  "w".repeat(4_096),
  "<img src=x onerror=window.ran=1>",
  "</bdi></a></li></ol></main><script>window.ran=1</script>",
  "<style>*{display:none}</style>",
];

let world: PagesWorld;
let ops: TestPage;
before(async () => {
  if (skip !== false) return;
  world = await startPagesWorld();
  ops = world.ops;
  for (const text of TEXTS) await world.send(OMAR, text);
});
// A test that fails leaves nothing for the next one.
afterEach(() => world?.forget());
after(() => world?.[Symbol.asyncDispose]());

test("hostile texts and other directions stay text, in place, and run nothing", {
  skip,
}, async () => {
  const { page } = ops;
  await world.show(page, `#/from/${encodeURIComponent(OMAR)}`);
  const rows = page.locator(".talk-row");
  await rows.nth(TEXTS.length - 1).waitFor();
  for (const viewport of [ZOOMED, WIDE]) {
    await page.setViewportSize(viewport);
    await expectNoOverflow(page);
    await expectNothingCut(page);
    const wide = await page
      .locator(".talk")
      .evaluate((talk) => talk.scrollWidth - talk.clientWidth);
    equal(wide, 0, "no text is wider than the conversation");
  }
  const directions = await page.evaluate<string[]>(
    `[...document.querySelectorAll(".talk-row")].map((row) => getComputedStyle(row.querySelector("bdi")).direction)`,
  );
  deepEqual(directions.slice(0, 2), ["rtl", "rtl"]);
  equal(await page.locator(".talk :is(img, script, style, b, iframe)").count(), 0);
  await world.show(page, "#/senders?tab=all");
  await page.getByText(OMAR).first().waitFor();
  equal(
    await page
      .locator("main")
      .getByText(/onerror|\u05e9|\u0645/)
      .count(),
    0,
  );
  for (const text of TEXTS.filter(({ length }) => length < 200)) {
    await world.show(page, `#/exports?q=${encodeURIComponent(text)}`);
    await page.getByText(/^1 message, about |^No message matches/).waitFor();
    await expectNoOverflow(page);
  }
  equal(await page.locator("main :is(img, script, style, b, iframe)").count(), 0);
  equal(await page.evaluate("window.ran"), undefined);
  match(await page.title(), /^Exports · Lyftr$/);
  expectOnlyCaused(ops);
});
