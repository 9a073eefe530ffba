import { ok } from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { sendersOf } from "../src/cli/demo/loader.ts";
import { unlessTool } from "../test/support/tools.ts";
import { BenchBrowser, type BenchPage, type Heap } from "./support/bench-browser.ts";
import { measureLive } from "./support/browser-live.ts";
import { median, percentile, rounded, table } from "./support/figures.ts";
import { fill, sqliteUrl } from "./support/fill.ts";
import { readFlags } from "./support/flags.ts";
import { describeMachine, scratchFolder } from "./support/machine.ts";
import { startLyftr } from "./support/target.ts";

// Measures the dashboard in Chromium: the first paint and the first rows, its bytes, keys, search,
// live traffic for some minutes, and scrolling through many rows.

const flags = readFlags({
  rows: 1_000_000,
  // A database filled by load.ts, to save time. The part "live" adds messages to it.
  database: "",
  parts: "bytes,paint,keys,search,scroll,live",
  networkMbit: 9,
  roundTripMs: 170,
  cpuSlowdown: 4,
  rounds: 5,
  listedRows: 500,
  presses: 60,
  searches: 24,
  scrollRows: 100_000,
  rate: 500,
  liveMinutes: 3,
  sampleSeconds: 60,
});
const WEB = fileURLToPath(new URL("../dist/web/", import.meta.url));
/** People pause between keys. */
const BETWEEN_KEYS_MS = 90;
const SAMPLES_OF_SCROLLING = 5;

/** Words of several languages, from very frequent to rare. */
const WORDS: readonly string[] = [
  "order",
  "vo",
  "voucher",
  "package",
  "refund",
  "birthday",
  "wala",
  "bhej",
  "kitna",
  "pedido",
  "precio",
  "tarjeta",
  "domingo",
  "entrega",
  "pagamento",
  "cart",
  "lieferung",
  "rechnung",
  "gutschein",
  "paket",
  "invoice",
  "sure",
  "running late",
  "xylophone",
];
const TYPED = "voucher door";

const SPREAD = ["p50", "p95", "most", "number"];
const HEAP = ["heap after GC, MB", "elements", "nodes"];

const missing = unlessTool("chromium");
if (missing !== false) {
  process.stderr.write(`LEFT OUT: ${missing}\n`);
  process.exit(0);
}
using folder = scratchFolder();
const machine = describeMachine(folder.path);
const path = flags.database === "" ? join(folder.path, "app.db") : resolve(flags.database);
if (flags.database === "") await fill(sqliteUrl(path), flags.rows);
await using service = await startLyftr(sqliteUrl(path));
await using browser = await BenchBrowser.start();
const parts = {
  bytes: measureBytes,
  paint: measurePaint,
  keys: measureKeys,
  search: measureSearch,
  scroll: measureScroll,
  live: () => measureLive({ browser, url: service.url, ...flags, senders: sendersOf(flags.rows) }),
};
const sections = [`${machine}; ${rounded(flags.rows)} messages`];
for (const [name, measure] of Object.entries(parts)) {
  if (!flags.parts.split(",").includes(name)) continue;
  sections.push(await measure());
  process.stderr.write(`${sections.at(-1)}\n`);
}
process.stdout.write(`${sections.join("\n\n")}\n`);

/** The files that a page asks for until it is shown, and all of them, compressed by gzip. */
async function measureBytes(): Promise<string> {
  const gzipKb = (name: string) =>
    gzipSync(readFileSync(join(WEB, name)), { level: 9 }).length / 1e3;
  const sum = (names: Iterable<string>) =>
    [...names].reduce((total, name) => total + gzipKb(name), 0);
  const rows: (readonly string[])[] = [];
  for (const [name, address, shown, goal] of [
    ["first load, Inbox", "inbox", ".row", 45],
    ["first load, Overview with its chart", "", ".chart-bars", 50],
  ] as const) {
    await using opened = await browser.open();
    await opened.page.goto(`${service.url}/ui/#/${address}`);
    const asked = await opened.ask<readonly string[]>(`probe.assetsUntil("${shown}")`);
    const files = ["index.html", ...asked];
    rows.push([name, rounded(sum(files), 1), `≤ ${goal}`, String(files.length)]);
  }
  const all = readdirSync(join(WEB, "assets"))
    .filter((name) => /\.(js|css|svg)$/.test(name))
    .map((name) => `assets/${name}`);
  const files = ["index.html", ...all];
  rows.push(["everything", rounded(sum(files), 1), "≤ 100", String(files.length)]);
  return table([["", "kB, gzip", "goal", "files"], ...rows]);
}

/** Each load has a profile of its own, so nothing is in the browser's cache. */
async function measurePaint(): Promise<string> {
  const { networkMbit, roundTripMs, cpuSlowdown } = flags;
  const [paints, rows]: [number[], number[]] = [[], []];
  for (let round = 0; round < flags.rounds; round++) {
    await using opened = await browser.open({ networkMbit, roundTripMs, cpuSlowdown });
    await opened.openInbox(service.url);
    const paint = "performance.getEntriesByName('first-contentful-paint')[0].startTime";
    paints.push(await opened.ask<number>(paint));
    rows.push(await opened.ask<number>("probe.firstRowsMs"));
  }
  const line = (name: string, values: readonly number[], goal: string) => [
    name,
    rounded(median(values) / 1e3, 2),
    values.map((ms) => rounded(ms / 1e3, 2)).join(" · "),
    goal,
  ];
  return table([
    [`cold, ${networkMbit} Mbit/s, ${roundTripMs} ms, CPU ÷ ${cpuSlowdown}`, "s", "each", "goal"],
    line("first paint", paints, "≤ 1"),
    line("first rows", rows, "≤ 2"),
  ]);
}

async function measureKeys(): Promise<string> {
  await using opened = await browser.open();
  const { page } = opened;
  const press = async (key: string, times: number[]) => {
    times.push(await opened.pressMeasured(key));
    await sleep(BETWEEN_KEYS_MS * (0.5 + Math.random()));
  };
  await openWithRows(opened);
  await opened.slowDown({ cpuSlowdown: flags.cpuSlowdown });
  const figures = { j: [] as number[], open: [] as number[], typing: [] as number[] };
  for (let at = 0; at < flags.presses; at++) await press("j", figures.j);
  for (let at = 0; at < flags.presses / 2; at++) {
    await press("Enter", figures.open);
    await press("j", at % 2 === 0 ? [] : figures.j);
    await press("Escape", []);
  }
  for (let typed = 0; typed < flags.presses; typed += TYPED.length) {
    await opened.slowDown({});
    await openWithRows(opened);
    await opened.slowDown({ cpuSlowdown: flags.cpuSlowdown });
    await page.keyboard.press("/");
    for (const letter of TYPED) await press(letter === " " ? "Space" : letter, figures.typing);
  }
  const rows = await Promise.all(
    Object.entries(figures).map(async ([name, times]) => [name, ...spread(times), "≤ 100"]),
  );
  const head = `${rounded(flags.listedRows)} rows, CPU ÷ ${flags.cpuSlowdown}: key to its frame, ms`;
  return table([[head, ...SPREAD, "goal of p95"], ...rows]);
}

/** Loads the Inbox, and scrolls until it has that many rows in the document. */
async function openWithRows(opened: BenchPage): Promise<void> {
  await opened.page.goto("about:blank");
  await opened.openInbox(service.url);
  await scroll(opened, true, flags.listedRows);
  await opened.ask("document.querySelector('.list-scroll').scrollTo({ top: 0 })");
  await opened.ask("document.querySelector('.row').focus()");
}

async function measureSearch(): Promise<string> {
  await using opened = await browser.open();
  const { page } = opened;
  await opened.openInbox(service.url);
  const times: number[] = [];
  let slowest = ["", 0] as readonly [string, number];
  for (const word of WORDS.slice(0, flags.searches)) {
    await page.keyboard.press("/");
    await page.keyboard.press("Control+A");
    const found = opened.ask<number>(`probe.untilFound(${JSON.stringify(word)})`);
    const [ms] = await Promise.all([found, page.keyboard.type(word, { delay: BETWEEN_KEYS_MS })]);
    times.push(ms);
    if (ms > slowest[1]) slowest = [word, ms];
    await sleep(BETWEEN_KEYS_MS);
  }
  const line = ["last key to rows, ms", ...spread(times), slowest[0], "≤ 500"];
  return table([["", ...SPREAD, "slowest", "goal of p95"], line]);
}

async function measureScroll(): Promise<string> {
  await using opened = await browser.open();
  await opened.openInbox(service.url);
  const wanted = Math.min(flags.scrollRows, flags.rows);
  const rows: (readonly string[])[] = [];
  let [rowsMax, heapMax] = [0, 0];
  const sample = async (where: string) => {
    const heap = await opened.heap();
    heapMax = Math.max(heapMax, heap.heapMb);
    rows.push([where, ...heapCells(heap)]);
  };
  await sample("at the start");
  for (const isDown of [true, false]) {
    for (let at = 1; at <= SAMPLES_OF_SCROLLING; at++) {
      const share = isDown ? at / SAMPLES_OF_SCROLLING : 1 - at / SAMPLES_OF_SCROLLING;
      rowsMax = Math.max(rowsMax, await scroll(opened, isDown, Math.round(wanted * share)));
      await sample(`${isDown ? "down" : "up"} to row ${rounded(wanted * share)}`);
    }
  }
  ok(rowsMax <= 500, `${rowsMax} rows were in the document`);
  return [
    table([["", ...HEAP], ...rows]),
    "",
    `- most rows in the document: ${rowsMax} (goal ≤ 500)`,
    `- largest heap: ${rounded(heapMax, 1)} MB (goal ≤ 30)`,
  ].join("\n");
}

function scroll(opened: BenchPage, isDown: boolean, rows: number): Promise<number> {
  return opened.ask<number>(`probe.scrollThrough({ isDown: ${isDown}, rows: ${rows} })`);
}

function spread(values: readonly number[]): readonly string[] {
  const sorted = Float64Array.from(values).sort();
  const at = (share: number) => rounded(percentile(sorted, share));
  return [at(0.5), at(0.95), at(1), String(values.length)];
}

function heapCells({ heapMb, elements, nodes }: Heap): readonly string[] {
  return [rounded(heapMb, 2), String(elements), String(nodes)];
}
