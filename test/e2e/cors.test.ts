import { deepEqual, equal, ok } from "node:assert/strict";
import { createServer } from "node:http";
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
const ADMIN = "an-admin-key-of-the-tests-0123456789-abcdef";

/** An empty page of its own origin. */
async function startPage(): Promise<{
  readonly origin: string;
  [Symbol.asyncDispose](): Promise<void>;
}> {
  const server = createServer((_request, response) =>
    response.setHeader("content-type", "text/html").end("<title>Page</title>"),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const origin = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
  return {
    origin,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

test("in a real browser, a page of a listed origin can read with its key, and a page of another origin cannot", {
  skip: unlessTool("chromium"),
}, async () => {
  await using listed = await startPage();
  await using other = await startPage();
  await using service = await startService({ CORS_ORIGINS: listed.origin, ADMIN_API_KEY: ADMIN });
  const browser = await chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", ...QUIET],
  });
  try {
    const page = await browser.newPage();
    /** What a script on that page can see. */
    const sees = async (
      origin: string,
      path: string,
      headers: Record<string, string>,
      method = "GET",
    ) => {
      await page.goto(origin);
      return page.evaluate(
        async ([url, method, headers]) => {
          try {
            const answer = await fetch(url, { method, headers });
            return {
              status: answer.status,
              id: answer.headers.get("x-request-id"),
              text: await answer.text(),
            };
          } catch (error) {
            return { failed: (error as Error).name };
          }
        },
        [service.url + path, method, headers] as const,
      );
    };
    const key = { authorization: `Bearer ${ADMIN}` };
    const seen = await sees(listed.origin, "/stats", key);
    equal(seen.status, 200, JSON.stringify(seen));
    equal(JSON.parse(seen.text ?? "").total_messages, 0);
    ok(seen.id, "the headers that are exposed");
    // Errors can be read by the page too: without a key it gets the 401.
    equal((await sees(listed.origin, "/stats", {})).status, 401);
    // It may only read.
    deepEqual(await sees(listed.origin, "/keys/nothing", key, "DELETE"), { failed: "TypeError" });
    deepEqual(await sees(listed.origin, "/senders/+1", key, "DELETE"), { failed: "TypeError" });
    for (const headers of [key, {}])
      deepEqual(await sees(other.origin, "/stats", headers), { failed: "TypeError" });
    deepEqual(await sees(listed.origin, "/webhook", { "x-signature": "0" }, "POST"), {
      failed: "TypeError",
    });
  } finally {
    await browser.close();
  }
});
