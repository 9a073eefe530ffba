import { deepEqual, equal, match, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import {
  type AdminWorld,
  expectOnlyAnswers,
  startAdminWorld,
  tabTo,
  untilFocused,
} from "../support/admin-pages.ts";
import { expectAccessible, expectNoOverflow, screenshot } from "../support/browser.ts";
import { body, post } from "../support/service.ts";
import { unlessTool } from "../support/tools.ts";

const skip = unlessTool("chromium");
const ANNA = "+14155550001";
const MESSAGES = 120;
const OTHERS = 60;
const WINDOW_PX = 800;

let world: AdminWorld;
let sent = 0;
async function send(fields: Readonly<Record<string, unknown>>): Promise<void> {
  const answer = await post(world.service.url, body({ message_id: `m${++sent}`, ...fields }));
  equal(answer.status, 200, await answer.text());
}

before(async () => {
  if (skip !== false) return;
  world = await startAdminWorld();
  const minute = (at: number) => new Date(Date.UTC(2026, 10, 28, 10, at)).toISOString();
  for (let at = 0; at < MESSAGES; at++)
    await send({ from: ANNA, ts: minute(at), text: `text ${at}` });
  for (let at = 0; at < OTHERS; at++) await send({ from: `+9190000000${10 + at}`, ts: minute(at) });
});
after(() => world?.[Symbol.asyncDispose]());

test("senders are found by the beginning of their number, page by page", { skip }, async () => {
  const shown = await world.open(world.keys.grafana);
  const { page } = shown;
  const asked: string[] = [];
  page.on("request", (request) => asked.push(new URL(request.url()).pathname));
  await world.show(page, "#/senders");
  await page.getByRole("link", { name: `${ANNA} 120` }).waitFor();
  await expectAccessible(page);
  await page.getByRole("tab", { name: "All" }).click();
  await page.getByText("1 to 50 of 61").waitFor();
  await page.getByRole("button", { name: "Next" }).click();
  await page.getByText("51 to 61 of 61").waitFor();
  // Back from a conversation, the page is the same.
  await page.getByRole("link", { name: "+919000000069", exact: true }).click();
  await page.getByRole("heading", { name: "+919000000069" }).waitFor();
  equal(await page.title(), "Conversation · Lyftr");
  await page.goBack();
  await page.getByText("51 to 61 of 61").waitFor();
  await page.getByLabel("From number").fill("+91 9000-00001");
  await page.getByText("1 to 10 of 10").waitFor();
  match(page.url(), /prefix=%2B91900000001$/);
  await expectAccessible(page);
  await page.getByLabel("From number").fill("anna");
  await page.getByText("A number has digits only").waitFor();
  await page.getByLabel("From number").fill("+7");
  await page.getByText("No sender's number begins so").waitFor();
  await page.setViewportSize({ width: 390, height: 844 });
  await page.getByRole("link", { name: "Show all senders" }).click();
  await page.getByText("1 to 50 of 61").waitFor();
  await expectNoOverflow(page);
  await screenshot(page, "senders-phone");
  deepEqual(
    asked.filter((path) => /\d{6}/.test(path)),
    [],
    "no path has a number",
  );
  expectOnlyAnswers(shown, world.service.url);
  await page.context().close();
});

test("a conversation opens at its end, grows upwards, and follows", { skip }, async () => {
  const shown = await world.open(world.keys.grafana);
  const { page } = shown;
  await world.show(page, `#/from/${encodeURIComponent(ANNA)}`);
  const row = (text: string | RegExp) => page.locator(".talk-row").filter({ hasText: text });
  const isSeen = async (text: string) => {
    const box = await row(text).boundingBox();
    return box !== null && box.y >= 0 && box.y + box.height <= WINDOW_PX;
  };
  await row("text 119").waitFor();
  await page.getByText(/^120 messages · first 28 Nov/).waitFor();
  ok(await isSeen("text 119"));
  equal(await page.getByRole("button", { name: "Erase this person…" }).count(), 0);
  await send({ from: ANNA, ts: "2026-11-28T13:00:00Z", text: "news at the end" });
  await row("news at the end").waitFor();
  ok(await isSeen("news at the end"), "it stays at the end");
  await expectAccessible(page);
  const edge = page.locator(".talk-edge");
  // Each page that comes leaves the reader where the reader is, so there is more to scroll.
  for (const rows of [100, 121]) {
    await page.locator(".talk").evaluate((talk) => talk.scrollTo({ top: 0 }));
    await page
      .locator(".talk-row")
      .nth(rows - 1)
      .waitFor();
  }
  equal(await edge.textContent(), "This is the beginning.");
  await page.locator(".talk").evaluate((talk) => talk.scrollTo({ top: 300 }));
  const place = () =>
    row("text 9 ")
      .or(row(/^text 9\D*$/))
      .first()
      .boundingBox();
  const before = await place();
  await send({ from: ANNA, ts: "2026-11-28T14:00:00Z", text: "while reading" });
  await page.getByRole("button", { name: "1 new" }).waitFor();
  deepEqual(await place(), before, "nothing moves while the reader is elsewhere");
  await page.getByRole("button", { name: "1 new" }).click();
  await row("while reading").waitFor();
  ok(await isSeen("while reading"));
  await page.setViewportSize({ width: 390, height: 844 });
  await expectNoOverflow(page);
  expectOnlyAnswers(shown, world.service.url);
  await page.context().close();
});

test("an administrator erases a person with the keyboard only", { skip }, async () => {
  const shown = await world.open();
  const { page } = shown;
  await world.show(page, `#/from/${encodeURIComponent(ANNA)}`);
  await page.locator(".talk-row").first().waitFor();
  await tabTo(page, "Erase this person…");
  await page.keyboard.press("Enter");
  await untilFocused(page, "Type the last 4 digits of the number: 0001");
  await page.getByText(/^\d+ messages from \+14155550001 and 0 messages to it/).waitFor();
  await expectAccessible(page);
  await page.keyboard.type("0002");
  await page.keyboard.press("Enter");
  ok(await page.getByRole("button", { name: "Erase this person", exact: true }).isDisabled());
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.type("0001");
  const [request] = await Promise.all([
    page.waitForRequest((one) => one.method() === "POST"),
    page.keyboard.press("Enter"),
  ]);
  equal(new URL(request.url()).pathname, "/erasures");
  await page.getByText(/^\d+ messages were deleted/).waitFor();
  ok((await page.locator(".remains li").count()) > 0, "it says what may remain");
  await screenshot(page, "erased");
  await tabTo(page, "Done");
  await page.keyboard.press("Enter");
  await page.getByText("No message from this number").waitFor();
  equal(await page.getByText(/ · first /).count(), 0, "no count of what is gone");
  await expectAccessible(page);
  expectOnlyAnswers(shown, world.service.url);
  const log = JSON.stringify(world.service.lines);
  ok(!log.includes(ANNA.slice(1)), "the number is in no line of the log");
  await page.context().close();
});

test("a list is exported as a file, with its exact count", { skip }, async () => {
  const shown = await world.open(world.keys.grafana);
  const { page } = shown;
  await world.show(page, "#/exports?from=%2B919000000010");
  await page.getByText(/^1 message, about \d+ B$/).waitFor();
  await expectAccessible(page);
  await page.getByLabel("CSV").check();
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("link", { name: "Download" }).click(),
  ]);
  equal(download.suggestedFilename(), "messages.csv");
  const text = readFileSync(await download.path(), "utf8");
  match(text, /^message_id,from,to,ts,text,created_at\r\nm\d+,'\+919000000010,/);
  await page.getByRole("button", { name: "Take off: from +919000000010" }).click();
  await page.getByText(/^\d+ messages, about /).waitFor();
  equal(new URL(page.url()).hash, "#/exports");
  await page.getByLabel("Search").fill("nothing has this in it");
  await page.getByText("No message matches.").waitFor();
  await page.setViewportSize({ width: 390, height: 844 });
  await expectNoOverflow(page);
  expectOnlyAnswers(shown, world.service.url);
  await page.context().close();
});
