// Time zones: the parts of an instant in a zone, and the instant of a local time. `Intl` knows the
// zones; Temporal is not in every browser yet.

/** A local date and time. `month` is 1 to 12. */
export interface LocalTime {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const ZONES_MAX = 32;

const formats = new Map<string, Intl.DateTimeFormat>();

export function isZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

let ofBrowser: string | undefined;

/** The zone of the browser. It is asked for once, because each key and each row needs it. */
export function browserZone(): string {
  ofBrowser ??= new Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  return ofBrowser;
}

/** Names that browsers still use for zones whose cities have another name now. */
const CITIES: Readonly<Record<string, string>> = {
  "Asia/Calcutta": "Asia/Kolkata",
  "Asia/Katmandu": "Asia/Kathmandu",
  "Asia/Rangoon": "Asia/Yangon",
  "Asia/Saigon": "Asia/Ho_Chi_Minh",
  "America/Buenos_Aires": "America/Argentina/Buenos_Aires",
  "Europe/Kiev": "Europe/Kyiv",
};

/** `Asia/Ho Chi Minh`: a zone as people read it. */
export function zoneName(zone: string): string {
  return (CITIES[zone] ?? zone).replaceAll("_", " ");
}

/** The date and time that clocks of a zone show at an instant, in milliseconds of Unix time. */
export function localTime(at: number, zone: string): LocalTime {
  const parts = { year: 0, month: 0, day: 0, hour: 0, minute: 0, second: 0 };
  for (const { type, value } of formatOf(zone).formatToParts(at))
    if (type in parts) parts[type as keyof typeof parts] = Number(value);
  return parts;
}

/**
 * The instant at which clocks of a zone show a date and time. If they show it twice, the earlier
 * one; if they skip it, the instant of the skip.
 */
export function instantOf(local: LocalTime, zone: string): number {
  const asUtc = utcOf(local);
  const candidates = [-DAY_MS, DAY_MS]
    .map((shift) => asUtc - offsetAt(asUtc + shift, zone))
    .sort((a, b) => a - b);
  const found = candidates.find((at) => utcOf(localTime(at, zone)) === asUtc);
  return found ?? skipIn(candidates[0] ?? asUtc, candidates.at(-1) ?? asUtc, zone);
}

/** How far the clocks of a zone are ahead of UTC at an instant, in milliseconds. */
export function offsetAt(at: number, zone: string): number {
  const whole = Math.floor(at / 1_000) * 1_000;
  return utcOf(localTime(whole, zone)) - whole;
}

/** `2026-11-29`: the day of an instant in a zone. Two instants of one day have the same key. */
export function dayKey(at: number, zone: string): string {
  const { year, month, day } = localTime(at, zone);
  return `${String(year).padStart(4, "0")}-${two(month)}-${two(day)}`;
}

/** The instant at which the day of an instant began in a zone, and days later or earlier. */
export function startOfDay(at: number, zone: string, daysLater = 0): number {
  const { year, month, day } = localTime(at, zone);
  return instantOf({ year, month, day: day + daysLater, hour: 0, minute: 0, second: 0 }, zone);
}

/** An instant as the API takes it: `2026-11-29T04:30:00Z`, with milliseconds if it has some. */
export function toUtcText(at: number): string {
  return new Date(at).toISOString().replace(".000Z", "Z");
}

/** The clocks change between two instants: the first instant with the new offset. */
function skipIn(from: number, to: number, zone: string): number {
  let [before, after] = [from, to];
  const offset = offsetAt(before, zone);
  while (after - before > 1_000) {
    const middle = Math.floor((before + after) / 2_000) * 1_000;
    if (offsetAt(middle, zone) === offset) before = middle;
    else after = middle;
  }
  return after;
}

function utcOf({ year, month, day, hour, minute, second }: LocalTime): number {
  // Date.UTC takes the years 0 to 99 for 1900 to 1999.
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  return date.setUTCHours(hour, minute, second, 0);
}

function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone);
  if (known !== undefined) return known;
  const made = new Intl.DateTimeFormat("en", {
    timeZone: zone,
    calendar: "iso8601",
    numberingSystem: "latn",
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  if (formats.size >= ZONES_MAX) formats.clear();
  formats.set(zone, made);
  return made;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}
