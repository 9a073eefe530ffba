import { deepEqual, equal, match, ok } from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout } from "node:timers/promises";
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
import { type Fields, startFilled } from "../support/filled-service.ts";
import { body, getJson, post, type Service, startService } from "../support/service.ts";
import { otherUserOf } from "../support/tested-store.ts";
import { unlessTool } from "../support/tools.ts";

const skip = unlessTool("chromium");
/** 5 h 45 min ahead of UTC, so hours of UTC are no hours there. */
const ZONE = "Asia/Kathmandu";
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const WAIT_MS_MAX = 20_000;
/** Rows that the Inbox asks for at once. */
const PAGE_ROWS = 50;

let service: Service;
let browser: TestBrowser;
let shown: TestPage;
before(async () => {
  if (skip !== false) return;
  // It may build the dashboard. After that, the last minute must still have messages.
  browser = await startBrowser();
  service = await startFilled(messages(), { READ_AUTH: "open" });
  shown = await browser.open({ timezoneId: ZONE, locale: "en-GB" });
  await post(service.url, body({ message_id: "new", ts: new Date().toISOString() }));
  await post(service.url, body({ message_id: "new", text: "Other content" }));
  for (let at = 0; at < 3; at++) await post(service.url, body(), { "x-signature": "abc" });
  await post(service.url, "{}");
});
after(async () => {
  await browser?.[Symbol.asyncDispose]();
  await service?.[Symbol.asyncDispose]();
});

/** 16 days, some each hour, and several each minute of the last hour. */
function messages(): readonly Fields[] {
  const now = Date.now();
  const hours = Array.from({ length: 16 * 24 }, (_, hour) =>
    Array.from({ length: 1 + (hour % 3) }, (_, at) => now - hour * HOUR_MS - at * 7 * MINUTE_MS),
  );
  const minutes = Array.from({ length: 240 }, (_, at) => now - at * 15_000 - 5_000);
  return [...hours.flat(), ...minutes].map((at, index) => ({
    message_id: `filled-${index}`,
    from: `+97798000000${String(index % 7 === 0 ? index % 12 : 0).padStart(2, "0")}`,
    ts: new Date(at).toISOString(),
  }));
}

const open = async (address: string, page = shown.page) => {
  // What was chosen for the chart is forgotten with the document.
  await page.goto("about:blank");
  await page.goto(`${service.url}/ui/${address}`);
  await page.locator(".chart-bars, .chart-table, .counter, .empty").first().waitFor();
};
const slider = (page: Page) => page.getByRole("slider");
const figure = (page: Page, name: string) =>
  page.locator(".figure", { has: page.getByRole("heading", { name }) });
const shownValue = async (page: Page, name: string) =>
  ((await figure(page, name).locator(".figure-value").textContent()) ?? "").trim();

/** Waits for a condition in the page. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + WAIT_MS_MAX;
  while (!(await holds())) {
    ok(performance.now() < end, "the condition never held");
    await setTimeout(50);
  }
}

/** The number of messages at the address of a link to the Inbox. */
async function countAt(href: string | null): Promise<number> {
  const query = new URLSearchParams(href?.replace(/^.*#\/inbox\?/, ""));
  return (await getJson(`${service.url}/messages?limit=1&${query}`)).total;
}

const asNumber = (text: string) => Number(text.replaceAll(",", ""));

test("each figure is what the API says", { skip }, async () => {
  const { page } = shown;
  await open("#/");
  equal(await page.title(), "Overview · Lyftr");
  await until(async () => (await figure(page, "Today until").count()) === 1);
  for (const name of ["Last minute", "Today until"]) {
    const link = figure(page, name).locator(".figure-value a");
    await link.waitFor();
    equal(
      asNumber((await link.textContent()) ?? ""),
      await countAt(await link.getAttribute("href")),
      name,
    );
  }
  match(
    (await figure(page, "Today until").textContent()) ?? "",
    /(over|many as) last \w+day until then|None/,
  );
  await until(async () => /^(Now|\d+ s ago)$/.test(await shownValue(page, "Last message")));
  await page.getByText(/^Half within .*, 95% within/).waitFor();
  await until(async () => (await shownValue(page, "Refused since")) === "4");
  equal(await figure(page, "Refused since").locator("a").textContent(), "3 wrong signatures");
  const stats = await getJson(`${service.url}/stats`);
  await page.locator(".top-sender").first().waitFor();
  const senders = await page.locator(".top-sender").allInnerTexts();
  deepEqual(
    senders.map((text) => text.split(/\s+/).filter(Boolean)),
    stats.messages_per_sender.map(({ from, count }: { from: string; count: number }) => [
      from,
      count.toLocaleString("en"),
    ]),
  );
  equal(await page.getByRole("link", { name: `All ${stats.senders_count} senders` }).count(), 1);
});

for (const [tab, address, bucket, rows] of [
  ["Hour", "#/", "minute", 60],
  ["2 days", "#/?chart=two-days", "hour", 48],
  ["90 days", "#/?chart=ninety-days", "day", 90],
] as const)
  test(`the table of ${tab} is the timeline in the reader's zone, with the week before`, {
    skip,
  }, async () => {
    const { page } = shown;
    await open("#/");
    await page.getByRole("tab", { name: tab }).click();
    equal(new URL(page.url()).hash, address);
    await page.getByLabel("A week before").check();
    await page.getByRole("button", { name: "As a table" }).click();
    await page.locator("th", { hasText: "A week before" }).waitFor();
    const cells = await page.locator(".chart-table tbody tr").evaluateAll((lines) =>
      lines.map((line) => ({
        href: line.querySelector("a")?.getAttribute("href") ?? "",
        numbers: [...line.querySelectorAll(".number")].map((cell) => cell.textContent ?? ""),
      })),
    );
    equal(cells.length, rows);
    const timeline = await getJson(
      `${service.url}/stats/timeline?bucket=${bucket}&zone=${ZONE}&since=${new Date(Date.now() - 100 * DAY_MS).toISOString()}`,
    ).then(async (told) => (bucket === "minute" ? minutes() : told));
    const counts = new Map<number, number>(
      timeline.data.map(({ start, count }: { start: string; count: number }) => [
        Date.parse(start),
        count,
      ]),
    );
    const countOf = (at: number) => (counts.get(at) ?? 0).toLocaleString("en");
    for (const { href, numbers } of cells) {
      const since = Date.parse(new URLSearchParams(href.split("?")[1]).get("since") ?? "");
      deepEqual(numbers, [countOf(since), countOf(since - 7 * DAY_MS)], href);
    }
    ok(cells.some(({ numbers }) => numbers[0] !== "0" && numbers[1] !== "0"));
    const [first] = cells;
    equal(await countAt(first?.href ?? ""), asNumber(first?.numbers[0] ?? ""));
  });

/** Timelines by the minute are too long for one question. */
async function minutes() {
  const now = Date.now();
  const parts = await Promise.all(
    [now, now - 7 * DAY_MS].map((end) =>
      getJson(
        `${service.url}/stats/timeline?bucket=minute&since=${new Date(end - 2 * HOUR_MS).toISOString()}&until=${new Date(end).toISOString()}`,
      ),
    ),
  );
  return { data: parts.flatMap(({ data }) => data) };
}

test("with the keyboard alone: read the bars, open one, and come back to the same chart", {
  skip,
}, async () => {
  const { page } = shown;
  await open("#/?chart=two-days");
  await slider(page).focus();
  await page.keyboard.press("ArrowLeft");
  match((await slider(page).getAttribute("aria-valuetext")) ?? "", /: \d+ messages? so far$/);
  await page.keyboard.press("ArrowLeft");
  const text = (await slider(page).getAttribute("aria-valuetext")) ?? "";
  // Hours begin at whole hours of the zone, which is 45 minutes off.
  const [, count] = /\d\d:00 to \d\d:00: (\d+) messages?$/.exec(text) ?? [];
  equal(await page.locator(".chart-text").textContent(), text);
  await page.keyboard.press("Home");
  equal(await slider(page).getAttribute("aria-valuenow"), "0");
  await page.keyboard.press("End");
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("Enter");
  await page.waitForURL(/#\/inbox\?since=.*&until=/);
  equal(await countAt(page.url()), Number(count));
  await page.locator(".row").first().waitFor();
  equal(await page.locator(".row").count(), Math.min(PAGE_ROWS, Number(count)));
  await page.goBack();
  await slider(page).waitFor();
  equal(new URL(page.url()).hash, "#/?chart=two-days");
  equal(await page.getByRole("tab", { selected: true }).textContent(), "2 days");
});

test("a click opens a bar in the Inbox, and dragging opens a span", { skip }, async () => {
  const { page } = shown;
  const spanAfter = async () => {
    await page.waitForURL(/#\/inbox\?since=.*&until=/);
    const query = new URLSearchParams(new URL(page.url()).hash.split("?")[1]);
    return [query.get("since"), query.get("until")].map((text) => Date.parse(text ?? ""));
  };
  const at = async (share: number) => {
    const box = await page.locator(".chart-area").boundingBox();
    ok(box !== null);
    return [box.x + box.width * share, box.y + box.height / 2] as const;
  };
  await open("#/");
  await page.mouse.click(...(await at(0.5)));
  const [since = 0, end = 0] = await spanAfter();
  equal(end - since, MINUTE_MS);
  await open("#/");
  await page.mouse.move(...(await at(0.501)));
  await page.mouse.down();
  await page.mouse.move(...(await at(0.3)));
  await page.mouse.move(...(await at(0.251)));
  await page.mouse.up();
  const [first = 0, last = 0] = await spanAfter();
  equal(last - first, 16 * MINUTE_MS);
  equal(first % MINUTE_MS, 0);
});

test("Rejected has each counter with what it means, and links from the Overview lead there", {
  skip,
}, async () => {
  const { page } = shown;
  await open("#/");
  await figure(page, "Refused since").getByRole("link").click();
  await page.getByRole("heading", { name: "Rejected", level: 1 }).waitFor();
  const counters = await page
    .locator(".counter")
    .evaluateAll((items) =>
      items.map((item) => [
        item.querySelector("code")?.textContent,
        item.querySelector(".counter-count")?.lastChild?.textContent,
      ]),
    );
  deepEqual(counters, [
    ["invalid_signature", "3"],
    ["validation_error", "1"],
    ["duplicate", "1"],
    ["conflict", "1"],
  ]);
  await page.getByText("6 requests: 1 stored, 1 stored before, 4 refused.").waitFor();
  await page.getByText("None: too_large, unsupported, rate_limited").waitFor();
});

const SIZES = [
  ["wide", { width: 1280, height: 900 }],
  ["phone", { width: 390, height: 844 }],
  ["zoomed", { width: 320, height: 512 }],
] as const;

for (const [size, viewport] of SIZES)
  test(`nothing is cut, and axe-core finds nothing: ${size}`, { skip }, async () => {
    const { page } = shown;
    await page.setViewportSize(viewport);
    for (const [name, address] of [
      ["overview", "#/?chart=two-days"],
      ["rejected", "#/rejected"],
    ] as const) {
      await open(address);
      await expectNoOverflow(page);
      // What axe-core checks is the same at 200 % zoom.
      if (size !== "zoomed") await expectAccessible(page);
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        await screenshot(page, `${name}-${size}-${colorScheme}`);
      }
      await page.emulateMedia({ colorScheme: null });
    }
  });

test("the table of the chart is accessible", { skip }, async () => {
  const { page } = shown;
  await open("#/");
  await page.getByRole("button", { name: "As a table" }).click();
  await page.locator(".chart-table tr").first().waitFor();
  await expectAccessible(page);
});

test("while the database is unavailable the page says so, keeps its figures, and recovers", {
  skip,
}, async () => {
  const { page } = shown;
  await page.setViewportSize({ width: 1280, height: 900 });
  await open("#/");
  await figure(page, "Last minute").locator("a").waitFor();
  await using other = await otherUserOf(service.databaseUrl);
  await other.exec("ALTER TABLE lyftr_messages RENAME TO gone");
  try {
    const banner = page.getByRole("alert");
    await banner
      .getByText(/^Messages are not taken: database not ready, since \d\d:\d\d\./)
      .waitFor();
    await page.locator(".health-line", { hasText: "Takes no messages" }).waitFor();
    equal(await shownValue(page, "Refused since"), "4");
    await screenshot(page, "overview-not-ready");
    await expectAccessible(page);
  } finally {
    await other.exec("ALTER TABLE gone RENAME TO lyftr_messages");
  }
  await page.getByRole("alert").waitFor({ state: "detached" });
  await page.locator(".health-line", { hasText: "Takes messages" }).waitFor();
});

test("the browser reports nothing, and no other host was asked", { skip }, () => {
  // The browser reports each 503, which a database that is unavailable causes.
  const complaints = shown.complaints.filter((text) => !/status of 503/.test(text));
  expectNoComplaints({ ...shown, complaints }, service.url);
});

test("an empty Overview says where to begin, and fills by itself", { skip }, async () => {
  await using empty = await startService({ READ_AUTH: "open" });
  const fresh = await browser.open({ timezoneId: ZONE, locale: "en-GB" });
  const { page } = fresh;
  await page.goto(`${empty.url}/ui/`);
  await page.getByRole("heading", { name: "No messages yet" }).waitFor();
  await until(async () => (await shownValue(page, "Last message")) === "None yet");
  equal(await page.getByRole("slider").count(), 0);
  await expectAccessible(page);
  await screenshot(page, "overview-empty");
  expectNoComplaints(fresh, empty.url);
  await post(empty.url, body({ ts: new Date().toISOString() }));
  await until(async () => /^(Now|\d+ s ago)$/.test(await shownValue(page, "Last message")));
  await page.getByRole("slider").waitFor();
});
