import { deepEqual, equal, match, ok } from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import type { Page } from "playwright-core";
import {
  expectAccessible,
  expectNoOverflow,
  screenshot,
  startBrowser,
  type TestBrowser,
  type TestPage,
} from "../support/browser.ts";
import { body, post, type Service, startService } from "../support/service.ts";
import { unlessTool } from "../support/tools.ts";

const ADMIN = "an-admin-key-of-the-tests-0123456789-abcdef";
const skip = unlessTool("chromium");
const MINUTE_MS = 60_000;
const WAIT_MS_MAX = 20_000;

let service: Service;
let browser: TestBrowser;
let shown: TestPage;
before(async () => {
  if (skip !== false) return;
  service = await startService({ ADMIN_API_KEY: ADMIN, READ_AUTH: "required" });
  browser = await startBrowser({ intercepts: true });
  shown = await browser.open({ timezoneId: "Asia/Kathmandu", locale: "en-GB" });
});
after(async () => {
  await browser?.[Symbol.asyncDispose]();
  await service?.[Symbol.asyncDispose]();
});

const open = async (address: string, page = shown.page) => {
  await page.goto(`${service.url}/ui/${address}`);
};
/** Opens a list. The one before it is shown until its rows are there. */
const openList = async (address: string) => {
  await open(address);
  // The page learns of the address in a task of its own.
  await shown.page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))");
  await shown.page.locator(".list-area:not([aria-busy]) .row").first().waitFor();
};
/** The browser reports each 401 too, which a wrong key and an ended session are. */
const complaints = () => shown.complaints.filter((text) => !/status of 401/.test(text));

let sent = 0;
async function send(fields: Readonly<Record<string, unknown>> = {}, agoMs = 0): Promise<string> {
  const id = `m${++sent}`;
  const ts = new Date(Date.now() - agoMs).toISOString();
  const answer = await post(service.url, body({ message_id: id, ts, ...fields }));
  equal(answer.status, 200, await answer.text());
  return id;
}

const rows = (page: Page) => page.locator(".row");
const texts = (page: Page) => page.locator(".row-text").allInnerTexts();
const focusedRow = (page: Page) =>
  page.evaluate<string>("document.activeElement?.dataset.key ?? ''");

const openRow = (page: Page) => page.locator(".row[aria-current]").getAttribute("data-key");
const rowCount = (page: Page, count: number) =>
  until(async () => (await rows(page).count()) === count);

/** Waits for a condition in the page. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + WAIT_MS_MAX;
  while (!(await holds())) {
    ok(performance.now() < end, "the condition never held");
    await setTimeout(50);
  }
}

test("the key signs in, the empty Inbox teaches, and it fills by itself", { skip }, async () => {
  const { page } = shown;
  await open("#/inbox");
  const field = page.getByLabel("API key");
  await field.fill("lyftr_short");
  await page.getByText("This key seems cut: 11 of 55 characters.").waitFor();
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("This key is not accepted.").waitFor();
  equal(await field.inputValue(), "lyftr_short");
  await field.fill(ADMIN);
  await field.press("Enter");
  await page.getByText("No messages yet").waitFor();
  equal(new URL(page.url()).hash, "#/inbox", "the reader is where the reader was");
  const example = await page.locator(".example pre").last().textContent();
  match(example ?? "", new RegExp(`curl -sS ${service.url}/webhook -H "X-Signature`));
  await page.getByRole("button", { name: "Send a test message" }).click();
  await page.locator(".row", { hasText: "+999000000001" }).waitFor();
  await send({ text: "The first one" });
  await page.getByRole("link", { name: /The first one/ }).waitFor();
  deepEqual(complaints(), []);
});

test("an address with a key signs in, and the key leaves the address and the history", {
  skip,
}, async () => {
  const other = await browser.open();
  await open(`#/sign-in?key=${ADMIN}`, other.page);
  await other.page.getByText(/ADMIN_API_KEY/).waitFor();
  equal(new URL(other.page.url()).hash, "#/");
  await other.page.reload();
  await other.page.getByText(/ADMIN_API_KEY/).waitFor();
  equal(await other.page.evaluate("history.length"), 2, "about:blank and the dashboard");
  await other.page.getByRole("button", { name: "Sign out" }).click();
  await other.page.getByRole("dialog").getByRole("button", { name: "Sign out" }).click();
  await other.page.getByLabel("API key").waitFor();
  await other.page.close();
});

test("at the top new rows appear; below it nothing moves, and a pill counts", {
  skip,
}, async () => {
  const { page } = shown;
  for (let at = 0; at < 60; at++) await send({ text: `old ${at}` }, (70 - at) * MINUTE_MS);
  await open("#/inbox");
  await page.getByRole("link", { name: /The first one/ }).waitFor();
  await until(async () => (await rows(page).count()) >= 50);
  await page.locator(".list-scroll").evaluate((list) => {
    list.scrollTop = 600;
  });
  const first = rows(page).nth(15);
  const key = await first.getAttribute("data-key");
  const top = (await first.boundingBox())?.y;
  await send({ text: "New above" });
  await send({ text: "New above too" });
  const pill = page.locator(".pill");
  await page.getByText("2 new", { exact: true }).waitFor();
  equal((await page.locator(`[data-key="${key}"]`).boundingBox())?.y, top);
  await pill.click();
  await page.getByRole("link", { name: /New above too/ }).waitFor();
  equal(await pill.count(), 0);
  deepEqual((await texts(page)).slice(0, 2), ["New above too", "New above"]);
});

test("p pauses, and no row comes until it is live again", { skip }, async () => {
  const { page } = shown;
  await page.keyboard.press("p");
  await page.getByRole("button", { name: "Paused" }).waitFor();
  await send({ text: "While paused" });
  // A ring would have come by then: another page of the browser sees the message.
  const other = await page.context().newPage();
  await open("#/inbox", other);
  await other.getByRole("link", { name: /While paused/ }).waitFor();
  await other.close();
  equal(await page.getByRole("link", { name: /While paused/ }).count(), 0);
  await page.keyboard.press("p");
  await page.getByRole("link", { name: /While paused/ }).waitFor();
});

test("with the keyboard alone: find, open, read the next, close and be where one was", {
  skip,
}, async () => {
  const { page } = shown;
  await openList("#/inbox");
  await page.keyboard.press("/");
  equal(await page.evaluate("document.activeElement?.id"), "inbox-search");
  await page.keyboard.type("old 1");
  await page.waitForURL(/q=old\+1$/);
  await page.locator("mark").first().waitFor();
  await rowCount(page, 11);
  await page.keyboard.press("Escape");
  const start = await focusedRow(page);
  await page.keyboard.press("j");
  await until(async () => (await focusedRow(page)) !== start);
  const second = await focusedRow(page);
  await page.keyboard.press("Enter");
  await page.locator(".pane .message-text").waitFor();
  equal(await openRow(page), second);
  await page.keyboard.press("j");
  await until(async () => (await openRow(page)) !== second);
  const third = await openRow(page);
  await page.keyboard.press("Escape");
  await page.locator(".pane").waitFor({ state: "detached" });
  await until(async () => (await focusedRow(page)) === third);
  await page.goBack();
  await page.locator(".pane").waitFor();
  equal(await page.locator(".row[tabindex='0']").count(), 1, "one tab stop");
});

test("what is typed becomes chips and an address; nonsense in an address is red", {
  skip,
}, async () => {
  const { page } = shown;
  await send({ from: "+4915112345678", text: "Guten Tag" });
  await open("#/inbox");
  await page.getByLabel("Search", { exact: true }).fill("from:+49 151 12345678 ");
  await page.getByRole("button", { name: "Take off: from +4915112345678" }).waitFor();
  await rowCount(page, 1);
  equal(new URL(page.url()).hash, "#/inbox?from=%2B4915112345678");
  await page.getByRole("button", { name: "Take off: from +4915112345678" }).click();
  await rows(page).nth(1).waitFor();
  await open("#/inbox");
  // Without a pause between the keys: no chip may be lost to the key after it.
  await page.getByLabel("Search", { exact: true }).focus();
  await page.keyboard.type("Guten from:+4915112345678 since:today until:now source:native ");
  await page.locator(".chip").nth(3).waitFor();
  await until(async () =>
    ["from", "source", "since", "until", "q"].every((name) => page.url().includes(`${name}=`)),
  );
  await open("#/inbox?since=banana&q=Guten");
  await page.locator(".chip.bad").waitFor();
  await page.getByText("This is not a moment: write 2026-11-29").waitFor();
  await rowCount(page, 1);
  await open("#/inbox?q=nothing+has+this");
  await page.getByText('No message has "nothing has this" in it.').waitFor();
  await open("#/banana");
  await page.getByRole("heading", { name: "No such page" }).waitFor();
});

test("hostile texts are shown and do nothing", { skip }, async () => {
  const { page } = shown;
  const hostile = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)",
    "\u202egnp.exe",
    "x".repeat(4_096),
    "😀".repeat(2_000),
    "{{7*7}} <%= 7*7 %>",
    "\u0007\u001b[31m",
    "Z\u0351\u036b\u0343".repeat(300),
  ];
  for (const text of hostile)
    await send({ from: "+666", message_id: `<b>${text.slice(0, 40)}`, text });
  await open("#/inbox?from=%2B666");
  await rowCount(page, hostile.length);
  for (const height of await rows(page).evaluateAll((all) => all.map((row) => row.clientHeight)))
    ok(height <= 40, `${height}`);
  for (let at = 0; at < hostile.length; at++) {
    await rows(page).nth(at).click();
    await page.locator(".pane .message-text").waitFor();
    const box = await page.locator(".pane").evaluate((pane) => pane.scrollWidth - pane.clientWidth);
    equal(box, 0, "the pane does not scroll sideways");
  }
  equal(await page.locator("main img, main script, main b").count(), 0);
  deepEqual(complaints(), []);
});

test("without a connection the rows stay and one line says so; then it recovers", {
  skip,
}, async () => {
  const { page } = shown;
  await openList("#/inbox");
  const count = await rows(page).count();
  await page.context().setOffline(true);
  await page.getByText(/No connection since .* What you see is from then/).waitFor();
  equal(await rows(page).count(), count);
  await page.context().setOffline(false);
  await send({ text: "Back again" });
  await page.getByRole("link", { name: /Back again/ }).waitFor();
  equal(await page.locator(".trouble").count(), 0);
});

test("a message that was opened by its link alone leads to its place in the list", {
  skip,
}, async () => {
  const { page } = shown;
  const id = await send({ text: "Long ago" }, 400 * 24 * 60 * MINUTE_MS);
  await open(`#/inbox/native/${id}`);
  await page.locator(".message-text", { hasText: "Long ago" }).waitFor();
  await page.getByRole("link", { name: "Show in list" }).click();
  await page.locator(`.row[aria-current][data-key="native/${id}"]`).waitFor();
  equal(await rows(page).first().getAttribute("data-key"), `native/${id}`);
  await open("#/inbox/native/never-came");
  await page.getByText("This message is not here.").waitFor();
});

test("a bar opens the list at its own edges", { skip }, async () => {
  const { page } = shown;
  await openList("#/inbox?q=old&since=2020-01-01T00:00:00Z");
  await page.locator(".strip").focus();
  await page.keyboard.press("End");
  const read = await page.locator(".strip").getAttribute("aria-valuetext");
  match(read ?? "", /: [0-9]+ messages?$/);
  await page.keyboard.press("Enter");
  await page.waitForURL(/since=.*&until=.*&q=old/);
  await rows(page).first().waitFor();
});

test("a page of a proxy in the place of an answer is named as such", { skip }, async () => {
  const { page } = shown;
  await openList("#/inbox");
  const gateway = "<!doctype html><h1>Bad Gateway</h1>";
  await page.route("**/messages?**", (route) => route.fulfill({ status: 502, body: gateway }));
  await page.getByText(/Something between you and Lyftr has answered 502/).waitFor();
  ok((await rows(page).count()) > 0);
  await page.unrouteAll({ behavior: "wait" });
  await page.locator(".trouble").waitFor({ state: "detached" });
});

test("a session that ends brings the sign-in over the page; what was typed stays", {
  skip,
}, async () => {
  const { page } = shown;
  await openList("#/inbox?q=Guten");
  await page.getByLabel("Search", { exact: true }).fill("Guten T");
  await page.context().clearCookies();
  await page.getByText("Your session has ended.").waitFor();
  await page.getByLabel("API key").fill(ADMIN);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("Your session has ended.").waitFor({ state: "detached" });
  equal(await page.getByLabel("Search", { exact: true }).inputValue(), "Guten T");
  await rows(page).first().waitFor();
});

test("no rule of axe-core is violated, on a wide page and on a phone, and nothing overflows", {
  skip,
}, async () => {
  const { page } = shown;
  await send({ text: "A late one, ".repeat(30) }, 2 * 60 * MINUTE_MS);
  for (const [name, viewport] of [
    ["wide", { width: 1280, height: 800 }],
    ["phone", { width: 390, height: 844 }],
    ["zoomed", { width: 320, height: 512 }],
  ] as const) {
    await page.setViewportSize(viewport);
    await openList("#/inbox?q=old");
    await page.locator(".strip").waitFor();
    await expectAccessible(page);
    await expectNoOverflow(page);
    await screenshot(page, `inbox-${name}`);
    await rows(page).first().click();
    await page.locator(".pane .message-text").waitFor();
    await expectAccessible(page);
    await expectNoOverflow(page);
    await screenshot(page, `message-${name}`);
    await open("#/inbox?from=banana&q=nothing");
    await page.getByText("No message matches").waitFor();
    await expectAccessible(page);
  }
});
