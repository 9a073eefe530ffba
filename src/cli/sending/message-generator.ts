import { LOCALES, type Locale, RECEIVERS } from "./sample-texts.ts";

const SENDERS = 60;
const SPREAD_MS = 5 * 24 * 60 * 60 * 1_000;
/** The second sender writes about half as often as the first, the tenth about a tenth, as in a real inbox. */
const WEIGHTS = Array.from({ length: SENDERS }, (_, rank) => 1 / (rank + 1) ** 1.1);
const WEIGHTS_TOTAL = WEIGHTS.reduce((sum, weight) => sum + weight);
const LONG_TEXT_SENTENCES = 12;

/** A webhook's body. */
export interface GeneratedMessage {
  readonly message_id: string;
  readonly from: string;
  readonly to: string;
  readonly ts: string;
  readonly text: string | null;
}

export interface GeneratorOptions {
  /** A whole number. The same seed and time make the same messages; another seed makes other ids. */
  readonly seed: number;
  readonly count: number;
  /** The latest timestamp, in milliseconds since 1970; the others lie up to five days before it. */
  readonly nowMs: number;
}

interface Person {
  readonly number: string;
  readonly locale: Locale;
}

/** Messages as people send them: a few people write most of them, in many scripts, mostly in the order of time. */
export function* generateMessages({ seed, count, nowMs }: GeneratorOptions): Generator<GeneratedMessage> {
  const random = seededRandom(seed);
  const people = Array.from({ length: SENDERS }, (_, rank) => person(rank, random));
  for (let index = 0; index < count; index++) {
    const { number, locale } = pickByRank(people, random);
    yield {
      message_id: `gen-${seed.toString(16)}-${index + 1}`,
      from: number,
      to: pick(RECEIVERS, random),
      ts: timestamp(nowMs - SPREAD_MS * (1 - (index + random()) / count), random),
      text: text(locale, random),
    };
  }
}

/** Numbers from 0 to below 1 that only depend on the seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function person(rank: number, random: () => number): Person {
  const locale = pick(LOCALES, random);
  return { number: locale.prefix + String(rank).padStart(4, "0"), locale };
}

function pick<T>(choices: readonly T[], random: () => number): T {
  return choices[Math.floor(random() * choices.length)] as T;
}

/** The first are picked far more often than the last. */
function pickByRank(people: readonly Person[], random: () => number): Person {
  const wanted = random() * WEIGHTS_TOTAL;
  let sum = 0;
  const rank = WEIGHTS.findIndex((weight) => {
    sum += weight;
    return sum > wanted;
  });
  return people[rank] ?? pick(people, random);
}

/** Some senders' clocks tell whole seconds, some milliseconds, some microseconds. */
function timestamp(ms: number, random: () => number): string {
  const iso = new Date(ms).toISOString();
  const kind = random();
  if (kind < 0.7) return iso.replace(/\.[0-9]+Z$/, "Z");
  return kind < 0.9 ? iso : iso.replace("Z", `${String(Math.floor(random() * 1_000)).padStart(3, "0")}Z`);
}

/** Pictures and voice messages come without a text. */
function text({ texts }: Locale, random: () => number): string | null {
  const kind = random();
  if (kind < 0.04) return null;
  const sentence = () =>
    pick(texts, random)
      .replace("{n}", () => String(100_000 + Math.floor(random() * 900_000)))
      .replace("{t}", () => `${8 + Math.floor(random() * 12)}:${random() < 0.5 ? "00" : "30"}`);
  if (kind < 0.06) return Array.from({ length: LONG_TEXT_SENTENCES }, sentence).join("\n");
  return sentence();
}
