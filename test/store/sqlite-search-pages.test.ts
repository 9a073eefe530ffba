import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { indexMessages } from "../../src/store/sqlite/index/index-messages.ts";
import { textTestOf } from "../../src/store/sqlite/reads/conditions.ts";
import { SearchList } from "../../src/store/sqlite/reads/search-list.ts";
import { SqliteParts, temporaryDatabase } from "../support/sqlite-parts.ts";
import { message } from "./exercise.ts";

/** More matches than are sorted by one statement, and offsets beyond what is kept in memory while they are sorted. */
const ROWS = 24_000;
const OFFSETS = [0, 1_950, 2_100, 20_500, 21_990, 30_000];
const EVERYTHING = {};

test("pages of a search with very many matches follow each other in the order of the list", () => {
  using file = temporaryDatabase();
  using parts = new SqliteParts(file.path);
  const rows = Array.from({ length: ROWS }, (_, n) =>
    // The order of the list is not that in which they were stored.
    message(`m${String((n * 7_919) % ROWS).padStart(5, "0")}`, { text: n % 12 === 0 ? "other" : "Hello there" }),
  );
  parts.insert(rows);
  while (indexMessages(parts.index, ROWS).backlog > 0);
  const matching = rows.filter(({ text }) => text === "Hello there").map(({ messageId }) => String(messageId));
  const ascending = matching.toSorted();
  const filter = { q: "hello" };
  for (const reverse of [false, true]) {
    const expected = reverse ? ascending.toReversed() : ascending;
    for (const has of [undefined, textTestOf(filter)]) {
      const found = parts.read((snapshot) => {
        const list = new SearchList(snapshot, '"HELLO"', { filter, has });
        const pages = OFFSETS.map((offset) => list.entries(EVERYTHING, { reverse, offset, limit: 20 }));
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
