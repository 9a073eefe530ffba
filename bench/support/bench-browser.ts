import { fileURLToPath } from "node:url";
import type { Browser, CDPSession, Page } from "playwright-core";
import { launchChromium } from "../../test/support/browser.ts";

const PROBE = fileURLToPath(new URL("browser-probe.js", import.meta.url));
const WAIT_MS_MAX = 60_000;
const BITS_PER_BYTE = 8;
const SIZE = { width: 1280, height: 800 };

/** A line and a processor that are slower than those of this machine. */
export interface Slowness {
  readonly networkMbit?: number;
  readonly roundTripMs?: number;
  /** How many times slower the processor is. */
  readonly cpuSlowdown?: number;
}

export interface Heap {
  readonly heapMb: number;
  readonly elements: number;
  /** All nodes, also those that are in no document any more. */
  readonly nodes: number;
}

/** Chromium with pages that have the probe of browser-probe.js. */
export class BenchBrowser implements AsyncDisposable {
  readonly #browser: Browser;

  static async start(): Promise<BenchBrowser> {
    return new BenchBrowser(await launchChromium());
  }

  private constructor(browser: Browser) {
    this.#browser = browser;
  }

  /** A page of a new profile, with nothing in its cache. */
  async open(slowness: Slowness = {}): Promise<BenchPage> {
    const context = await this.#browser.newContext({
      viewport: SIZE,
      timezoneId: "Asia/Kolkata",
      locale: "en-GB",
    });
    const page = await context.newPage();
    page.setDefaultTimeout(WAIT_MS_MAX);
    await page.addInitScript({ path: PROBE });
    const cdp = await context.newCDPSession(page);
    await cdp.send("Performance.enable");
    await slowDown(cdp, slowness);
    return new BenchPage(page, cdp);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close();
  }
}

async function slowDown(cdp: CDPSession, slowness: Slowness): Promise<void> {
  const { networkMbit = 0, roundTripMs = 0, cpuSlowdown = 1 } = slowness;
  const bytesPerSecond = networkMbit === 0 ? -1 : (networkMbit * 1e6) / BITS_PER_BYTE;
  await cdp.send("Network.enable");
  await cdp.send("Network.emulateNetworkConditions", {
    offline: false,
    latency: roundTripMs,
    downloadThroughput: bytesPerSecond,
    uploadThroughput: bytesPerSecond,
  });
  await cdp.send("Emulation.setCPUThrottlingRate", { rate: cpuSlowdown });
}

export class BenchPage implements AsyncDisposable {
  readonly page: Page;
  readonly #cdp: CDPSession;

  constructor(page: Page, cdp: CDPSession) {
    this.page = page;
    this.#cdp = cdp;
  }

  /** Evaluates an expression in the page. */
  ask<T>(expression: string): Promise<T> {
    return this.page.evaluate<T>(expression);
  }

  async slowDown(slowness: Slowness): Promise<void> {
    await slowDown(this.#cdp, slowness);
  }

  async openInbox(serviceUrl: string): Promise<void> {
    await this.page.goto(`${serviceUrl}/ui/#/inbox`);
    await this.page.locator(".row").first().waitFor();
  }

  /** Presses a key, and resolves with the time until the frame that shows its effect. */
  async pressMeasured(key: string): Promise<number> {
    await this.ask("probe.expectKey()");
    await this.page.keyboard.press(key);
    return this.ask<number>("probe.keyMs");
  }

  /** What the page holds after a garbage collection. */
  async heap(): Promise<Heap> {
    await this.#cdp.send("HeapProfiler.collectGarbage");
    const { metrics } = await this.#cdp.send("Performance.getMetrics");
    const of = (name: string) =>
      metrics.find((metric) => metric.name === name)?.value ?? Number.NaN;
    return {
      heapMb: of("JSHeapUsedSize") / 1e6,
      elements: await this.ask<number>("document.getElementsByTagName('*').length"),
      nodes: of("Nodes"),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.page.context().close();
  }
}
