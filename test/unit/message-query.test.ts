import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeCursor, encodeCursor } from "../../src/domain/cursor.ts";
import type { MessageFilter, Position } from "../../src/domain/message-filter.ts";
import { parseMessageQuery } from "../../src/domain/message-query.ts";

const parsed = (parameters: Record<string, string>) => {
  const result = parseMessageQuery(parameters);
  return result.ok ? result.query : result;
};

test("no parameters mean the first fifty of all", () => {
  deepEqual(parsed({}), { filter: {}, limit: 50, offset: 0 });
  deepEqual(parsed({ limit: "", offset: "", from: "", since: "", q: "", cursor: "" }), {
    filter: {},
    limit: 50,
    offset: 0,
  });
});

test("a limit out of range is moved to the nearest end", () => {
  const cases: Record<string, number> = {
    "0": 1,
    "-5": 1,
    "101": 100,
    "1e20": 100,
    "99999999999999999999999": 100,
    " 7 ": 7,
    "+7": 7,
    "7.0": 7,
  };
  for (const [limit, expected] of Object.entries(cases))
    deepEqual(parsed({ limit }), { filter: {}, limit: expected, offset: 0 }, limit);
});

test("an offset is never negative and never more than a database can count", () => {
  const cases: Record<string, number> = { "-1": 0, "-1e3": 0, "1e300": Number.MAX_SAFE_INTEGER, "12": 12 };
  for (const [offset, expected] of Object.entries(cases))
    deepEqual(parsed({ offset }), { filter: {}, limit: 50, offset: expected }, offset);
});

test("everything that is wrong is reported at once, in order", () => {
  const result = parseMessageQuery({ limit: "ten", offset: "NaN", since: "soon", q: "x".repeat(257) });
  deepEqual(!result.ok && result.reason === "issues" && result.issues.map(({ type, loc }) => [type, ...loc]), [
    ["int_parsing", "query", "limit"],
    ["int_parsing", "query", "offset"],
    ["datetime_from_date_parsing", "query", "since"],
    ["string_too_long", "query", "q"],
  ]);
});

test("what only looks like a number is not one", () => {
  for (const limit of ["2.5", "0x10", "Infinity", "NaN", "1_000", "٣", "--1", "1e", "1 2"])
    equal(parseMessageQuery({ limit }).ok, false, limit);
});

test("a sender pasted without escaping gets its plus back", () => {
  for (const from of [" 919876543210", "919876543210", "+919876543210", "  +919876543210 "])
    deepEqual(parsed({ from }), { filter: { from: "+919876543210" }, limit: 50, offset: 0 });
  deepEqual(parsed({ from: "abc" }), { filter: { from: "abc" }, limit: 50, offset: 0 });
});

test("256 emoji are a search, 257 are too long", () => {
  equal(parseMessageQuery({ q: "\u{1F600}".repeat(256) }).ok, true);
  equal(parseMessageQuery({ q: "\u{1F600}".repeat(257) }).ok, false);
});

const position: fc.Arbitrary<Position> = fc.record(
  {
    instant: fc.string(),
    messageId: fc.string(),
    source: fc.string(),
  },
  { noNullPrototype: true },
) as never;
const filter: fc.Arbitrary<MessageFilter> = fc.record(
  { from: fc.string(), since: fc.string(), q: fc.string() },
  { requiredKeys: [] },
) as never;

test("a cursor leads back to its place, and only with its own filters", () => {
  fc.assert(
    fc.property(position, filter, filter, (place, own, other) => {
      const cursor = encodeCursor(place, own);
      deepEqual(decodeCursor(cursor, own), place);
      const same = JSON.stringify([own.from, own.since, own.q]) === JSON.stringify([other.from, other.since, other.q]);
      equal(decodeCursor(cursor, other) === undefined, !same);
    }),
  );
});

const BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

test("a cursor with any character changed, added or taken away is none", () => {
  const cursor = encodeCursor({ instant: "2025-01-15T10:00:00", messageId: "m12", source: "native" } as never, {});
  for (let at = 0; at < cursor.length; at++) {
    for (const other of [...BASE64URL, "", "AA", "="]) {
      const altered = cursor.slice(0, at) + other + cursor.slice(at + 1);
      if (altered !== cursor) equal(decodeCursor(altered, {}), undefined, altered);
    }
  }
});

test("arbitrary parameters are a query or issues, never an exception", () => {
  const name = fc.constantFrom("limit", "offset", "from", "since", "q", "cursor", "__proto__", "other");
  fc.assert(
    fc.property(
      fc.dictionary(name, fc.string({ unit: "binary" })),
      (parameters) => typeof parseMessageQuery(parameters).ok === "boolean",
    ),
  );
});
