import { ago as t } from "./en/moments.ts";
import { duration } from "./quantities.ts";
import { fill } from "./words.ts";

const NOW_MS = 2_000;
const MINUTE_MS = 60_000;

/** `now`, `4 s ago`, `3 min ago`, `in 12 days`: an instant as seen from another. */
export function fromNow(at: number, now: number): string {
  const passed = now - at;
  if (Math.abs(passed) < NOW_MS) return t.now;
  if (passed > 0) return fill(t.past, { duration: duration(wholeSeconds(passed)) });
  // What was just made to end in 90 days does so in 89 days and some hours.
  return fill(t.future, {
    duration: duration(-passed < MINUTE_MS ? wholeSeconds(-passed) : MINUTE_MS - passed),
  });
}

/** `4.2 s ago` is more exact than a reader needs. */
function wholeSeconds(ms: number): number {
  return ms < MINUTE_MS ? Math.round(ms / 1_000) * 1_000 : ms;
}
