import { quantity as t } from "./en/moments.ts";
import { fill } from "./words.ts";

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const short = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const signed = new Intl.NumberFormat("en", {
  style: "percent",
  maximumFractionDigits: 0,
  signDisplay: "exceptZero",
});
const round = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const ratio = new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 0 });

/** `1.2 s`, `4 min`, `2 h`, `3 days`: one unit, rounded. */
export function duration(ms: number): string {
  const size = Math.abs(ms);
  if (size < SECOND_MS) return fill(t.milliseconds, { n: Math.round(size) });
  if (size < 10 * SECOND_MS) return fill(t.seconds, { n: short.format(size / SECOND_MS) });
  if (size < MINUTE_MS) return fill(t.seconds, { n: Math.round(size / SECOND_MS) });
  if (size < HOUR_MS) return fill(t.minutes, { n: Math.floor(size / MINUTE_MS) });
  if (size < 2 * DAY_MS) return fill(t.hours, { n: Math.floor(size / HOUR_MS) });
  return fill(t.days, { n: Math.floor(size / DAY_MS) });
}

/** `2.1 GB`, in powers of 1000 as disks are sold. */
export function bytes(size: number): string {
  const units = [t.bytes, t.kilobytes, t.megabytes, t.gigabytes, t.terabytes];
  let [value, unit] = [size, 0];
  while (value >= 1_000 && unit < units.length - 1) {
    value /= 1_000;
    unit++;
  }
  return fill(units[unit] ?? t.bytes, { n: value < 10 ? short.format(value) : Math.round(value) });
}

export function percent(share: number): string {
  return ratio.format(share);
}

/** `850`, `1.5K`, `20M`: for the marks of a chart. */
export function compact(n: number): string {
  return round.format(n);
}

/** `+12%`, `-5%`. */
export function change(share: number): string {
  return signed.format(share).replace("-", "−");
}
