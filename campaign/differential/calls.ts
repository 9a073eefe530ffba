import type { NewMessage } from "../../src/domain/message.ts";
import type { CursorPosition, MessageFilter } from "../../src/domain/message-filter.ts";
import type { MessageQuery } from "../../src/domain/message-query.ts";
import { type Instant, instantOf } from "../../src/domain/timestamp.ts";
import type { Bucket, SenderQuery } from "../../src/store/store.ts";
import type { Random } from "../support/random.ts";

/** One call of a store. The same calls go to every store. */
export type Call =
  | { readonly kind: "insert"; readonly rows: readonly NewMessage[] }
  | { readonly kind: "list" | "walk"; readonly query: MessageQuery }
  | { readonly kind: "message"; readonly id: string; readonly source?: string }
  | { readonly kind: "stats" }
  | { readonly kind: "senders"; readonly query: SenderQuery }
  | { readonly kind: "timeline"; readonly bucket: Bucket; readonly filter: MessageFilter }
  | { readonly kind: "erase"; readonly msisdn: string; readonly rowsMax: number }
  | { readonly kind: "expire"; readonly before: string; readonly dryRun: boolean }
  | { readonly kind: "tombstones"; readonly now: string }
  /** The store is closed and opened again. */
  | { readonly kind: "restart" }
  /** Waits until every message is in the read index. */
  | { readonly kind: "index" };

const DAY_MS = 86_400_000;
const BEGIN_MS = Date.parse("2025-01-15T00:00:00.000Z");
const DAYS = 6;
/** More senders than the statistics list. */
const NUMBERS = ["+1", "+1", "+1", "+12", "+22", "+333", "+4", "+9"].concat(
  Array.from({ length: 8 }, (_, at) => `+5${at}`),
);
const SOURCES = ["native", "native", "native", "other"];
const LETTERS = ["a", "b", "é", "\ufffd", "😀"];
const IDS_PER_LETTER = 60;
const SECONDS = ["10", "10.5", "10.50", "11", "11.123456789", "59.999"];
const TEXTS = [
  "Hello there",
  "HELLO",
  "Straße",
  "STRASSE 12",
  "οδός ΟΔΌΣ",
  "你好,订单什么时候到",
  "नमस्ते दुनिया",
  "100% _sure_",
  'say "hi" AND *',
  "😀😀😀",
  "",
  "İstanbul",
  "cafe\u0301 CAFÉ",
  "한글",
  "\u1112\u1161\u11ab",
  "a\ufffdb \uffff",
  "ab".repeat(40),
];
const PIECES = ["hello", "o", "ss", "SS", "σ", "好", "😀", "AND *", "%", "café", "한", "b", "zw"];

/** Makes a sequence of calls. Ids repeat, so there are duplicates and conflicts. */
export class CallGenerator {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  next(): Call {
    const random = this.#random;
    const chance = random.next();
    if (chance < 0.25) return { kind: "insert", rows: this.#rows() };
    if (chance < 0.55) return { kind: "list", query: this.#query() };
    if (chance < 0.65) return { kind: "walk", query: this.#walkQuery() };
    if (chance < 0.71) return this.#message();
    if (chance < 0.76) return { kind: "stats" };
    if (chance < 0.84) return { kind: "senders", query: this.#senderQuery() };
    if (chance < 0.9) return this.#timeline();
    if (chance < 0.93)
      return { kind: "erase", msisdn: random.of(NUMBERS), rowsMax: random.of([1, 7, 1_000]) };
    if (chance < 0.96)
      return { kind: "expire", before: this.#moment(), dryRun: random.chance(0.4) };
    if (chance < 0.97) return { kind: "tombstones", now: this.#moment() };
    if (chance < 0.98) return { kind: "restart" };
    return { kind: "index" };
  }

  #rows(): readonly NewMessage[] {
    const random = this.#random;
    const count = random.chance(0.1) ? random.between(100, 400) : random.between(1, 30);
    const rows = Array.from({ length: count }, () => this.#row());
    // The same key and the same content twice in one call.
    if (random.chance(0.3)) rows.push(random.of(rows));
    return rows;
  }

  #row(): NewMessage {
    const random = this.#random;
    const fields = {
      source: random.of(SOURCES),
      messageId: this.#id(),
      from: random.of(NUMBERS),
      to: random.of(NUMBERS),
      ts: `${this.#day()}T${random.of(["00", "09", "10"])}:0${random.between(0, 3)}:${random.of(SECONDS)}Z`,
      text: random.chance(0.1) ? null : this.#text(),
      createdAt: this.#moment(),
    };
    return fields as unknown as NewMessage;
  }

  #text(): string {
    const random = this.#random;
    if (random.chance(0.6)) return random.of(TEXTS);
    return Array.from({ length: random.between(1, 6) }, () => random.of(PIECES)).join(" ");
  }

  #id(): string {
    return `${this.#random.of(LETTERS)}${this.#random.between(1, IDS_PER_LETTER)}`;
  }

  #day(): string {
    return this.#moment().slice(0, 10);
  }

  #moment(): string {
    const ms = this.#random.between(0, DAYS * 24) * (DAY_MS / 24);
    return new Date(BEGIN_MS + ms).toISOString();
  }

  /** Up to three filters: all at once would match nothing. */
  #filter(names: readonly (keyof MessageFilter)[]): MessageFilter {
    const random = this.#random;
    const all = {
      from: random.of(NUMBERS),
      to: random.of(NUMBERS),
      source: random.of([...SOURCES, "none"]),
      since: this.#instant(),
      until: this.#instant(),
      q: random.chance(0.7) ? random.of(PIECES) : random.of(TEXTS.filter((text) => text !== "")),
    };
    const chosen = Array.from({ length: random.between(0, 3) }, () => random.of(names));
    return Object.fromEntries(Object.entries(all).filter(([name]) => chosen.includes(name as "q")));
  }

  #instant(): Instant {
    return instantOf(`${this.#day()}T10:01:${this.#random.of(SECONDS)}Z`);
  }

  #query(): MessageQuery {
    const random = this.#random;
    const query: MessageQuery = {
      filter: this.#filter(["from", "to", "source", "since", "until", "q"]),
      order: random.of(["asc", "desc"]),
      limit: random.of([1, 2, 5, 20, 100]),
      offset: random.of([0, 0, 1, 7, 50, 1_000]),
      count: "exact",
    };
    return random.chance(0.5) ? query : { ...query, offset: 0, cursor: this.#cursor() };
  }

  /** Positions of messages that exist, that do not, and that have been deleted. */
  #cursor(): CursorPosition {
    const { ts, messageId, source } = this.#row();
    return {
      position: { instant: instantOf(ts), messageId, source },
      side: this.#random.of(["after", "before"]),
    };
  }

  #walkQuery(): MessageQuery {
    const { filter, order } = this.#query();
    return { filter, order, limit: this.#random.of([3, 17, 100]), offset: 0, count: "none" };
  }

  #message(): Call {
    const id = this.#id();
    return this.#random.chance(0.5)
      ? { kind: "message", id }
      : { kind: "message", id, source: this.#random.of(SOURCES) };
  }

  #senderQuery(): SenderQuery {
    const random = this.#random;
    const page = { limit: random.between(1, 6), offset: random.of([0, 0, 1, 3]) };
    const prefixed = random.chance(0.5) ? page : { ...page, prefix: random.of(["+", "+1", "+3"]) };
    return random.chance(0.6) ? prefixed : { ...prefixed, offset: 0, after: random.of(NUMBERS) };
  }

  #timeline(): Call {
    return {
      kind: "timeline",
      bucket: this.#random.of(["minute", "hour", "day"]),
      filter: this.#filter(["from", "since", "until"]),
    };
  }
}
