import { effect } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { overview } from "./overview.ts";

// The service's clock. That of the reader's machine may be wrong, and then "4 s ago" would be too.

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
/** The minute is asked for when it is this much over, so that its last messages are in it. */
const AFTER_MINUTE_MS = 1_500;

/** How far the service's clock is ahead. */
let aheadMs = 0;

effect(() => {
  const at = Date.parse(overview.value?.value?.at ?? "");
  if (!Number.isNaN(at)) aheadMs = at - Date.now();
});

/** The moment by the service's clock, in Unix time. */
export function serviceNow(): number {
  return Date.now() + aheadMs;
}

/** The moment by the service's clock. The component is drawn again each second. */
export function useSeconds(): number {
  const [, redraw] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => {
      if (document.visibilityState === "visible") redraw((n) => n + 1);
    }, SECOND_MS);
    return () => clearInterval(timer);
  }, []);
  return serviceNow();
}

/** Calls a function shortly after each whole minute, while the page is visible. */
export function useEachMinute(run: () => void): void {
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    const wait = () => {
      const rest = MINUTE_MS - (serviceNow() % MINUTE_MS) + AFTER_MINUTE_MS;
      timer = setTimeout(() => {
        if (document.visibilityState === "visible") run();
        wait();
      }, rest);
    };
    wait();
    return () => clearTimeout(timer);
  }, [run]);
}
