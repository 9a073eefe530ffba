import { match, ok } from "node:assert/strict";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  expectAccessible,
  expectNoComplaints,
  expectNoOverflow,
  screenshot,
  startBrowser,
} from "../support/browser.ts";
import { startService } from "../support/service.ts";
import { unlessTool } from "../support/tools.ts";

const skip = unlessTool("chromium");
const browser = skip ? undefined : await startBrowser();
after(() => browser?.[Symbol.asyncDispose]());

test("a new service shows its dashboard without a complaint of the browser", { skip }, async () => {
  await using service = await startService();
  ok(browser);
  const opened = await browser.open();
  await opened.page.goto(`${service.url}/`);
  await opened.page.getByRole("heading", { level: 1 }).waitFor();
  match(opened.page.url(), /\/ui\/(#\/)?$/);
  await expectAccessible(opened.page);
  await expectNoOverflow(opened.page);
  await screenshot(opened.page, "first-page");
  expectNoComplaints(opened, service.url);
});

test("the policy of the page refuses markup and inline code", { skip }, async () => {
  await using service = await startService();
  ok(browser);
  const { page, complaints } = await browser.open();
  await page.goto(`${service.url}/ui/`);
  await page.getByRole("heading", { level: 1 }).waitFor();
  await page.evaluate(
    `const script = document.createElement("script");
     try { script.textContent = "globalThis.ran = true"; document.body.append(script); } catch {}
     try { document.body.insertAdjacentHTML("beforeend", "<img src=x onerror='globalThis.ran = true'>"); } catch {}
     try { setTimeout("globalThis.ran = true", 0); } catch {}`,
  );
  await sleep(0);
  ok((await page.evaluate("globalThis.ran")) === undefined);
  ok(complaints.length >= 2, complaints.join("\n"));
});
