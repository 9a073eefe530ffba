import { deepEqual, equal } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  // Without these, Chromium contacts its vendor's hosts at every start.
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
  "--disable-quic",
];
/** How long a test waits for the page before it fails. */
const WAIT_MS_MAX = 15_000;

/** An address that no page asks for. */
const NEVER_ASKED = "https://never-asked.invalid/";

interface BrowserSettings {
  /** Arguments of Chromium. */
  readonly more?: readonly string[];
  /**
   * Tests answer requests in the place of the service. Chromium begins to intercept requests some
   * time after it was told to, and a request that is sent before goes to the service. With this, it
   * intercepts from the start. It then has no cache, and the driver answers CORS preflights.
   */
  readonly intercepts?: boolean;
}

/** Chromium, for all tests of a file. */
export interface TestBrowser extends AsyncDisposable {
  /** Opens a page with a profile of its own. It is closed with the browser. */
  open(options?: BrowserContextOptions): Promise<TestPage>;
}

export interface TestPage {
  readonly page: Page;
  /** Errors in the console, uncaught errors, reports of the content policy, and dialogs. */
  readonly complaints: string[];
  /** The hosts that the page asked. */
  readonly hosts: Set<string>;
}

/** Builds the dashboard, if its sources have changed, and starts Chromium. */
export async function startBrowser(settings: BrowserSettings = {}): Promise<TestBrowser> {
  const { more = [], intercepts = false } = settings;
  execFileSync(process.execPath, [join(ROOT, "scripts/build.ts"), "--if-changed"], {
    stdio: "pipe",
  });
  const browser = await launchChromium(more);
  return {
    open: async (options) => {
      const context = await browser.newContext({
        viewport: { width: 1280, height: 800 },
        ...options,
      });
      if (intercepts) await context.route(NEVER_ASKED, (route) => route.abort());
      const page = await context.newPage();
      page.setDefaultTimeout(WAIT_MS_MAX);
      return watched(page);
    },
    [Symbol.asyncDispose]: () => browser.close(),
  };
}

export function launchChromium(more: readonly string[] = []): Promise<Browser> {
  return chromium.launch({ executablePath: "/usr/bin/chromium", args: [...ARGUMENTS, ...more] });
}

function watched(page: Page): TestPage {
  const complaints: string[] = [];
  const hosts = new Set<string>();
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(`${message.text()} ${message.location().url}`);
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("dialog", (dialog) => {
    complaints.push(`a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("request", (request) => {
    const { protocol, host } = new URL(request.url());
    if (protocol !== "data:" && protocol !== "blob:") hosts.add(host);
  });
  return { page, complaints, hosts };
}

/** The page has asked only the service, and the browser has nothing to complain about. */
export function expectNoComplaints({ complaints, hosts }: TestPage, serviceUrl: string): void {
  deepEqual(complaints, []);
  deepEqual([...hosts], [new URL(serviceUrl).host]);
}

/** No rule of axe-core for WCAG 2.2 AA and good practice is violated, in light and in dark. */
export async function expectAccessible(page: Page): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    // A script of the driver runs outside of the page's policy.
    await page.evaluate(AXE);
    const violations = await page.evaluate(
      "axe.run().then(({ violations }) => violations.map(({ id, nodes }) => ({ id, at: nodes.map(({ html }) => html) })))",
    );
    deepEqual(violations, [], `${colorScheme}: ${page.url()}`);
  }
  await page.emulateMedia({ colorScheme: null });
}

/** Keeps a picture of the page in the folder of SCREENSHOTS, if it is set. */
export async function screenshot(page: Page, name: string): Promise<void> {
  const folder = process.env.SCREENSHOTS;
  if (folder === undefined) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`) });
}

/** No part of the page is wider than the window, so nothing has to be scrolled sideways. */
export async function expectNoOverflow(page: Page): Promise<void> {
  const excess = await page.evaluate(
    "document.documentElement.scrollWidth - document.documentElement.clientWidth",
  );
  equal(excess, 0, page.url());
}
