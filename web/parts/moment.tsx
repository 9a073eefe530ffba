import { serviceNow } from "../state/clock.ts";
import { fromNow, moments } from "../text/format.ts";

interface MomentProps {
  /** Milliseconds of Unix time. */
  readonly at: number;
  readonly show?: "time" | "brief" | "whole" | "date" | "ago";
}

/** A moment in the reader's zone and clock. Its tooltip has all of it. */
export function Moment({ at, show = "brief" }: MomentProps) {
  const format = moments();
  const now = serviceNow();
  const text = {
    time: () => format.time(at),
    brief: () => format.brief(at, now),
    whole: () => format.whole(at),
    date: () => format.date(at, now),
    // As old as the last drawing: what shows it is drawn again with each answer. It is of the past,
    // also when the clocks differ by some seconds.
    ago: () => fromNow(Math.min(at, now), now),
  }[show]();
  return (
    <time dateTime={new Date(at).toISOString()} title={format.whole(at)}>
      {text}
    </time>
  );
}
