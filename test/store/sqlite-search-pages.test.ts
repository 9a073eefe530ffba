import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { type ListRange, positionAfter } from "../../src/store/list-position.ts";
import { indexMessages } from "../../src/store/sqlite/index/index-messages.ts";
import { textTestOf } from "../../src/store/sqlite/reads/conditions.ts";
import { CountedList } from "../../src/store/sqlite/reads/counted-list.ts";
import { FilteredList } from "../../src/store/sqlite/reads/filtered-list.ts";
import type { IndexedList } from "../../src/store/sqlite/reads/merged.ts";
import { PlainList } from "../../src/store/sqlite/reads/plain-list.ts";
import { SearchList } from "../../src/store/sqlite/reads/search-list.ts";
import type { Snapshot } from "../../src/store/sqlite/reads/snapshot.ts";
import { SqliteParts, temporaryDatabase } from "../support/sqlite-parts.ts";
import { message } from "./exercise.ts";

/**
 * More matches than one statement sorts, and offsets beyond what is kept in memory during sorting.
 */
const ROWS = 24_000;
const OFFSETS = [0, 1_950, 2_100, 20_500, 21_990, 30_000];
const EVERYTHING = {};

test("pages of a search with very many matches follow each other in the order of the list", () => {
  using file = temporaryDatabase();
  using parts = new SqliteParts(file.path);
  const rows = Array.from({ length: ROWS }, (_, n) =>
    // The order of the list differs from the order in which they were stored.
    message(`m${String((n * 7_919) % ROWS).padStart(5, "0")}`, {
      text: n % 12 === 0 ? "other" : "Hello there",
    }),
  );
  parts.insert(rows);
  while (indexMessages(parts.index, ROWS).backlog > 0);
  const matching = rows
    .filter(({ text }) => text === "Hello there")
    .map(({ messageId }) => String(messageId));
  const ascending = matching.toSorted();
  const filter = { q: "hello" };
  for (const reverse of [false, true]) {
    const expected = reverse ? ascending.toReversed() : ascending;
    for (const has of [undefined, textTestOf(filter)]) {
      const found = parts.read((snapshot) => {
        const list = new SearchList(snapshot, '"HELLO"', { filter, has });
        const pages = OFFSETS.map((offset) =>
          list.entries(EVERYTHING, { reverse, offset, limit: 20 }),
        );
        return { total: list.count(EVERYTHING), pages };
      });
      equal(found.total, matching.length);
      deepEqual(
        found.pages.map((page) => page.map(({ messageId }) => messageId)),
        OFFSETS.map((offset) => expected.slice(offset, offset + 20)),
      );
    }
  }
});

/** More rows than the largest chunk of a scan. */
const SCANNED_ROWS = 42_000;
/** Every chunk of a scan has a multiple of this many rows: 256, 8,192 or 16,384. */
const CHUNK_ROWS = 256;
/** As many as the search index sorts in chunks. */
const PAGE_ROWS = 2_000;

const isAtBorder = (n: number) => [0, 1, CHUNK_ROWS - 2, CHUNK_ROWS - 1].includes(n % CHUNK_ROWS);
const NEEDLE = { q: "needle" };
const STRAW = { q: "straw" };
const SCANS: readonly (readonly [name: string, listOf: (snapshot: Snapshot) => IndexedList])[] = [
  ["without the read index", (snapshot) => new PlainList(snapshot, NEEDLE)],
  [
    "block by block",
    (snapshot) => new FilteredList(snapshot, new CountedList(snapshot, ""), NEEDLE),
  ],
  [
    "by the search index",
    (snapshot) => new SearchList(snapshot, '"NEEDLE"', { filter: NEEDLE, has: undefined }),
  ],
  [
    "by pieces",
    (snapshot) => new SearchList(snapshot, '"EED"', { filter: NEEDLE, has: textTestOf(NEEDLE) }),
  ],
];

/** All entries of a list, read page after page like a client with cursors. */
function pagedThrough(list: IndexedList, reverse: boolean): readonly string[] {
  const ids: string[] = [];
  for (let range: ListRange = {}; ; ) {
    const page = list.entries(range, { reverse, offset: 0, limit: PAGE_ROWS });
    ids.push(...page.map(({ messageId }) => messageId));
    const last = page.at(-1);
    if (last === undefined) return ids;
    range = reverse ? { hi: last } : { lo: positionAfter(last) };
  }
}

test("a search misses no match, wherever a chunk of its scan begins or ends", () => {
  using file = temporaryDatabase();
  using parts = new SqliteParts(file.path);
  const rows = Array.from({ length: SCANNED_ROWS }, (_, n) => {
    const matches = isAtBorder(n) || isAtBorder(SCANNED_ROWS - 1 - n);
    return message(`m${String(n).padStart(5, "0")}`, { text: matches ? "A needle" : "Straw" });
  });
  parts.insert(rows);
  while (indexMessages(parts.index, SCANNED_ROWS).backlog > 0);
  const idsOf = (wanted: string) =>
    rows.filter(({ text }) => text === wanted).map(({ messageId }) => String(messageId));
  const needles = idsOf("A needle");
  for (const reverse of [false, true]) {
    const expected = reverse ? needles.toReversed() : needles;
    for (const [name, listOf] of SCANS) {
      const found = parts.read((snapshot) => {
        const list = listOf(snapshot);
        const entries = list.entries({}, { reverse, offset: 0, limit: SCANNED_ROWS });
        return { total: list.count({}), ids: entries.map(({ messageId }) => messageId) };
      });
      deepEqual(found, { total: needles.length, ids: expected }, name);
    }
    // So frequent that the matches are sorted in several chunks.
    const straw = idsOf("Straw");
    const paged = parts.read((snapshot) =>
      pagedThrough(new SearchList(snapshot, '"STRAW"', { filter: STRAW, has: undefined }), reverse),
    );
    deepEqual(paged, reverse ? straw.toReversed() : straw);
  }
});
