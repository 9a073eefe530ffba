import type { Doorbell, Surroundings } from "../live/doorbell.ts";
import { Quiet } from "../live/quiet.ts";

/** What a reader does with the page, also with parts that scroll by themselves. */
const TOUCHES = ["pointerdown", "pointermove", "keydown", "touchstart", "wheel", "scroll", "focus"];

export const quiet = new Quiet(() => performance.now());
for (const touch of TOUCHES)
  addEventListener(touch, () => quiet.end(), { capture: true, passive: true });
document.addEventListener("visibilitychange", () => quiet.end());

/** The browser's clock, timers and visibility. */
export const browser: Surroundings = {
  now: () => performance.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
  isVisible: () => document.visibilityState === "visible",
  isQuiet: () => quiet.isQuiet,
};

/** Tells bells when the page becomes visible or hidden and when the quiet ends, until the end. */
export function tellOf(...bells: readonly Doorbell[]): () => void {
  const look = () => {
    for (const bell of bells) bell.look();
  };
  document.addEventListener("visibilitychange", look);
  const forget = quiet.onEnd(look);
  return () => {
    document.removeEventListener("visibilitychange", look);
    forget();
  };
}
