import { ok } from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { startBrowser } from "../support/browser.ts";
import { startFilled } from "../support/filled-service.ts";
import { unlessTool } from "../support/tools.ts";

// bench/dashboard-browser.ts measures the same with 100,000 rows.

const PROBE = fileURLToPath(new URL("../../bench/support/browser-probe.js", import.meta.url));
const MESSAGES = 2_000;
const ROWS_MAX = 500;
const NODES_PER_ROW_MAX = 12;
const NODES_OF_PAGE_MAX = 1_500;

test("rows that were scrolled through leave the document and the memory of the page", {
  skip: unlessTool("chromium"),
}, async () => {
  const startMs = Date.UTC(2026, 0, 1);
  await using service = await startFilled(
    Array.from({ length: MESSAGES }, (_, at) => ({
      message_id: `m${at}`,
      ts: new Date(startMs + at * 1_000).toISOString(),
      text: `Hello ${at}`,
    })),
  );
  await using browser = await startBrowser();
  const { page } = await browser.open();
  await page.addInitScript({ path: PROBE });
  await page.goto(`${service.url}/ui/#/inbox`);
  await page.locator(".row").first().waitFor();
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("Performance.enable");
  const nodes = async () => {
    await cdp.send("HeapProfiler.collectGarbage");
    const { metrics } = await cdp.send("Performance.getMetrics");
    return metrics.find(({ name }) => name === "Nodes")?.value ?? Number.NaN;
  };
  for (const [isDown, rows] of [
    [true, MESSAGES],
    [false, MESSAGES / 2],
  ] as const) {
    const call = `probe.scrollThrough({ isDown: ${isDown}, rows: ${rows} })`;
    const rowsMax = await page.evaluate<number>(call);
    ok(rowsMax <= ROWS_MAX, `${rowsMax} rows were in the document`);
    const held = await nodes();
    const heldMax = NODES_OF_PAGE_MAX + ROWS_MAX * NODES_PER_ROW_MAX;
    ok(held <= heldMax, `the page holds ${held} nodes`);
  }
});
