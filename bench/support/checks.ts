import { setTimeout as sleep } from "node:timers/promises";
import { scrape, totalMessages } from "./metrics.ts";

/** Fails the run unless min ≤ value ≤ max. */
export function expectWithin(what: string, value: number, min: number, max: number): void {
  if (!(value >= min && value <= max))
    throw new Error(`${what}: ${value}, expected ${min} to ${max}`);
}

/** The stored and counted messages of a server when no request is under way. */
export interface Totals {
  readonly stored: number;
  readonly created: number;
}

/**
 * The totals once they no longer grow: the last messages of a load are stored after the load has
 * ended.
 */
export async function settledTotals(url: string): Promise<Totals> {
  for (let before = -1; ; await sleep(100)) {
    const stored = await totalMessages(url);
    if (stored === before)
      return { stored, created: (await scrape(url))('webhook_requests_total{result="created"}') };
    before = stored;
  }
}

/**
 * Checks that every message answered with 200 is stored and counted. wrk does not wait for its last
 * answers, at most one for each connection. These messages may be stored and counted, although wrk
 * has not counted them.
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
  expectWithin(
    `${name}: webhook_requests_total{result="created"}`,
    after.created - before.created,
    accepted,
    stored,
  );
}
