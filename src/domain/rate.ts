import { parseDuration } from "./duration.ts";

/**
 * A rate limit: a bucket of `burst` tokens, to which `count` are added every `perMs` milliseconds.
 */
export interface Rate {
  readonly count: number;
  readonly perMs: number;
  readonly burst: number;
}

const COUNT_MAX = 1_000_000_000;

/**
 * Parses `100/1m`, or `100/1m,burst=20` when the size of the bucket differs from the count.
 * Undefined when the text is not a rate.
 */
export function parseRate(text: string): Rate | undefined {
  const [, number = "", span = "", burst = number] =
    /^([0-9]{1,10})\/([0-9]+[a-z]+)(?:,burst=([0-9]{1,10}))?$/.exec(text) ?? [];
  const perMs = parseDuration(span);
  const rate = { count: Number(number), perMs: perMs ?? 0, burst: Number(burst) };
  const inRange = (value: number) => value >= 1 && value <= COUNT_MAX;
  return inRange(rate.count) && inRange(rate.burst) && rate.perMs >= 1 ? rate : undefined;
}

/** The rate as text. */
export function rateInWords({ count, perMs, burst }: Rate): string {
  return `${count}/${perMs}ms${burst === count ? "" : `,burst=${burst}`}`;
}
