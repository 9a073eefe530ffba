import { deepEqual, equal } from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import type { Page, Route } from "playwright-core";
import { expectAccessible, expectNoOverflow } from "../support/browser.ts";
import {
  expectNothingCut,
  expectOnlyCaused,
  PAGES,
  type PagesWorld,
  startPagesWorld,
  ZOOMED,
} from "../support/dashboard-pages.ts";
import { unlessTool } from "../support/tools.ts";

const skip = unlessTool("chromium");

let world: PagesWorld;
before(async () => {
  if (skip !== false) return;
  world = await startPagesWorld();
  await world.sendTalk();
});
// A test that fails leaves nothing for the next one.
afterEach(() => world?.forget());
after(() => world?.[Symbol.asyncDispose]());

test("the sign-in says why it did not work, and keeps the key that was typed", {
  skip,
}, async () => {
  const visitor = await world.admin.browser.open();
  const { page } = visitor;
  await world.show(page, "#/sign-in");
  const field = page.getByLabel("API key");
  await field.fill(world.admin.keys.grafana);
  const answers: readonly [RegExp, (route: Route) => Promise<void>][] = [
    [
      /busy. Try again in 25 seconds/,
      (route) => route.fulfill({ status: 503, headers: { "retry-after": "25" }, json: {} }),
    ],
    [/Something between you and Lyftr/, (route) => route.fulfill({ status: 502, body: "<p>" })],
    [/No answer came|No connection/, (route) => route.abort("internetdisconnected")],
  ];
  for (const [sentence, answer] of answers) {
    await page.route("**/session", answer);
    await field.press("Enter");
    await page.getByText(sentence).waitFor();
    equal(await field.inputValue(), world.admin.keys.grafana);
    await page.unrouteAll({ behavior: "wait" });
  }
  await page.setViewportSize(ZOOMED);
  await expectNoOverflow(page);
  await expectNothingCut(page);
  await expectAccessible(page);
  await field.press("Enter");
  await page.locator(".foot-line").waitFor({ state: "attached" });
  expectOnlyCaused(visitor);
  await page.context().close();
});

test("pages of administration say who may see them", { skip }, async () => {
  const reader = await world.admin.open(world.admin.keys.grafana);
  const visitor = await world.admin.browser.open();
  for (const each of PAGES) {
    if (each.access === "admin") {
      await world.show(reader.page, each.address);
      await reader.page.getByText("Your key grafana may read, not administer.").waitFor();
      await world.show(visitor.page, each.address);
      const heading = visitor.page.getByRole("heading", { name: "This needs an admin key" });
      await heading.waitFor();
      await visitor.page.locator("main").getByRole("link", { name: "Sign in" }).waitFor();
    } else {
      await world.showContent(reader.page, each);
      await world.showContent(visitor.page, each);
    }
    const rail = (page: Page) =>
      page.locator(".rail").getByRole("link", { name: each.name, exact: true }).count();
    if (each.access === "admin")
      deepEqual([await rail(reader.page), await rail(visitor.page)], [0, 0], each.name);
  }
  await expectAccessible(visitor.page);
  for (const opened of [reader, visitor]) {
    deepEqual(opened.complaints, []);
    await opened.page.context().close();
  }
});
