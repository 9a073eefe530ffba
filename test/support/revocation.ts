import { equal } from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { bearer } from "./api-keys.ts";

const LOOK_EVERY_MS = 20;

/**
 * Resolves with the milliseconds until a service answers a key with a status; rejects when that
 * takes longer than `msMax`.
 */
export async function untilAnswered(
  url: string,
  key: string,
  status: number,
  msMax: number,
): Promise<number> {
  const startMs = performance.now();
  for (;;) {
    const answer = await fetch(`${url}/stats`, { headers: bearer(key) });
    await answer.arrayBuffer();
    const ms = performance.now() - startMs;
    if (answer.status === status) return ms;
    if (ms > msMax) equal(answer.status, status, `after ${Math.round(ms)} ms`);
    await delay(LOOK_EVERY_MS);
  }
}
