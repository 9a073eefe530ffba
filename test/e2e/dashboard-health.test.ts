import { deepEqual, doesNotMatch, equal, match, ok } from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  type AdminWorld,
  expectOnlyAnswers,
  startAdminWorld,
  tabTo,
} from "../support/admin-pages.ts";
import { bearer } from "../support/api-keys.ts";
import {
  expectAccessible,
  expectNoComplaints,
  expectNoOverflow,
  screenshot,
  type TestPage,
} from "../support/browser.ts";
import { body, post } from "../support/service.ts";
import { otherUserOf } from "../support/tested-store.ts";
import { unlessTool } from "../support/tools.ts";

const skip = unlessTool("chromium");

let world: AdminWorld;
let admin: TestPage;
before(async () => {
  if (skip !== false) return;
  world = await startAdminWorld({ RETENTION_DAYS: "90" });
  admin = await world.open();
  await post(world.service.url, body({ ts: new Date().toISOString() }));
  await post(world.service.url, body(), { "x-signature": "abc" });
});
after(() => world?.[Symbol.asyncDispose]());

// biome-ignore lint/suspicious/noExplicitAny: every test looks into it differently
const get = async (path: string): Promise<any> =>
  (await fetch(`${world.service.url}${path}`, { headers: bearer(world.keys.ops) })).json();

test("every figure of the API is on the page, with its limit", { skip }, async () => {
  const { page } = admin;
  await world.show(page, "#/health");
  await page.getByRole("heading", { name: "Takes messages" }).waitFor();
  await page.getByRole("heading", { name: "No alert fires" }).waitFor();
  // What was asked for at the sign-in is older than the requests.
  const refused = page.locator(".health-figure", { hasText: "Refused" });
  await refused.locator(".health-value", { hasText: /^1$/ }).waitFor();
  await page.locator(".health-value", { hasText: /^(now|\d+ s ago)$/ }).waitFor();
  equal(await page.title(), "Health · Lyftr");
  const told = await get("/overview");
  const figures = new Map(
    await page
      .locator(".health-figure")
      .evaluateAll((lines) =>
        lines.map((line): [string, string] => [
          line.querySelector("dt")?.textContent ?? "",
          line.querySelector(".health-value")?.textContent ?? "",
        ]),
      ),
  );
  match(figures.get("Disk") ?? "", /^\d.* of \d.* free$/);
  match(figures.get("Database") ?? "", /^\d.* of SQLite$/);
  figures.delete("Last message");
  figures.delete("Disk");
  figures.delete("Database");
  deepEqual(Object.fromEntries(figures), {
    Stored: "1",
    Refused: "1",
    Conflicts: "0",
    Shed: "0",
    Queue: "0 of 10,000 rows wait",
    "Oldest in it": "0 ms",
    Index: "0 rows behind",
    Retention: "deleted after 90 days",
    Workers: "1 of 1 run",
    Reading: "with an API key",
    Version: told.version,
  });
});

test("an admin finds a setting with the keyboard; what differs is first", { skip }, async () => {
  const { page } = admin;
  await world.show(page, "#/health");
  const rows = page.locator(".health-settings tbody tr");
  await rows.first().waitFor();
  const settings: { name: string; value: string | null; from: string }[] = await get("/settings");
  equal(await rows.count(), settings.length);
  const changed = settings.filter(({ from }) => from !== "default").length;
  ok(changed > 0 && changed < settings.length);
  const origins = await rows.locator(".tag").allTextContents();
  deepEqual(
    origins.map((from) => from === "default"),
    settings.map((_, at) => at >= changed),
  );
  await page.getByText(`${changed} of ${settings.length} differ from their default.`).waitFor();
  await tabTo(page, "Search the settings");
  await page.keyboard.type("retention");
  await page.waitForURL(/#\/health\?q=retention$/);
  deepEqual(await rows.locator("td:first-child").allTextContents(), ["RETENTION_DAYS"]);
  deepEqual(await rows.locator("td:nth-child(2)").allTextContents(), ["90"]);
  await page.getByText("1 setting matches.").waitFor();
  await page.reload();
  await rows.first().waitFor();
  equal(await rows.count(), 1, "the search is in the address");
  const secret = page.getByRole("row", { name: /^WEBHOOK_SECRET set/ });
  await page.getByLabel("Search the settings").fill("webhook_secret");
  await secret.waitFor();
  doesNotMatch(await page.content(), /testsecret/);
});

test("a report to copy has the figures, and no number, text or secret", { skip }, async () => {
  const { page } = admin;
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await world.show(page, "#/health");
  await tabTo(page, "Copy a report");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Copied" }).waitFor();
  const report = await page.evaluate<string>("navigator.clipboard.readText()");
  match(report, /^lyftr {2,}\d+\.\d+\.\d+/);
  match(report, /^results\.created {2,}1$/m);
  match(report, /^retention\.days {2,}90$/m);
  doesNotMatch(report, /\+91|Hello|testsecret|lyftr_/);
});

test("an alert is on Overview and Health with what to do, and marks the title", {
  skip,
}, async () => {
  const { page } = admin;
  await using other = await otherUserOf(world.service.databaseUrl);
  await other.exec(
    "INSERT INTO alert_votes (rule, holder, summary, since, expires_at) VALUES ('silence', 'a', 'web-1 no message for 61 minutes', '2025-01-15T10:00:00.000Z', '2999-01-15T10:00:00.000Z')",
  );
  await world.show(page, "#/health");
  await page.getByRole("heading", { name: /^Silence since 15 Jan 2025/ }).waitFor();
  await page.getByText("web-1 no message for 61 minutes").waitFor();
  const [alert] = (await get("/overview")).alerts;
  await page.getByText(alert.what_to_do).waitFor();
  equal(await page.title(), "▲ Health · Lyftr");
  await expectAccessible(page);
  await screenshot(page, "health-alert");
  await world.show(page, "#/");
  await page.locator(".health-line", { hasText: "Silence" }).getByRole("link").click();
  await page.getByRole("heading", { name: "Health", level: 1 }).waitFor();
  await other.exec("DELETE FROM alert_votes");
  await page.getByRole("heading", { name: "No alert fires" }).waitFor();
  equal(await page.title(), "Health · Lyftr");
});

for (const [size, viewport] of [
  ["wide", { width: 1280, height: 900 }],
  ["phone", { width: 390, height: 844 }],
  ["zoomed", { width: 320, height: 512 }],
] as const)
  test(`nothing is cut, and axe-core finds nothing: ${size}`, { skip }, async () => {
    const { page } = admin;
    await page.setViewportSize(viewport);
    await world.show(page, "#/health");
    await page.locator(".health-settings tbody tr").first().waitFor();
    await expectNoOverflow(page);
    if (size !== "zoomed") await expectAccessible(page);
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      await screenshot(page, `health-${size}-${colorScheme}`);
    }
    await page.emulateMedia({ colorScheme: null });
  });

test("a key that reads sees the figures, and is not asked for the settings", { skip }, async () => {
  const reader = await world.open(world.keys.grafana);
  const { page } = reader;
  const asked: string[] = [];
  page.on("request", (request) => asked.push(new URL(request.url()).pathname));
  await world.show(page, "#/health");
  await page.getByRole("heading", { name: "Takes messages" }).waitFor();
  await page.getByText("The settings are shown to admin keys.").waitFor();
  equal(await page.getByLabel("Search the settings").count(), 0);
  ok(!asked.includes("/settings"));
  expectNoComplaints(reader, world.service.url);
});

test("the browser reports nothing, and no other host was asked", { skip }, () => {
  expectOnlyAnswers(admin, world.service.url);
});
