import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Page } from "playwright-core";
import { sqliteUrl } from "../bench/support/fill.ts";
import { loadMessages } from "../src/cli/demo/loader.ts";
import { systemClock } from "../src/domain/clock.ts";
import { openStore } from "../src/store/open.ts";
import { KeyMaker } from "../test/support/api-keys.ts";
import { startBrowser, type TestBrowser } from "../test/support/browser.ts";
import { temporaryFolder } from "../test/support/cli.ts";
import { body, post, startService } from "../test/support/service.ts";

// Makes the pictures of docs/dashboard.md and of the README: `npm run screenshots`, or `npm run
// screenshots FOLDER`. It needs Chromium at /usr/bin/chromium, and Debian's fonts-noto-core,
// fonts-noto-cjk and fonts-noto-color-emoji, or half of the texts are empty boxes.

const folder = resolve(process.argv[2] ?? "docs/images");
const MESSAGES = 3_000;
const ZONE = "Asia/Kolkata";
const WIDE = { width: 1280, height: 800 };
const PHONE = { width: 390, height: 844 };

interface Picture {
  readonly name: string;
  readonly address: string;
  /** What is waited for. */
  readonly shows: string;
  /** What is clicked then, and what that shows. */
  readonly click?: { readonly on: string; readonly shows: string };
  readonly isDark?: true;
  readonly isPhone?: true;
}

/** The last figure that the Overview gets: when the last message came. */
const LAST_MESSAGE = '.figure-value:text-matches("ago$|^Now$")';
const PICTURES: readonly Picture[] = [
  { name: "overview", address: "#/", shows: LAST_MESSAGE },
  { name: "overview-dark", address: "#/", shows: LAST_MESSAGE, isDark: true },
  {
    name: "inbox",
    address: "#/inbox",
    shows: "a.row",
    click: { on: "a.row >> nth=12", shows: ".pane time, .pane dl" },
  },
  { name: "inbox-search", address: "#/inbox?q=order", shows: "a.row mark" },
  { name: "inbox-phone", address: "#/inbox", shows: "a.row", isPhone: true, isDark: true },
  { name: "conversation", address: "#/from/%2B14155550001", shows: "main bdi" },
  { name: "senders", address: "#/senders", shows: "main bdi" },
  { name: "rejected", address: "#/rejected", shows: "main table, main ul" },
  { name: "sources", address: "#/sources", shows: "main table" },
  { name: "keys", address: "#/keys", shows: "main table" },
  { name: "audit", address: "#/audit", shows: "main table, main ol" },
  { name: "exports", address: "#/exports", shows: "main form, main input" },
  { name: "health", address: "#/health", shows: "main dl, main section" },
];

mkdirSync(folder, { recursive: true });
using place = temporaryFolder();
const url = sqliteUrl(place.file("app.db"));
const key = await prepare(url);
await using service = await startService({
  DATABASE_URL: url,
  MASTER_KEY: "0123456789abcdef".repeat(4),
});
await refuseSome(service.url);
await using browser = await startBrowser();
for (const picture of PICTURES) {
  await take(browser, picture);
  process.stdout.write(`${picture.name}.png\n`);
}

/** Stores messages and makes keys. Returns the token of an administrator. */
async function prepare(databaseUrl: string): Promise<string> {
  const store = await openStore(databaseUrl);
  await loadMessages(store, { seed: 1, count: MESSAGES, nowMs: Date.now(), clock: systemClock });
  await store.close();
  await using keys = await KeyMaker.of(databaseUrl);
  await keys.make({ name: "grafana", scope: "read" });
  const { text } = await keys.make({ name: "ops", scope: "admin" });
  return text;
}

/** Requests that are refused or repeated, for the page that shows them. */
async function refuseSome(to: string): Promise<void> {
  for (let n = 0; n < 3; n++) await post(to, body(), { "x-signature": "0".repeat(64) });
  for (let n = 0; n < 4; n++)
    await post(to, body({ ts: new Date().toISOString().replace(/\.\d+/, "") }));
  await post(to, body({ message_id: "m2", from: "nobody" }));
}

async function take(from: TestBrowser, { name, address, shows, click, isDark, isPhone }: Picture) {
  const { page } = await from.open({
    viewport: isPhone ? PHONE : WIDE,
    colorScheme: isDark ? "dark" : "light",
    timezoneId: ZONE,
    locale: "en-GB",
  });
  await signIn(page);
  await page.goto(`${service.url}/ui/${address}`);
  await page.locator(shows).first().waitFor();
  if (click !== undefined) {
    await page.locator(click.on).click();
    await page.locator(click.shows).first().waitFor();
  }
  await page.waitForLoadState("networkidle");
  await page.screenshot({ path: join(folder, `${name}.png`) });
  await page.context().close();
}

async function signIn(page: Page): Promise<void> {
  await page.goto(`${service.url}/ui/#/sign-in`);
  await page.getByLabel("API key", { exact: true }).fill(key);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("navigation").first().waitFor();
}
