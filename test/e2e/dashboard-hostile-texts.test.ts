import { deepEqual, equal, ok } from "node:assert/strict";
import { after, test } from "node:test";
import type { Page } from "playwright-core";
import { expectNoComplaints, expectNoOverflow, startBrowser } from "../support/browser.ts";
import { body, post, type Service, startService } from "../support/service.ts";
import { unlessTool } from "../support/tools.ts";

const skip = unlessTool("chromium");
const browser = skip ? undefined : await startBrowser();
after(() => browser?.[Symbol.asyncDispose]());

const TEXTS_COUNT = 200;
/** Each would set `window.ran` if a page ran it. */
const SCRIPTS = [
  "<script>window.ran = 1</script>",
  "<img src=x onerror=window.ran=1>",
  "<svg/onload=window.ran=1>",
  "<svg><script>window.ran=1</script></svg>",
  "<iframe srcdoc='<script>parent.ran=1</script>'></iframe>",
  "<iframe src=javascript:parent.ran=1>",
  "<a href='javascript:window.ran=1' autofocus onfocus=window.ran=1>x</a>",
  "<details open ontoggle=window.ran=1>",
  "<style>@import 'http://127.0.0.2/x.css';*{display:none}</style>",
  "<link rel=stylesheet href=http://127.0.0.2/x.css>",
  "<meta http-equiv=refresh content='0;url=http://127.0.0.2/'>",
  "<base href=http://127.0.0.2/>",
  "<form action=http://127.0.0.2/><input autofocus onfocus=window.ran=1></form>",
  "<object data=http://127.0.0.2/x></object><embed src=http://127.0.0.2/x>",
  "<video><source onerror=window.ran=1></video>",
  "<math><mtext><table><mglyph><style><img src=x onerror=window.ran=1>",
  '"><img src=x onerror=window.ran=1>',
  "' onmouseover='window.ran=1",
  "</bdi></a></li></ol></main><script>window.ran=1</script>",
  "<!--<img src=x onerror=window.ran=1>-->",
  "<template><script>window.ran=1</script></template>",
  "$" + "{window.ran=1}",
  "{{constructor.constructor('window.ran=1')()}}",
  "#{window.ran=1}",
  "<%= window.ran=1 %>",
  "javascript:window.ran=1",
  "data:text/html,<script>parent.ran=1</script>",
  "&lt;script&gt;window.ran=1&lt;/script&gt;",
  "&#60;script&#62;window.ran=1&#60;/script&#62;",
  "\\u003cscript\\u003ewindow.ran=1\\u003c/script\\u003e",
];
/** Texts that break lines, directions and widths. */
const SHAPES = [
  "\u202Egnp.exe\u202C",
  "\u2066\u2067\u2068left open",
  "\u200B\u200C\u200D\uFEFF\u00AD",
  "a\u0300\u0301\u0302\u0303\u0304\u0305".repeat(500),
  "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘",
  "👩‍👩‍👧‍👦".repeat(580),
  "w".repeat(4_096),
  "﷽".repeat(300),
  "line\nline\r\n\u2028line\u2029".repeat(200),
  "\t\v\f ".repeat(900),
  "مرحبا <b>bold</b> שלום",
  "__proto__",
  "constructor",
  "null",
  "undefined",
  "[object Object]",
  "NaN",
  "0",
  "%s %d %n %x",
  "../../etc/passwd",
];

/** Every script and shape, alone and in pairs. */
function hostileTexts(): readonly string[] {
  const single = [...SCRIPTS, ...SHAPES];
  const pairs = SCRIPTS.flatMap((script) =>
    SHAPES.slice(0, 6).map((shape) => `${shape.slice(0, 3_000)}${script}`),
  );
  return [...single, ...pairs].slice(0, TEXTS_COUNT);
}

/** A service with these texts, one message each, all of one day. Ids are as hostile as texts. */
async function serviceWith(
  texts: readonly string[],
  idOf: (at: number) => string,
): Promise<Service> {
  const service = await startService();
  for (const [at, text] of texts.entries()) {
    const payload = body({
      message_id: idOf(at),
      text,
      ts: new Date(Date.UTC(2025, 0, 15, 10, 0, at)).toISOString(),
    });
    equal((await post(service.url, payload)).status, 200, text.slice(0, 80));
  }
  return service;
}

/** Scrolls to the end of the Inbox. Returns the number of elements of its rows, and of rows. */
async function walkInbox(page: Page, url: string): Promise<{ rows: number; elements: number }> {
  await page.goto(`${url}/ui/#/inbox`);
  const rows = page.locator("a.row");
  await rows.first().waitFor();
  while ((await rows.count()) < TEXTS_COUNT) {
    const before = await rows.count();
    await rows.last().scrollIntoViewIfNeeded();
    await rows.nth(before).waitFor();
  }
  const elements = await page.evaluate<number>(
    `[...document.querySelectorAll("a.row")].reduce((sum, row) => sum + row.querySelectorAll("*").length, 0)`,
  );
  return { rows: await rows.count(), elements };
}

test("two hundred hostile texts are text: nothing runs, loads, or adds an element to the list", {
  skip,
}, async () => {
  ok(browser);
  const texts = hostileTexts();
  equal(texts.length, TEXTS_COUNT);
  await using hostile = await serviceWith(
    texts,
    (at) => `${at}"><img src=x onerror=window.ran=1>/../?#%00`,
  );
  await using harmless = await serviceWith(
    texts.map((_, at) => `text ${at}`),
    (at) => `m${at}`,
  );
  const opened = await browser.open();
  const { page } = opened;
  const found = await walkInbox(page, hostile.url);
  await expectNoOverflow(page);
  expectNoComplaints(opened, hostile.url);
  const other = await browser.open();
  deepEqual(found, await walkInbox(other.page, harmless.url));

  // All rows have one height, so the list does not move when a text comes in.
  const heights = await page.evaluate<number[]>(
    `[...new Set([...document.querySelectorAll("a.row")].map((row) => row.getBoundingClientRect().height))]`,
  );
  equal(heights.length, 1, heights.join());
  equal(await page.evaluate("window.ran"), undefined);
});

test("each hostile text is shown whole in its message, and nothing of it runs", {
  skip,
}, async () => {
  ok(browser);
  const texts = [...SCRIPTS, ...SHAPES];
  await using service = await serviceWith(texts, (at) => `${at}<b>&amp;"'/..?#%2F`);
  const opened = await browser.open();
  const { page } = opened;
  await page.goto(`${service.url}/ui/#/inbox`);
  await page.locator("a.row").first().click();
  for (const at of texts.keys()) {
    const id = `${texts.length - 1 - at}<b>&amp;"'/..?#%2F`;
    await page.locator(".pane").getByText(id, { exact: true }).first().waitFor();
    await expectNoOverflow(page);
    if (at < texts.length - 1) await page.keyboard.press("j");
    await page.keyboard.press("Enter");
  }
  equal(await page.evaluate("window.ran"), undefined);
  equal(
    await page
      .locator(".pane :is(script, iframe, img, svg script, object, embed, style, form)")
      .count(),
    0,
  );
  expectNoComplaints(opened, service.url);
});
