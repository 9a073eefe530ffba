import { fail } from "node:assert/strict";

const MEASURES_MAX = 3;

/**
 * Measures again when it took too long, and fails when every attempt does. A delay of the service
 * occurs every time; a delay by a busy machine does not.
 */
export async function someWithin(msMax: number, measure: () => Promise<number>): Promise<void> {
  const tookMs: number[] = [];
  while (tookMs.length < MEASURES_MAX) {
    const ms = await measure();
    if (ms < msMax) return;
    tookMs.push(Math.round(ms));
  }
  fail(`it took ${tookMs.join(", ")} ms, which may take ${msMax} ms`);
}
