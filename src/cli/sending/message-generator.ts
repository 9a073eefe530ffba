import { LOCALES, type Locale, RECEIVERS } from "./sample-texts.ts";
import { type Picker, pickerByRank, scattered, seededRandom } from "./seeded-random.ts";
import { TextGenerator } from "./text-generator.ts";

const SENDERS_DEFAULT = 60;
const SENDERS_EXPONENT = 1.1;
const DAY_MS = 24 * 60 * 60 * 1_000;
const MINUTE_MS = 60_000;
export const SPAN_MS_DEFAULT = 5 * DAY_MS;
/** One message in five arrives some seconds late, because networks do not keep the order. */
const LATE = 0.2;
const LATE_MS_MAX = 5_000;
/** The minimum number of rare messages among those generated together, if there are enough. */
const RARE_MIN = 3;
const COUNT_FOR_RARE_MIN = 10_000;

/** The body of a webhook. */
export interface GeneratedMessage {
  readonly message_id: string;
  readonly from: string;
  readonly to: string;
  readonly ts: string;
  readonly text: string | null;
}

export interface GeneratorOptions {
  /**
   * A whole number. The same options generate the same messages. Another seed generates other ids.
   */
  readonly seed: number;
  readonly count: number;
  /** The newest timestamp, in milliseconds since 1970. */
  readonly nowMs: number;
  /** The time span before it that contains all timestamps. Default: five days. */
  readonly spanMs?: number;
  readonly senders?: number;
  /**
   * The order of new ids. `random`, the default, is like real ids. The place of an id in the index
   * costs a database as much as everything else.
   */
  readonly ids?: "random" | "ascending";
}

/**
 * Generates realistic messages: a few people write most of them, in many scripts, mostly in order
 * of time.
 */
export function* generateMessages(options: GeneratorOptions): Generator<GeneratedMessage> {
  const { seed, count, nowMs, spanMs = SPAN_MS_DEFAULT, senders = SENDERS_DEFAULT } = options;
  const random = seededRandom(seed);
  const id = options.ids === "ascending" ? ascendingIds(seed) : randomIds(seed);
  const pickSender: Picker = pickerByRank(senders, SENDERS_EXPONENT);
  const numbers = Array.from({ length: senders }, (_, rank) => senderNumber(rank));
  const texts = LOCALES.map((locale) => new TextGenerator(locale, random));
  const timestamp = timestamps(random);
  const rareEvery =
    count >= COUNT_FOR_RARE_MIN ? Math.floor(count / RARE_MIN) : Number.POSITIVE_INFINITY;
  const startMs = nowMs - spanMs;
  for (let index = 0; index < count; index++) {
    const rank = pickSender(random());
    const late = random() < LATE ? random() * LATE_MS_MAX : 0;
    const rare = (index + 1) % rareEvery === 0;
    yield {
      message_id: id(index),
      from: numbers[rank] as string,
      to: RECEIVERS[Math.floor(random() * RECEIVERS.length)] as string,
      ts: timestamp(Math.max(startMs, startMs + (spanMs * (index + random())) / count - late)),
      text: (texts[rank % texts.length] as TextGenerator).text({ rare }),
    };
  }
}

/** The number of a person by rank. Rank 0 writes most, for every seed. */
export function senderNumber(rank: number): string {
  const { prefix } = LOCALES[rank % LOCALES.length] as Locale;
  return prefix + String(rank).padStart(4, "0");
}

/** 16 hexadecimal digits. The first eight differ within a seed, the others differ between seeds. */
function randomIds(seed: number): (index: number) => string {
  const start = scattered(seed);
  const other = scattered(start ^ 0x5bd1e995);
  return (index) => {
    const high = scattered(start + index);
    return eightDigits(high) + eightDigits(scattered(high ^ other));
  };
}

function ascendingIds(seed: number): (index: number) => string {
  const front = eightDigits(scattered(seed));
  return (index) => front + eightDigits(index);
}

function eightDigits(value: number): string {
  return value.toString(16).padStart(8, "0");
}

/** The clocks of some senders show whole seconds, others milliseconds or microseconds. */
function timestamps(random: () => number): (ms: number) => string {
  // The date is formatted once a minute. For millions of messages it is most of the cost of a
  // timestamp.
  let minute = Number.NaN;
  let front = "";
  return (ms) => {
    if (Math.floor(ms / MINUTE_MS) !== minute) {
      minute = Math.floor(ms / MINUTE_MS);
      front = new Date(minute * MINUTE_MS).toISOString().slice(0, 17);
    }
    const inMinute = Math.floor(ms - minute * MINUTE_MS);
    const seconds = front + String(Math.floor(inMinute / 1_000)).padStart(2, "0");
    const kind = random();
    if (kind < 0.7) return `${seconds}Z`;
    const milliseconds = `${seconds}.${String(inMinute % 1_000).padStart(3, "0")}`;
    return kind < 0.9
      ? `${milliseconds}Z`
      : `${milliseconds}${String(Math.floor(random() * 1_000)).padStart(3, "0")}Z`;
  };
}
