import { Random } from "../support/random.ts";
import type { History, Simulation } from "./history.ts";

/** Histories that take turns. They share each turn of the event loop, which costs the most. */
const AT_ONCE = 64;
const BROKEN_MAX = 5;

/** Runs histories with the seeds `seed`, `seed + 1` and so on, and adds up what they found. */
export async function runHistories(
  simulate: Simulation,
  seed: number,
  histories: number,
): Promise<History> {
  const counts: Record<string, number> = { histories };
  const broken: string[] = [];
  let next = 0;
  const worker = async () => {
    while (next < histories && broken.length < BROKEN_MAX) {
      const own = (seed + next++) >>> 0;
      const history = await simulate(new Random(own));
      for (const [name, count] of Object.entries(history.counts))
        counts[name] = (counts[name] ?? 0) + count;
      for (const promise of history.broken) broken.push(`history of seed ${own}: ${promise}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return { counts: { ...counts, histories: next }, broken: broken.slice(0, BROKEN_MAX) };
}
