import { deepEqual, equal } from "node:assert/strict";
import type { Page } from "playwright-core";
import { type AdminWorld, startAdminWorld } from "./admin-pages.ts";
import type { TestPage } from "./browser.ts";
import { body, post } from "./service.ts";

export const ANNA = "+14155550001";
/** How many messages {@link sendTalk} sends. */
export const TALK_ROWS = 60;
/** A window of 640 pixels at a zoom of 200 %. */
export const ZOOMED = { width: 320, height: 512 };
export const WIDE = { width: 1280, height: 800 };

export interface PageCase {
  readonly name: string;
  readonly address: string;
  /** A part that is shown only after the answer. */
  readonly content: string;
  readonly access: "read" | "admin";
  /** What it says before there is a message, and at which address. */
  readonly empty?: { readonly address?: string; readonly text: string | RegExp };
  /** It asks once, so it fails only while nothing is shown. */
  readonly asksOnce?: boolean;
}

const read = { access: "read" } as const;
const admin = { access: "admin" } as const;
export const PAGES: readonly PageCase[] = [
  {
    name: "Overview",
    address: "#/",
    content: `.overview-columns a:has-text("${ANNA}")`,
    ...read,
    empty: { text: "No messages yet" },
  },
  {
    name: "Inbox",
    address: "#/inbox",
    content: "a.row >> nth=20",
    ...read,
    empty: { text: "No messages yet" },
  },
  {
    name: "Conversation",
    address: `#/from/${encodeURIComponent(ANNA)}`,
    content: ".talk-row >> nth=20",
    ...read,
    empty: { text: "No message from this number" },
  },
  {
    name: "Senders",
    address: "#/senders",
    content: `.senders a:has-text("${ANNA}")`,
    ...read,
    empty: { text: "No senders yet" },
  },
  {
    name: "All senders",
    address: "#/senders?tab=all",
    content: `.senders a:has-text("${ANNA}")`,
    ...read,
    empty: { address: "#/senders?tab=all&prefix=%2B7", text: "No sender's number begins so" },
  },
  { name: "Sources", address: "#/sources", content: ".page-sources tbody tr", ...admin },
  {
    name: "Audit",
    address: "#/audit",
    content: ".page-audit tbody tr",
    ...admin,
    empty: { address: "#/audit?before=2020-01-01", text: "There is nothing older" },
  },
  { name: "API keys", address: "#/keys", content: ".page-keys tbody tr", ...admin },
  {
    name: "Rejected",
    address: "#/rejected",
    content: ".rejected-summary",
    ...read,
    empty: { text: "No sender has asked yet." },
  },
  {
    name: "Exports",
    address: "#/exports",
    content: `[role="status"]:text-matches("^[0-9,]+ m")`,
    ...read,
    asksOnce: true,
    empty: { text: "No message matches." },
  },
  {
    name: "Health",
    address: "#/health",
    content: ".health-state",
    ...read,
    empty: { text: "Takes messages" },
  },
];

/** A service and a browser in which an administrator looks at the pages. */
export interface PagesWorld extends AsyncDisposable {
  readonly admin: AdminWorld;
  /** Signed in as an administrator. Its clock can be set forward. */
  readonly ops: TestPage;
  send(from: string, text: string, ts?: Date): Promise<void>;
  /** A conversation of some length, and one request that is refused. */
  sendTalk(): Promise<void>;
  /** Opens an address in a new document. */
  show(page: Page, address: string): Promise<void>;
  showContent(page: Page, shown: PageCase): Promise<void>;
  /** What a failed test left: routes, complaints. */
  forget(): Promise<void>;
}

export async function startPagesWorld(): Promise<PagesWorld> {
  await using scope = new AsyncDisposableStack();
  const admin = scope.use(await startAdminWorld({ READ_AUTH: "open" }));
  const ops = await admin.open();
  await ops.page.clock.install();
  let sent = 0;
  const send = async (from: string, text: string, ts = new Date()) => {
    const message = body({ message_id: `m${++sent}`, from, text, ts: ts.toISOString() });
    const answer = await post(admin.service.url, message);
    equal(answer.status, 200, await answer.text());
  };
  const show = async (page: Page, address: string) => {
    await page.goto("about:blank");
    await admin.show(page, address);
  };
  const resources = scope.move();
  return {
    admin,
    ops,
    send,
    sendTalk: async () => {
      const start = Date.now() - TALK_ROWS * 60_000;
      for (let at = 0; at < TALK_ROWS; at++)
        await send(ANNA, `text ${at} of a person`, new Date(start + at * 60_000));
      await post(admin.service.url, body(), { "x-signature": "abc" });
    },
    show,
    showContent: async (page, { address, content }) => {
      await show(page, address);
      await page.locator(content).first().waitFor();
    },
    forget: async () => {
      await ops.page.unrouteAll({ behavior: "ignoreErrors" });
      ops.complaints.splice(0);
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/** Nothing but answers that are not 2xx, and requests that were cut on purpose. */
export function expectOnlyCaused({ complaints }: TestPage): void {
  const others = complaints.filter((text) => !text.startsWith("Failed to load resource:"));
  deepEqual(others, []);
}

/** No control lies outside of the window, where it cannot be scrolled into view. */
export async function expectNothingCut(page: Page): Promise<void> {
  const cut = await page.evaluate<string[]>(`(() => {
    const scrolls = (element) => {
      for (let at = element.parentElement; at !== null; at = at.parentElement)
        if (/auto|scroll/.test(getComputedStyle(at).overflowX) && at.scrollWidth > at.clientWidth)
          return true;
      return false;
    };
    return [...document.querySelectorAll("a, button, input, h1, h2, summary")]
      .filter((element) => element.checkVisibility() && !element.matches(".skip"))
      .filter((element) => {
        const { left, right, width } = element.getBoundingClientRect();
        return width > 1 && (left < -1 || right > innerWidth + 1) && !scrolls(element);
      })
      .map((element) => element.outerHTML);
  })()`);
  deepEqual(cut, [], page.url());
}
