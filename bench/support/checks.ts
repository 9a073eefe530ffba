import { setTimeout as sleep } from "node:timers/promises";
import { scrape, totalMessages } from "./metrics.ts";

/** Fails the run unless min ≤ value ≤ max. */
export function expectWithin(what: string, value: number, min: number, max: number): void {
  if (!(value >= min && value <= max)) throw new Error(`${what}: ${value}, expected ${min} to ${max}`);
}

/** What a server has stored and counted when nothing is under way any more. */
export interface Totals {
  readonly stored: number;
  readonly created: number;
}

/** The totals once they no longer grow: the last messages of a load are stored after the load has ended. */
export async function settledTotals(url: string): Promise<Totals> {
  for (let before = -1; ; await sleep(100)) {
    const stored = await totalMessages(url);
    if (stored === before) return { stored, created: (await scrape(url))('webhook_requests_total{result="created"}') };
    before = stored;
  }
}

/**
 * Every message answered 200 is stored and counted. wrk leaves without waiting for its last answers, at most one a connection: those
 * messages may be stored, and counted as the outcome their client saw, but wrk has not counted them.
 */
export function expectAccepted(
  name: string,
  before: Totals,
  after: Totals,
  accepted: number,
  connections: number,
): void {
  const stored = after.stored - before.stored;
  expectWithin(`${name}: messages stored`, stored, accepted, accepted + connections);
  expectWithin(`${name}: webhook_requests_total{result="created"}`, after.created - before.created, accepted, stored);
}
