import { setTimeout as sleep } from "node:timers/promises";
import type { BenchBrowser, Heap } from "./bench-browser.ts";
import { rounded, table } from "./figures.ts";
import { startOpenLoop } from "./open-loop-run.ts";

const SECONDS_PER_MINUTE = 60;
const INGEST_CONNECTIONS = 16;
/** The pages open, and heaps are read, while messages come in too. */
const OPENING_SECONDS = 120;
const PAGES = ["inbox", ""] as const;

export interface Live {
  readonly browser: BenchBrowser;
  readonly url: string;
  /** Messages a second, of this many senders. */
  readonly rate: number;
  readonly senders: number;
  readonly liveMinutes: number;
  readonly sampleSeconds: number;
}

/** The Inbox and the Overview stay open while messages come in. */
export async function measureLive(live: Live): Promise<string> {
  const { url, rate, liveMinutes, sampleSeconds } = live;
  const seconds = liveMinutes * SECONDS_PER_MINUTE;
  await using load = startOpenLoop({
    url,
    rate,
    path: "/webhook",
    madeUpFromMs: Date.now(),
    madeUpSeed: Date.now() % 1e9,
    senders: live.senders,
    seconds: seconds + 2 * sampleSeconds + OPENING_SECONDS,
    connections: INGEST_CONNECTIONS,
  });
  const watched = await Promise.all(PAGES.map((page) => watchPage(live, page)));
  for (let second = 0; second < seconds; second += sampleSeconds) {
    await sleep(1_000 * sampleSeconds);
    for (const one of watched) await one.sample();
  }
  // A request can meet a connection that the service is just closing because it was idle. After an
  // hour that must not discard what was measured.
  const trouble = await load.stop().then(
    () => "",
    (error: Error) => `\n\nThe load: ${error.message}`,
  );
  const rows = watched.map((one) => one.line());
  for (const one of watched) await one.opened[Symbol.asyncDispose]();
  const head = [
    `${rounded(rate)} messages/s for ${rounded(liveMinutes, 1)} minutes`,
    "heap after minute 1, MB",
    "at the end",
    "end ÷ minute 1 (goal ≤ 1.1)",
    "elements, least to most",
    "nodes, minute 1 and end",
    "tasks over 50 ms (goal 0)",
    "longest, ms",
  ];
  return table([head, ...rows]) + trouble;
}

async function watchPage({ browser, url }: Live, address: string) {
  const opened = await browser.open();
  await opened.page.goto(`${url}/ui/#/${address}`);
  await opened.page
    .locator(address === "" ? ".rail-foot" : ".row")
    .first()
    .waitFor();
  const samples: Heap[] = [];
  const tasks: number[] = [];
  let countedFromMs = await opened.ask<number>("performance.now()");
  /** Reads the tasks since the last sample. A garbage collection that is asked for is none. */
  const sample = async () => {
    const untilMs = await opened.ask<number>("performance.now()");
    const long = await opened.ask<readonly [number, number][]>("probe.longTasks");
    tasks.push(...long.flatMap(([at, ms]) => (at >= countedFromMs && at < untilMs ? [ms] : [])));
    samples.push(await opened.heap());
    countedFromMs = await opened.ask<number>("performance.now()");
  };
  const line = () => {
    const [first, last] = [samples[0], samples.at(-1)] as [Heap, Heap];
    const elements = samples.map((heap) => heap.elements);
    return [
      address === "" ? "Overview" : "Inbox",
      rounded(first.heapMb, 2),
      rounded(last.heapMb, 2),
      rounded(last.heapMb / first.heapMb, 2),
      `${Math.min(...elements)} to ${Math.max(...elements)}`,
      `${first.nodes} · ${last.nodes}`,
      String(tasks.length),
      rounded(Math.max(0, ...tasks)),
    ];
  };
  return { opened, sample, line };
}
