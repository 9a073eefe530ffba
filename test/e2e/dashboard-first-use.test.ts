import { deepEqual, equal, match, ok } from "node:assert/strict";
import { type ExecFileOptions, execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import type { Page } from "playwright-core";
import { type AdminWorld, startAdminWorld } from "../support/admin-pages.ts";
import {
  expectAccessible,
  expectNoComplaints,
  expectNoOverflow,
  screenshot,
  type TestPage,
} from "../support/browser.ts";
import { temporaryFolder } from "../support/cli.ts";
import { body, getJson, post, SECRET } from "../support/service.ts";
import { unlessTool } from "../support/tools.ts";

const skip = unlessTool("chromium");
const PHONE = { width: 390, height: 844 };
const CODE_LINE_PX = 22;
const SHELL_MS_MAX = 20_000;
const WIDE = { width: 1280, height: 800 };

let world: AdminWorld;
let ops: TestPage;
before(async () => {
  if (skip !== false) return;
  world = await startAdminWorld({ READ_AUTH: "open" });
  ops = await world.open();
  await ops.page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
});
after(() => world?.[Symbol.asyncDispose]());

/** Opens an address in a new document. */
async function show(page: Page, address: string): Promise<void> {
  await page.goto("about:blank");
  await world.show(page, address);
}

/** What a command prints. The service runs in this process, so nothing may block it. */
async function shell(command: string, options: ExecFileOptions = {}): Promise<string> {
  const limited = { timeout: SHELL_MS_MAX, ...options };
  const { stdout } = await promisify(execFile)("sh", ["-c", command], limited);
  return String(stdout);
}

const clipboard = (page: Page) => page.evaluate<string>("navigator.clipboard.readText()");

// The first test runs before any message is sent.
test("the lines of the empty Inbox send a message from a shell, and are whole on a phone", {
  skip,
}, async () => {
  const { page } = ops;
  await show(page, "#/inbox");
  await page.getByText("First set WEBHOOK_SECRET to the secret of the service.").waitFor();
  await expectAccessible(page);
  await screenshot(page, "first-message");
  await page.setViewportSize(PHONE);
  const lines = page.locator(".code-block pre");
  equal(await lines.count(), 2);
  for (const block of await lines.all()) {
    const written = ((await block.textContent()) ?? "").split("\n").length;
    const height = await block.evaluate((element) => element.clientHeight);
    equal(Math.floor(height / CODE_LINE_PX), written, "no line is broken");
  }
  await expectNoOverflow(page);
  await screenshot(page, "first-message-phone");
  await page.setViewportSize(WIDE);
  const copied: string[] = [];
  for (const copy of await page.locator(".code-block").getByRole("button").all()) {
    await copy.click();
    copied.push(await clipboard(page));
  }
  using folder = temporaryFolder();
  writeFileSync(folder.file(".env"), `WEBHOOK_SECRET=${SECRET}\n`);
  equal(await shell(copied.join("\n"), { cwd: folder.path }), '{"status":"ok"}');
  await page.locator("a.row", { hasText: "Hello" }).waitFor();
});

test("a copied link and a copied command have nothing of what the reader searched for", {
  skip,
}, async () => {
  const { page } = ops;
  await show(page, "#/inbox/native/hello-1?from=%2B919876543210&q=Hello");
  await page.locator(".pane .message-text").waitFor();
  await page.getByRole("button", { name: "Copy link" }).click();
  await page.getByRole("button", { name: "Copied" }).waitFor();
  equal(await clipboard(page), `${world.service.url}/ui/#/inbox/native/hello-1`);
  await show(page, (await clipboard(page)).replace(/^.*\/ui\//, ""));
  await page.locator(".pane .message-text", { hasText: "Hello" }).waitFor();
  await page.getByRole("button", { name: "Copy as curl" }).click();
  await page.getByRole("button", { name: "Copied" }).waitFor();
  const command = await clipboard(page);
  equal(command, `curl -sS '${world.service.url}/messages/hello-1'`);
  match(await shell(command), /"text":"Hello"/);
});

test("where reading needs a key, the command takes it from a variable that is explained", {
  skip,
}, async () => {
  const { page } = ops;
  await page.route("**/session", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...(await response.json()), read: "keys" } });
  });
  await show(page, "#/inbox/native/hello-1");
  await page.getByRole("button", { name: "Copy as curl" }).click();
  await page.getByText("Copied. Set LYFTR_KEY to your API key before you run it.").waitFor();
  const command = await clipboard(page);
  const env = { ...process.env, LYFTR_KEY: world.keys.grafana };
  match(await shell(command, { env }), /"text":"Hello"/);
  await show(page, "#/exports");
  await page.getByText("Set LYFTR_KEY to your API key before:").waitFor();
  await page.unrouteAll({ behavior: "wait" });
});

test("an address of the Audit that names no moment says so, and leads to the newest", {
  skip,
}, async () => {
  const { page } = ops;
  for (const before of ["0", "banana", "2026-13-41", "9999"]) {
    await show(page, `#/audit?before=${before}`);
    await page.getByText("This address names no moment").waitFor();
    await screenshot(page, "audit-no-moment");
    await page.getByRole("link", { name: "Newest" }).click();
    await page.locator(".page-audit tbody tr").first().waitFor();
  }
  await show(page, "#/audit?before=2020-01-01");
  await page.getByText("There is nothing older").waitFor();
});

test("Display is found by its name, and its clock of 12 hours has no leading zero", {
  skip,
}, async () => {
  const { page } = ops;
  // 09:05 and 10:05 in the zone of the page.
  for (const ts of ["2026-11-29T03:35:00Z", "2026-11-29T04:35:00Z"]) {
    const answer = await post(world.service.url, body({ message_id: ts, ts }));
    equal(answer.status, 200, await answer.text());
  }
  await show(page, "#/inbox?until=2026-11-29T18:30:00Z");
  await page.locator("a.row").nth(1).waitFor();
  await page.getByRole("button", { name: /^Display/ }).click();
  await page.getByLabel("Clock").selectOption("12 h");
  await page.getByRole("button", { name: "Done" }).click();
  const times = await page.locator(".row-time").allTextContents();
  deepEqual(
    times.map((time) => time.replaceAll("\u00a0", " ")),
    ["10:05 am", "9:05 am"],
  );
  const starts = await page
    .locator(".row-from")
    .evaluateAll((cells) => cells.map((cell) => cell.getBoundingClientRect().left));
  equal(new Set(starts).size, 1, "the texts begin at the same place");
  await screenshot(page, "clock-12");
  await page.setViewportSize(PHONE);
  await page.getByRole("button", { name: "More" }).click();
  await page.getByRole("button", { name: /^Display/ }).waitFor();
  await screenshot(page, "display-phone");
  await page.setViewportSize(WIDE);
});

test("the browser reports nothing", { skip }, async () => {
  ok((await getJson(`${world.service.url}/messages?limit=1`)).total > 0);
  expectNoComplaints(ops, world.service.url);
});
