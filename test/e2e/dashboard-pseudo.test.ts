import { deepEqual, equal, match } from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import type { Page } from "playwright-core";
import { expectNoOverflow, screenshot, type TestPage } from "../support/browser.ts";
import { temporaryFolder } from "../support/cli.ts";
import {
  expectNothingCut,
  PAGES,
  type PagesWorld,
  startPagesWorld,
  WIDE,
  ZOOMED,
} from "../support/dashboard-pages.ts";
import { pseudo, pseudoDashboard } from "../support/pseudo-language.ts";
import { unlessTool } from "../support/tools.ts";

const skip = unlessTool("chromium");
const folder = temporaryFolder();

let world: PagesWorld;
let shown: TestPage;
before(async () => {
  if (skip !== false) return;
  const install = await pseudoDashboard(folder.path);
  world = await startPagesWorld();
  await world.sendTalk();
  shown = await world.admin.open();
  await install(shown.page);
});
afterEach(() => world?.forget());
after(async () => {
  await world?.[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

test("a pseudo sentence is 40 % longer, has accents, and keeps its parts", () => {
  equal(pseudo("Search"), "Šéårçh öé");
  match(pseudo("{n} of {all} processes"), /^\{n\} öf \{all\} pröçéššéš/);
  equal(pseudo("99+"), "99+");
});

/** Texts that are wider than their element, which hides the rest, and are no data. */
function cutTexts(page: Page): Promise<string[]> {
  return page.evaluate<string[]>(`
    [...document.querySelectorAll("body *")]
      .filter((element) => element.checkVisibility() && !element.closest(${JSON.stringify(DATA)}))
      .filter((element) => element.clientWidth > 1 && !element.matches("input, select"))
      .filter((element) => /hidden|clip|visible/.test(getComputedStyle(element).overflowX))
      .filter((element) => getComputedStyle(element).display !== "inline")
      .filter(({ childNodes }) => [...childNodes].some(({ data }) => data?.trim()))
      .filter((element) => element.scrollWidth > element.clientWidth + 1)
      .map((element) => element.outerHTML.slice(0, 200))`);
}

/** Texts with no accent in them that a person would have to translate. */
function plainTexts(page: Page): Promise<string[]> {
  return page.evaluate<string[]>(`(() => {
    const texts = [];
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walk.nextNode(); node !== null; node = walk.nextNode())
      if (!node.parentElement.closest(${JSON.stringify(DATA)})) texts.push(node.data);
    for (const element of document.querySelectorAll("[aria-label], [title], [placeholder]"))
      for (const name of ["aria-label", "title", "placeholder"])
        if (element.matches(":not(time)")) texts.push(element.getAttribute(name) ?? "");
    return texts.filter((text) => /[A-Za-z]{3}/.test(text) && !/[^\\0-\\x7f]/.test(text));
  })()`);
}

/** What people, the service or the browser wrote. */
const DATA = "bdi, code, pre, kbd, time, svg, option, noscript, .row, .talk-row, .mono";

for (const each of PAGES)
  test(`${each.name} has room for longer sentences, and none is written in place`, {
    skip,
  }, async () => {
    const { page } = shown;
    for (const viewport of [ZOOMED, WIDE]) {
      await page.setViewportSize(viewport);
      await world.showContent(page, each);
      match((await page.locator("h1").first().textContent()) ?? "", /[^\0-\x7f]|\+/);
      await screenshot(page, `pseudo-${each.name}-${viewport.width}`);
      await expectNoOverflow(page);
      await expectNothingCut(page);
      deepEqual(await cutTexts(page), [], `${viewport.width}`);
      deepEqual(await plainTexts(page), []);
    }
  });
