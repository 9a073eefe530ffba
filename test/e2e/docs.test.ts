import { deepEqual, equal, match } from "node:assert/strict";
import { test } from "node:test";
import { chromium } from "playwright-core";
import { startService } from "../support/service.ts";
import { unlessTool } from "../support/tools.ts";

// Without these, Chromium contacts its vendor's hosts at every start.
const QUIET = [
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
  "--disable-quic",
];

test("the documentation page shows every route, works without the internet and can try a request", {
  skip: unlessTool("chromium"),
}, async () => {
  await using service = await startService();
  const browser = await chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", ...QUIET],
  });
  try {
    const page = await browser.newPage({ viewport: { width: 1200, height: 1400 } });
    const complaints: string[] = [];
    const foreign: string[] = [];
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on(
      "request",
      (request) =>
        /^(data|blob):/.test(request.url()) ||
        request.url().startsWith(service.url) ||
        foreign.push(request.url()),
    );
    await page.goto(`${service.url}/docs`);
    const routes = page.locator(".opblock-summary-path");
    await routes.first().waitFor();
    deepEqual((await routes.allInnerTexts()).map((text) => text.replace(/\u200b/g, "")).sort(), [
      "/audit",
      "/health/live",
      "/health/ready",
      "/keys",
      "/keys",
      "/keys/{id}",
      "/keys/{id}/rotate",
      "/messages",
      "/messages/export",
      "/messages/{message_id}",
      "/metrics",
      "/senders",
      "/senders/{msisdn}",
      "/stats",
      "/stats/timeline",
      "/webhook",
    ]);
    const stats = page.locator(".opblock", { has: page.locator('[data-path="/stats"]') });
    await stats.locator(".opblock-summary").click();
    await stats.getByRole("button", { name: "Try it out" }).click();
    await stats.getByRole("button", { name: "Execute" }).click();
    const answer = stats.locator(".live-responses-table tbody .response-col_description").first();
    await answer.waitFor();
    if (process.env.SCREENSHOT !== undefined)
      await page.screenshot({ path: process.env.SCREENSHOT });
    match((await answer.textContent()) ?? "", /"total_messages":\s*0/);
    deepEqual([complaints, foreign], [[], []]);
    equal(await page.title(), "Lyftr API");
  } finally {
    await browser.close();
  }
});
