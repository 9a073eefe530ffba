import { deepEqual, equal, match } from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Page } from "playwright-core";
import {
  expectAccessible,
  expectNoComplaints,
  expectNoOverflow,
  screenshot,
  startBrowser,
  type TestBrowser,
  type TestPage,
} from "../support/browser.ts";
import { startFilled } from "../support/filled-service.ts";
import type { Service } from "../support/service.ts";
import { unlessTool } from "../support/tools.ts";

const skip = unlessTool("chromium");
const ZONE = "Asia/Kathmandu";
const ANNA = "+14155550001";
const DAY_MS = 24 * 60 * 60_000;

let service: Service;
let browser: TestBrowser;
let shown: TestPage;
before(async () => {
  if (skip !== false) return;
  browser = await startBrowser();
  const now = Date.now();
  const messages = Array.from({ length: 8 }, (_, at) => ({
    message_id: `m${at}`,
    from: at % 2 === 0 ? ANNA : "+14155550002",
    text: `order ${at}`,
    ts: new Date(now - at * DAY_MS).toISOString(),
  }));
  service = await startFilled(messages, { READ_AUTH: "open" });
  shown = await browser.open({ timezoneId: ZONE, locale: "en-GB" });
});
after(async () => {
  await browser?.[Symbol.asyncDispose]();
  await service?.[Symbol.asyncDispose]();
});

/** In a new document, so that nothing is left of what was typed. */
const open = async (address: string, page = shown.page) => {
  await page.goto("about:blank");
  await page.goto(`${service.url}/ui/${address}`);
};
const field = (page: Page) => page.getByRole("combobox", { name: "Search" });
const options = (page: Page) => page.getByRole("option");
const chips = (page: Page) => page.locator(".chip").allInnerTexts();
const focusedId = (page: Page) => page.evaluate<string>("document.activeElement?.id ?? ''");

test("/ leads to the search of the Inbox from every page, and types nothing", {
  skip,
}, async () => {
  const { page } = shown;
  const elsewhere = ["#/", "#/senders", "#/rejected", "#/health", `#/from/${ANNA}`];
  for (const address of elsewhere) {
    await open(address);
    await page.locator("main h1").waitFor();
    await page.keyboard.press("/");
    await page.waitForURL(/#\/inbox$/);
    await page.locator("#inbox-search:focus").waitFor();
    await page.locator("a.row").first().waitFor();
    equal(await focusedId(page), "inbox-search", "the heading does not take the focus");
    equal(await field(page).inputValue(), "");
  }
  // A page that has the field itself keeps its address.
  await open("#/exports");
  await field(page).waitFor();
  await page.keyboard.press("/");
  await page.locator("#inbox-search:focus").waitFor();
  equal(new URL(page.url()).hash, "#/exports");
});

test("an empty field shows the filters; with the arrow keys one is made", { skip }, async () => {
  const { page } = shown;
  await open("#/inbox");
  await page.locator("a.row").first().waitFor();
  equal(await options(page).count(), 0, "nothing is proposed before it is asked for");
  await page.keyboard.press("/");
  await page.getByRole("option", { name: "since: from a moment on" }).waitFor();
  equal(await options(page).count(), 6);
  await expectAccessible(page);
  await screenshot(page, "search-filters");
  for (let at = 0; at < 3; at++) await page.keyboard.press("ArrowDown");
  const on = page.getByRole("option", { selected: true });
  equal(await on.locator("bdi").textContent(), "on:");
  equal(await field(page).getAttribute("aria-activedescendant"), await on.getAttribute("id"));
  await page.keyboard.press("Enter");
  equal(await field(page).inputValue(), "on:");
  await page.getByRole("option", { name: /^on:yesterday/ }).waitFor();
  await screenshot(page, "search-values");
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("Enter");
  await page.waitForURL(/since=.*&until=/);
  const query = new URLSearchParams(new URL(page.url()).hash.split("?")[1]);
  const [since, until] = ["since", "until"].map((name) => Date.parse(query.get(name) ?? ""));
  equal((until ?? 0) - (since ?? 0), DAY_MS);
  match((await chips(page)).join(), /^on \d+ [A-Z][a-z]+$/);
  await page.locator("a.row", { hasText: "order 1" }).waitFor();
  equal(await page.locator("a.row").count(), 1);
  equal(await options(page).count(), 0, "the list is not covered");
  await page.keyboard.press("Backspace");
  await page.waitForURL(/#\/inbox$/);
  await page.keyboard.press("Escape");
  equal(await options(page).count(), 0);
});

test("typing finds a filter and its value, and a click takes a number as a sender", {
  skip,
}, async () => {
  const { page } = shown;
  await open("#/inbox");
  await page.locator("a.row").first().waitFor();
  await field(page).click();
  await page.keyboard.type("order si");
  await page.getByRole("option", { name: /^since:/ }).click();
  equal(await field(page).inputValue(), "order since:");
  await page.keyboard.type("3");
  deepEqual(
    await options(page).locator("bdi").allInnerTexts(),
    ["3m", "3h", "3d", "3w", "3:00", "30d"].map((value) => `since:${value}`),
  );
  await page.getByRole("option", { name: /^since:3d/ }).click();
  await page.locator(".chip", { hasText: "since " }).waitFor();
  await page.waitForURL(/since=.*&q=order/);
  await page.locator("a.row").nth(2).waitFor();
  await page.getByRole("button", { name: "Clear the search" }).click();
  await page.keyboard.type("+1 415 555-0001");
  await page.getByRole("option", { name: `From ${ANNA}` }).click();
  await page.waitForURL(/#\/inbox\?from=%2B14155550001$/);
  deepEqual(await chips(page), [`from ${ANNA}`]);
  await field(page).fill("+14155550002");
  await page.getByRole("option", { name: 'Text "+14155550002"' }).click();
  equal(await options(page).count(), 0);
  equal(await field(page).inputValue(), "+14155550002");
});

test("the button that clears stays beside the first line, however many chips there are", {
  skip,
}, async () => {
  const { page } = shown;
  for (const viewport of [
    { width: 1280, height: 800 },
    { width: 320, height: 512 },
  ]) {
    await page.setViewportSize(viewport);
    await open(
      `#/inbox/native/m0?from=%2B14155550001&to=%2B14155550100&since=2020-01-01T00:00:00Z`,
    );
    await page.locator(".pane .message-text").waitFor();
    // The message covers the list of a phone.
    if (viewport.width < 720) await page.keyboard.press("Escape");
    await page.locator(".chip").nth(2).waitFor();
    const top = async (selector: string) => (await page.locator(selector).boundingBox())?.y ?? 0;
    const first = await top(".chip >> nth=0");
    const clear = await top('.search-field button[aria-label="Clear the search"]');
    equal(Math.abs(first - clear) < 8, true, `${viewport.width}: ${first} and ${clear}`);
    await expectNoOverflow(page);
    await screenshot(page, `search-chips-${viewport.width}`);
  }
});

test("the browser reports nothing", { skip }, () => expectNoComplaints(shown, service.url));
