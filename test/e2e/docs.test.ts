import { deepEqual, equal, match } from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { chromium } from "playwright-core";
import { startBrowser } from "../support/browser.ts";
import { UI } from "../support/browser-session.ts";
import { prefixProxy } from "../support/prefix-proxy.ts";
import { startService } from "../support/service.ts";
import { unlessTool } from "../support/tools.ts";

const ADMIN = "an-admin-key-of-the-tests-0123456789-abcdef";
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
      "/erasures",
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
      "/overview",
      "/secrets",
      "/secrets",
      "/secrets/{name}/retire",
      "/senders",
      "/senders/{msisdn}",
      "/session",
      "/session",
      "/session",
      "/settings",
      "/stats",
      "/stats/timeline",
      "/test-messages",
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

test("a link to the page on another site works for a person who is signed in, although the browser sends no cookie with it", {
  skip: unlessTool("chromium"),
}, async () => {
  await using service = await startService({ ADMIN_API_KEY: ADMIN });
  await using browser = await startBrowser();
  const elsewhere = createServer((_request, response) =>
    response.setHeader("content-type", "text/html").end(`<a href="${service.url}/docs">API</a>`),
  );
  await new Promise<void>((resolve) => elsewhere.listen(0, resolve));
  try {
    const { page } = await browser.open();
    await page.goto(`${service.url}/docs`);
    await page.locator("input[type=password]").fill(ADMIN);
    await page.keyboard.press("Enter");
    const routes = page.locator(".opblock-summary-path").first();
    await routes.waitFor();
    const { port } = elsewhere.address() as AddressInfo;
    for (const host of ["localhost", "127.0.0.1"]) {
      await page.goto(`http://${host}:${port}/`);
      await page.getByRole("link").click();
      await routes.waitFor();
      equal(page.url(), `${service.url}/docs`, host);
    }
  } finally {
    elsewhere.close();
    elsewhere.closeAllConnections();
  }
});

test("with keys a person is led to the sign-in, and then the page works by the cookie, below a path of a proxy too", {
  skip: unlessTool("chromium"),
}, async () => {
  await using service = await startService({ ADMIN_API_KEY: ADMIN });
  await using proxy = await prefixProxy(service.port);
  const browser = await chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", ...QUIET],
  });
  try {
    for (const url of [service.url, proxy.url]) {
      const context = await browser.newContext();
      const page = await context.newPage();
      for (const address of ["/docs", "/docs/", "/docs?x=1"]) {
        await page.goto(url + address);
        equal(page.url(), `${url}/ui/#/sign-in?then=docs`);
      }
      const signedIn = await context.request.post(`${url}/session`, {
        headers: UI,
        data: { key: ADMIN },
      });
      equal(signedIn.status(), 200);
      for (const address of ["/docs/", "/docs/static/index.html", "/docs"]) {
        await page.goto(url + address);
        await page.locator(".opblock-summary-path").first().waitFor();
      }
      /** Sends the request of a route with its example, and returns the answer that is shown. */
      const tried = async (method: string, path: string, body?: string) => {
        const block = page.locator(`.opblock-${method}`, {
          has: page.locator(`[data-path="${path}"]`),
        });
        await block.locator(".opblock-summary").click();
        await block.getByRole("button", { name: "Try it out" }).click();
        if (body !== undefined) await block.locator("textarea").first().fill(body);
        await block.getByRole("button", { name: "Execute" }).click();
        const answer = block.locator(".live-responses-table tbody tr.response").first();
        await answer.waitFor();
        return (await answer.textContent()) ?? "";
      };
      match(await tried("get", "/keys"), /^200[\s\S]*"data":/);
      const name = `made-${new URL(url).port}`;
      match(
        await tried("post", "/keys", JSON.stringify({ name, scope: "read" })),
        /^201[\s\S]*lyftr_/,
      );
      await context.close();
    }
    deepEqual(proxy.strays, []);
  } finally {
    await browser.close();
  }
});
