import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import {
  array,
  assert,
  constantFrom,
  nat,
  oneof,
  option,
  property,
  record,
  shuffledSubarray,
  string,
  tuple,
} from "fast-check";
import type { NewMessage } from "../../src/domain/message.ts";
import type { MessageQuery } from "../../src/domain/message-query.ts";
import { fold } from "../../src/store/sqlite/read-index/fold.ts";
import { find } from "../../src/store/sqlite/reads/find.ts";
import { PLAN_BOUNDS, type PlanBounds } from "../../src/store/sqlite/reads/plan.ts";
import { findSenders } from "../../src/store/sqlite/reads/senders.ts";
import { stats } from "../../src/store/sqlite/reads/stats.ts";
import { timeline } from "../../src/store/sqlite/reads/timeline.ts";
import { BUCKETS } from "../../src/store/store.ts";
import { PlainMessages } from "../support/plain-messages.ts";
import { SqliteParts, temporaryDatabase } from "../support/sqlite-parts.ts";

const RUNS = Number(process.env.PROPERTY_RUNS ?? 60);

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
    ),
    maxLength: 12,
  }),
);
const messages = array(
  record({
    messageId: constantFrom(..."abcdefghijklmnop", "\ufffd", "😀").chain((letter) =>
      nat(40).map((n) => `${letter}${n}`),
    ),
    source: constantFrom("native", "native", "native", "other"),
    from: constantFrom("+1", "+1", "+1", "+22", "+333", "+4"),
    to: constantFrom("+9", "+9", "+8"),
    ts: nat(30).chain((n) =>
      constantFrom("", ".5", ".50", ".123456789").map((f) => `2025-01-${15 + (n % 3)}T10:0${n % 2}:${10 + n}${f}Z`),
    ),
    text: option(texts, { nil: null, freq: 8 }),
  }).map((fields) => ({ ...fields, createdAt: "2025-01-15T10:00:01.000Z" }) as unknown as NewMessage),
  { minLength: 5, maxLength: 60, size: "max" },
);
const moment = nat(30).map((n) => `2025-01-${15 + (n % 3)}T10:0${n % 2}:${10 + n}${n % 4 ? "" : ".5"}`);
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
    ),
  ).filter((q) => q !== ""),
});
// All at once would leave nothing to find.
const filters = tuple(
  everyFilter,
  shuffledSubarray(["from", "to", "source", "since", "until", "q"], { maxLength: 3 }),
).map(([all, names]) => Object.fromEntries(Object.entries(all).filter(([name]) => names.includes(name))));
const queries = record({
  filter: filters,
  order: constantFrom("asc", "desc"),
  limit: nat(8).map((n) => n + 1),
  offset: oneof(nat(6), nat(80), constantFrom(Number.MAX_SAFE_INTEGER)),
  count: constantFrom("exact", "none"),
}) as unknown as import("fast-check").Arbitrary<MessageQuery>;
const batches = array(
  record({
    rows: messages,
    folds: array(
      nat(50).map((n) => n + 1),
      { maxLength: 3 },
    ),
  }),
  { minLength: 2, maxLength: 4, size: "max" },
);

interface Bench {
  readonly parts: SqliteParts;
  readonly bounds: PlanBounds;
}

/** The answer in the form of the plain one. */
function answer({ parts, bounds }: Bench, query: MessageQuery) {
  const page = parts.read((snapshot) => find(snapshot, query, bounds));
  return {
    ids: page.messages.map(({ source, messageId }) => `${source}/${messageId}`),
    total: page.total,
    next: page.next,
    previous: page.previous,
  };
}

/** Every message from the page of a query to the end of its direction, page by page, each of which may be short or empty. */
function walk(bench: Bench, query: MessageQuery): readonly string[] {
  const all: string[] = [];
  for (let asked = query; ; ) {
    const { ids, next, previous } = answer(bench, asked);
    ok(ids.length <= query.limit);
    const backwards = asked.place?.side === "before";
    all.splice(backwards ? 0 : all.length, 0, ...ids);
    const onward = backwards ? previous : next;
    if (onward === null) return all;
    asked = { ...query, place: onward };
  }
}

function expectSame(bench: Bench, plain: PlainMessages, query: MessageQuery): void {
  if (query.count === "none" && query.offset === 0) {
    const whole = plain.page({ ...query, limit: Number.MAX_SAFE_INTEGER });
    deepEqual(walk(bench, query), whole.ids, JSON.stringify(query));
    return;
  }
  const { ids, total, goesOn, hasPrevious } = plain.page(query);
  const got = answer(bench, query);
  deepEqual(got.ids, ids, JSON.stringify(query));
  equal(got.total, query.count === "exact" ? total : null, JSON.stringify(query));
  equal(got.next !== null, goesOn || (query.place?.side === "before" && ids.length > 0), JSON.stringify(query));
  if (ids.length > 0 && query.offset + (query.place === undefined ? 0 : 1) > 0)
    equal(got.previous !== null, hasPrevious || query.place?.side === "after", JSON.stringify(query));
  // From the page to its neighbours and back: the cursors are places of the same list.
  for (const place of [got.next, got.previous]) {
    if (place === null) continue;
    const beside = { ...query, offset: 0, place, count: "exact" as const };
    deepEqual(answer(bench, beside).ids, plain.page(beside).ids, JSON.stringify(beside));
    expectSame(bench, plain, { ...beside, count: "none" });
  }
}

const WAYS: readonly [string, number, PlanBounds][] = [
  ["small blocks and the search index", 4, { ...PLAN_BOUNDS, fewRows: 0 }],
  ["small blocks and no search index", 4, PLAN_BOUNDS],
  ["pages that are given before they are full", 4, { ...PLAN_BOUNDS, walkedRowsMax: 7 }],
  ["large blocks and the search index", 16_384, { ...PLAN_BOUNDS, fewRows: 0 }],
  ["a tail that is too long to be held in memory", 4, { ...PLAN_BOUNDS, tailRowsMax: 10 }],
];
for (const [way, blockRowsMax, bounds] of WAYS) {
  test(`lists, counts, statistics and timelines equal a plain scan, whatever is folded, with ${way}`, () => {
    assert(
      property(batches, array(queries, { minLength: 8, maxLength: 16, size: "max" }), (steps, asked) => {
        using file = temporaryDatabase();
        using parts = new SqliteParts(file.path);
        const bench = { parts, bounds };
        const plain = new PlainMessages();
        for (const { rows, folds } of steps) {
          parts.insert(rows);
          plain.add(rows);
          for (const rowsMax of folds) fold(parts.index, rowsMax, blockRowsMax);
          for (const query of asked) expectSame(bench, plain, query);
          deepEqual(
            JSON.parse(JSON.stringify(parts.read((snapshot) => stats(snapshot)))),
            JSON.parse(JSON.stringify(plain.stats())),
          );
          deepEqual(
            parts.read((snapshot) => findSenders(snapshot, { limit: 3, offset: 1 })).senders,
            plain.senders().slice(1, 4),
          );
          for (const [bucket, characters] of Object.entries(BUCKETS)) {
            for (const { filter } of asked) {
              const { from, since, until } = filter;
              const wanted = { ...(from && { from }), ...(since && { since }), ...(until && { until }) };
              deepEqual(
                parts.read((snapshot) => timeline(snapshot, { ...wanted, bucket: bucket as "day", bucketsMax: 1_000 })),
                plain.timeline(characters, wanted),
                JSON.stringify({ bucket, wanted }),
              );
            }
          }
        }
      }),
      { numRuns: RUNS },
    );
  });
}
