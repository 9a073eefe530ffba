import { deepEqual, equal, ok } from "node:assert/strict";
import {
  type Arbitrary,
  array,
  constantFrom,
  nat,
  oneof,
  option,
  record,
  shuffledSubarray,
  string,
  tuple,
} from "fast-check";
import type { NewMessage } from "../../src/domain/message.ts";
import type { MessageQuery } from "../../src/domain/message-query.ts";
import { BUCKETS, type Store } from "../../src/store/store.ts";
import type { PlainMessages } from "./plain-messages.ts";

// Queries for a store whose messages are counted in part, and the expected answers: the same as
// those of a scan of every message.

const texts = oneof(
  constantFrom(
    "Hello there",
    "HELLO",
    "Straße",
    "STRASSE 12",
    "οδός",
    "ΟΔΌΣ",
    "你好,订单什么时候到",
    "नमस्ते दुनिया",
    "مرحبا",
    "100% _sure_",
    'say "hi" AND *',
    "😀😀😀",
    "ab",
    "",
    "ﬃ",
    "İstanbul",
    "naïve",
    "nai\u0308ve",
    "cafe\u0301 CAFÉ",
    "tiê\u0301ng Viê\u0323t",
    "Tiếng Việt",
    "\u1112\u1161\u11ab\u1100\u1173\u11af",
    "한글",
    "\u0390\u01f0 \u0399\u0308\u0301",
    "\u2126 \u212b I\u0307stanbul",
    "\u0001\u0002\u0003",
    "a\ufdd0",
    "ab\u{10ffff}",
    "q\u{10ffff}\u{10ffff}",
    "a\ufffdb \ufffe \uffff \ufdd0\ufdd1 a\0b\0",
  ),
  string({
    unit: constantFrom(
      "a",
      "b",
      "A",
      "ß",
      "s",
      "σ",
      "ς",
      "Σ",
      "你",
      "好",
      "😀",
      " ",
      '"',
      "%",
      "_",
      "'",
      "é",
      "e\u0301",
      "E",
      "\u0301",
      "\u0323",
      "각",
      "\u1100",
      "\u1161",
      "\u11a8",
    ),
    maxLength: 12,
  }),
);
const different = array(
  record({
    messageId: constantFrom(..."abcdefghijklmnop", "\ufffd", "😀").chain((letter) =>
      nat(40).map((n) => `${letter}${n}`),
    ),
    source: constantFrom("native", "native", "native", "other"),
    from: constantFrom("+1", "+1", "+1", "+22", "+333", "+4"),
    to: constantFrom("+9", "+9", "+8"),
    ts: nat(30).chain((n) =>
      constantFrom("", ".5", ".50", ".123456789").map(
        (f) => `2025-01-${15 + (n % 3)}T10:0${n % 2}:${10 + n}${f}Z`,
      ),
    ),
    text: option(texts, { nil: null, freq: 8 }),
  }).map(
    (fields) => ({ ...fields, createdAt: "2025-01-15T10:00:01.000Z" }) as unknown as NewMessage,
  ),
  { minLength: 5, maxLength: 60, size: "max" },
);
/** Some of them come twice in one call. */
const messages = record({ all: different, again: nat(3) }).map(({ all, again }) => [
  ...all,
  ...all.slice(0, again),
]);
const moment = nat(30).map(
  (n) => `2025-01-${15 + (n % 3)}T10:0${n % 2}:${10 + n}${n % 4 ? "" : ".5"}`,
);
const everyFilter = record({
  from: constantFrom("+1", "+22", "+333", "+5"),
  to: constantFrom("+9", "+8", "+7"),
  source: constantFrom("native", "other", "none"),
  since: moment,
  until: moment,
  q: oneof(
    texts,
    constantFrom(
      "hello",
      "ell",
      "LLO",
      "o",
      "ss",
      "SS",
      "strasse",
      "σ",
      "δό",
      "好",
      "订单什",
      "नमस",
      "😀😀",
      "AND *",
      '"hi"',
      "%",
      "\0",
      "a\ufffd",
      "\ufffd",
      "zw",
      "ab",
      "q",
      "\ufdd0\ufdd0",
      "b\0",
      "\ufffe",
      "i̇st",
      "ffi",
      "café",
      "cafe\u0301",
      "cafe",
      "ïve",
      "i\u0308ve",
      "\u0308",
      "e\u0301",
      "việt",
      "Vie\u0323\u0302t",
      "한글",
      "\u1112\u1161\u11ab",
      "ϊ\u0301",
      "ω",
      "å",
    ),
  ).filter((q) => q !== ""),
});
// All filters at once would match nothing.
const filters = tuple(
  everyFilter,
  shuffledSubarray(["from", "to", "source", "since", "until", "q"], { maxLength: 3 }),
).map(([all, names]) =>
  Object.fromEntries(Object.entries(all).filter(([name]) => names.includes(name))),
);
export const queries = record({
  filter: filters,
  order: constantFrom("asc", "desc"),
  limit: nat(8).map((n) => n + 1),
  offset: oneof(nat(6), nat(80), constantFrom(Number.MAX_SAFE_INTEGER)),
  count: constantFrom("exact", "none"),
}) as unknown as Arbitrary<MessageQuery>;
export const batches = array(
  record({
    rows: messages,
    indexSteps: array(
      nat(50).map((n) => n + 1),
      { maxLength: 3 },
    ),
  }),
  { minLength: 2, maxLength: 4, size: "max" },
);

/** A store between two indexing steps. */
export type Reads = Pick<Store, "findMessages" | "stats" | "findSenders" | "timeline">;

/** The answer in the form of the plain one. */
async function answer(reads: Reads, query: MessageQuery) {
  const page = await reads.findMessages(query);
  return {
    ids: page.messages.map(({ source, messageId }) => `${source}/${messageId}`),
    total: page.total,
    next: page.next,
    previous: page.previous,
  };
}

/**
 * Every message from the page of a query to the end of its direction, page by page, each of which
 * may be short or empty.
 */
async function walk(reads: Reads, query: MessageQuery): Promise<readonly string[]> {
  const all: string[] = [];
  for (let asked = query; ; ) {
    const { ids, next, previous } = await answer(reads, asked);
    ok(ids.length <= query.limit);
    const backwards = asked.cursor?.side === "before";
    all.splice(backwards ? 0 : all.length, 0, ...ids);
    const onward = backwards ? previous : next;
    if (onward === null) return all;
    asked = { ...query, cursor: onward };
  }
}

async function expectSamePage(
  reads: Reads,
  plain: PlainMessages,
  query: MessageQuery,
): Promise<void> {
  if (query.count === "none" && query.offset === 0) {
    const whole = plain.page({ ...query, limit: Number.MAX_SAFE_INTEGER });
    deepEqual(await walk(reads, query), whole.ids, JSON.stringify(query));
    return;
  }
  const { ids, total, goesOn, hasPrevious } = plain.page(query);
  const got = await answer(reads, query);
  deepEqual(got.ids, ids, JSON.stringify(query));
  equal(got.total, query.count === "exact" ? total : null, JSON.stringify(query));
  equal(
    got.next !== null,
    goesOn || (query.cursor?.side === "before" && ids.length > 0),
    JSON.stringify(query),
  );
  if (ids.length > 0 && query.offset + (query.cursor === undefined ? 0 : 1) > 0)
    equal(
      got.previous !== null,
      hasPrevious || query.cursor?.side === "after",
      JSON.stringify(query),
    );
  // From the page to its neighbours and back: the cursors are positions in the same list.
  for (const place of [got.next, got.previous]) {
    if (place === null) continue;
    const beside = { ...query, offset: 0, place, count: "exact" as const };
    deepEqual((await answer(reads, beside)).ids, plain.page(beside).ids, JSON.stringify(beside));
    await expectSamePage(reads, plain, { ...beside, count: "none" });
  }
}

/** Compares every kind of answer of a store with those of a plain scan of all messages. */
export async function expectSame(
  reads: Reads,
  plain: PlainMessages,
  asked: readonly MessageQuery[],
): Promise<void> {
  for (const query of asked) await expectSamePage(reads, plain, query);
  deepEqual(plainObjects(await reads.stats()), plainObjects(plain.stats()));
  deepEqual(
    plainObjects((await reads.findSenders({ limit: 3, offset: 1 })).senders),
    plainObjects(plain.senders().slice(1, 4)),
  );
  for (const prefix of ["+", "+1", "+3", "+33", "+7", "1"]) {
    const beginning = plain.senders().filter(({ from }) => from.startsWith(prefix));
    const { senders, total, more } = await reads.findSenders({ limit: 2, offset: 0, prefix });
    deepEqual(
      plainObjects([senders, total, more]),
      plainObjects([beginning.slice(0, 2), beginning.length, beginning.length > 2]),
      prefix,
    );
    const after = beginning[0]?.from ?? "+";
    const next = await reads.findSenders({ limit: 9, offset: 0, prefix, after });
    deepEqual(
      plainObjects([next.senders, next.total]),
      plainObjects([beginning.slice(1), beginning.length]),
      prefix,
    );
  }
  for (const [bucket, characters] of Object.entries(BUCKETS)) {
    for (const { filter } of asked) {
      const { from, since, until } = filter;
      const wanted = { ...(from && { from }), ...(since && { since }), ...(until && { until }) };
      deepEqual(
        plainObjects(
          await reads.timeline({ ...wanted, bucket: bucket as "day", bucketsMax: 1_000 }),
        ),
        plain.timeline(characters, wanted),
        JSON.stringify({ bucket, wanted }),
      );
    }
  }
}

/** Rows of a database have no prototype. */
function plainObjects(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}
