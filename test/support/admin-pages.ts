import { deepEqual, ok } from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import type { Page } from "playwright-core";
import { KeyMaker } from "./api-keys.ts";
import { startBrowser, type TestBrowser, type TestPage } from "./browser.ts";
import { type Service, startService } from "./service.ts";
import { testedDatabase } from "./tested-store.ts";

/** One service with two keys, and one browser, for all tests of a file. */
export interface AdminWorld extends AsyncDisposable {
  readonly service: Service;
  readonly browser: TestBrowser;
  readonly keys: { readonly ops: string; readonly grafana: string };
  /** Opens a page that is signed in with a key. */
  open(key?: string, size?: "wide" | "phone"): Promise<TestPage>;
  show(page: Page, address: string): Promise<void>;
}

const SIZES = { wide: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } } as const;
const TABS_MAX = 60;
const FOCUS_MS_MAX = 15_000;

export async function startAdminWorld(
  env: Readonly<Record<string, string>> = {},
): Promise<AdminWorld> {
  await using scope = new AsyncDisposableStack();
  const { url } = scope.use(await testedDatabase());
  const maker = await KeyMaker.of(url);
  const ops = await maker.make({ name: "ops", scope: "admin" });
  const grafana = await maker.make({ name: "grafana" });
  await maker[Symbol.asyncDispose]();
  const service = scope.use(await startService({ ...env, DATABASE_URL: url }));
  const browser = scope.use(await startBrowser({ intercepts: true }));
  const resources = scope.move();
  const show = async (page: Page, address: string) => {
    await page.goto(`${service.url}/ui/${address}`);
  };
  return {
    service,
    browser,
    keys: { ops: ops.text, grafana: grafana.text },
    open: async (key = ops.text, size = "wide") => {
      const shown = await browser.open({
        viewport: SIZES[size],
        timezoneId: "Asia/Kolkata",
        locale: "en-GB",
      });
      await show(shown.page, `#/sign-in?key=${key}`);
      // The frame is drawn before the sign-in; its line with the name of the key is not.
      await shown.page.locator(".foot-line").waitFor({ state: "attached" });
      return shown;
    },
    show,
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/** Presses Tab until what has the focus has this name. It may still have to be drawn. */
export async function tabTo(page: Page, name: string | RegExp): Promise<void> {
  const seen: string[] = [];
  const end = performance.now() + FOCUS_MS_MAX;
  while (seen.length < TABS_MAX || performance.now() < end) {
    const focused = await focusedName(page);
    if (typeof name === "string" ? focused === name : name.test(focused)) return;
    seen.push(focused);
    await page.keyboard.press("Tab");
  }
  ok(false, `Tab does not reach ${name}: ${seen.slice(-TABS_MAX).join(" | ")}`);
}

/** The name of what has the focus: its label, or its text. */
export function focusedName(page: Page): Promise<string> {
  return page.evaluate<string>(`(() => {
    const element = document.activeElement;
    const label = element.getAttribute("aria-label") ?? element.labels?.[0]?.textContent;
    return (label ?? element.textContent ?? "").trim();
  })()`);
}

/** Waits until what has the focus has this name. */
export async function untilFocused(page: Page, name: string): Promise<void> {
  const end = performance.now() + FOCUS_MS_MAX;
  for (;;) {
    const focused = await focusedName(page);
    if (focused === name) return;
    ok(performance.now() < end, `${focused} has the focus instead of ${name}`);
    await setTimeout(20);
  }
}

/** The console has nothing but what the browser says of answers that are not 2xx. */
export function expectOnlyAnswers({ complaints, hosts }: TestPage, serviceUrl: string): void {
  deepEqual(
    complaints.filter((text) => !/the server responded with a status of/.test(text)),
    [],
  );
  deepEqual([...hosts], [new URL(serviceUrl).host]);
}
