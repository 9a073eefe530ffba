import { moment as t } from "./en/moments.ts";
import { fill } from "./words.ts";
import { dayKey, startOfDay } from "./zones.ts";

export interface FormatChoice {
  readonly zone: string;
  /** 12 or 24 hours, or what the language of the browser has. */
  readonly clock: "language" | "12" | "24";
  readonly language: string;
}

const LANGUAGE = "en-GB";

/** Formats instants (milliseconds of Unix time) in one zone and one clock. */
export class MomentFormat {
  readonly zone: string;
  readonly is12: boolean;
  readonly #time: Intl.DateTimeFormat;
  readonly #seconds: Intl.DateTimeFormat;
  readonly #day: Intl.DateTimeFormat;
  readonly #dayOfYear: Intl.DateTimeFormat;
  readonly #short: Intl.DateTimeFormat;
  readonly #shortOfYear: Intl.DateTimeFormat;
  readonly #whole: Intl.DateTimeFormat;

  constructor({ zone, clock, language }: FormatChoice) {
    this.zone = zone;
    this.is12 = clock === "language" ? usesTwelve(language) : clock === "12";
    const make = (options: Intl.DateTimeFormatOptions) =>
      new Intl.DateTimeFormat(LANGUAGE, { ...options, timeZone: zone, hour12: this.is12 });
    // `9:05 am`, but `09:05`.
    const time = { hour: this.is12 ? "numeric" : "2-digit", minute: "2-digit" } as const;
    const date = { day: "numeric", month: "short" } as const;
    this.#time = make(time);
    this.#seconds = make({ ...time, second: "2-digit" });
    this.#day = make({ weekday: "long", day: "numeric", month: "long" });
    this.#dayOfYear = make({ weekday: "long", day: "numeric", month: "long", year: "numeric" });
    this.#short = make(date);
    this.#shortOfYear = make({ ...date, year: "numeric" });
    this.#whole = make({
      ...date,
      ...time,
      year: "numeric",
      second: "2-digit",
      timeZoneName: "short",
    });
  }

  /** `10:05` */
  time(at: number): string {
    return unbroken(this.#time.format(at));
  }

  /** `10:05:07` */
  timeWithSeconds(at: number): string {
    return unbroken(this.#seconds.format(at));
  }

  /** `Today, Sunday 29 November`; with the year if it is another one. */
  day(at: number, now: number): string {
    const key = this.dayKey(at);
    const words = (this.#isSameYear(at, now) ? this.#day : this.#dayOfYear).format(at);
    const text = words.replace(/,/g, "");
    if (key === this.dayKey(now)) return fill(t.today, { day: text });
    if (key === this.dayKey(startOfDay(now, this.zone, -1)))
      return fill(t.yesterday, { day: text });
    return text;
  }

  /** `29 Nov`, or `29 Nov 2024` of another year. */
  date(at: number, now: number): string {
    return (this.#isSameYear(at, now) ? this.#short : this.#shortOfYear).format(at);
  }

  /** `10:05` of today, otherwise `28 Nov 10:05`. Midnight has its date: it is easily mistaken. */
  brief(at: number, now: number): string {
    return this.dayKey(at) === this.dayKey(now) && at !== startOfDay(now, this.zone)
      ? this.time(at)
      : `${this.date(at, now)} ${this.time(at)}`;
  }

  /** `29 Nov 2026, 10:04:38 IST` */
  whole(at: number): string {
    return unbroken(this.#whole.format(at));
  }

  /** `2026-11-29`: the same for all instants of one day. */
  dayKey(at: number): string {
    return dayKey(at, this.zone);
  }

  #isSameYear(at: number, now: number): boolean {
    return this.dayKey(at).slice(0, -6) === this.dayKey(now).slice(0, -6);
  }
}

/** No line ends between a time and its `pm`. */
function unbroken(text: string): string {
  return text.replace(/ (?=[ap]m\b)/, "\u00a0");
}

function usesTwelve(language: string): boolean {
  try {
    return new Intl.DateTimeFormat(language, { hour: "numeric" }).resolvedOptions().hour12 === true;
  } catch {
    return false;
  }
}

/**
 * The instant of a timestamp as senders spell it. Undefined if it is not one: an old row may have
 * an impossible date.
 */
export function instantOfText(text: string): number | undefined {
  // `Date` takes at most three digits of a fraction everywhere.
  const at = Date.parse(text.replace(/(\.\d{3})\d+/, "$1"));
  return Number.isNaN(at) ? undefined : at;
}
