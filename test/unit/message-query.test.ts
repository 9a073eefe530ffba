import { deepEqual, equal } from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import {
  decodeCursor,
  decodeSenderCursor,
  encodeCursor,
  encodeSenderCursor,
} from "../../src/domain/cursor.ts";
import type {
  CursorPosition,
  MessageFilter,
  MessageList,
} from "../../src/domain/message-filter.ts";
import { parseMessageList, parseMessageQuery } from "../../src/domain/message-query.ts";
import { anyCharacter } from "../support/any-character.ts";

const ALL = { filter: {}, order: "asc", limit: 50, offset: 0, count: "exact" } as const;

const parsed = (parameters: Record<string, string>) => {
  const result = parseMessageQuery(parameters);
  return result.ok ? result.query : result;
};

test("no parameters mean the first fifty of all", () => {
  deepEqual(parsed({}), ALL);
  const names = [
    "limit",
    "offset",
    "from",
    "to",
    "source",
    "since",
    "until",
    "q",
    "order",
    "count",
    "cursor",
  ];
  deepEqual(parsed(Object.fromEntries(names.map((name) => [name, ""]))), ALL);
});

test("a limit out of range is clamped", () => {
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
    deepEqual(parsed({ limit }), { ...ALL, limit: expected }, limit);
});

test("an offset is never negative and never more than a database can count", () => {
  const cases: Record<string, number> = {
    "-1": 0,
    "-1e3": 0,
    "1e300": Number.MAX_SAFE_INTEGER,
    "12": 12,
  };
  for (const [offset, expected] of Object.entries(cases))
    deepEqual(parsed({ offset }), { ...ALL, offset: expected }, offset);
});

test("all problems are reported at once, in order", () => {
  const wrong = { since: "soon", until: "later", q: "x".repeat(257), order: "up" };
  const result = parseMessageQuery({ limit: "ten", offset: "NaN", ...wrong, count: "all" });
  deepEqual(
    !result.ok &&
      result.reason === "issues" &&
      result.issues.map(({ type, loc }) => [type, ...loc]),
    [
      ["int_parsing", "query", "limit"],
      ["int_parsing", "query", "offset"],
      ["datetime_from_date_parsing", "query", "since"],
      ["datetime_from_date_parsing", "query", "until"],
      ["string_too_long", "query", "q"],
      ["literal_error", "query", "order"],
      ["literal_error", "query", "count"],
    ],
  );
  const list = parseMessageList(wrong);
  equal(!list.ok && list.reason, "issues");
  deepEqual(!list.ok && list.issues.map(({ loc }) => loc[1]), ["since", "until", "q", "order"]);
});

test("an unknown word is refused with the list of allowed ones", () => {
  const result = parseMessageQuery({ order: "Desc" });
  deepEqual(!result.ok && result.reason === "issues" && result.issues, [
    {
      type: "literal_error",
      loc: ["query", "order"],
      msg: "Input should be 'asc' or 'desc'",
      input: "Desc",
      ctx: { expected: "'asc' or 'desc'" },
    },
  ]);
});

test("a text that only looks like a number is not one", () => {
  for (const limit of ["2.5", "0x10", "Infinity", "NaN", "1_000", "٣", "--1", "1e", "1 2"])
    equal(parseMessageQuery({ limit }).ok, false, limit);
});

test("a number pasted without escaping gets its plus back", () => {
  for (const number of [" 919876543210", "919876543210", "+919876543210", "  +919876543210 "]) {
    deepEqual(parsed({ from: number }), { ...ALL, filter: { from: "+919876543210" } });
    deepEqual(parsed({ to: number }), { ...ALL, filter: { to: "+919876543210" } });
  }
  deepEqual(parsed({ from: "abc" }), { ...ALL, filter: { from: "abc" } });
});

test("256 emoji are a valid search, 257 are too long", () => {
  for (const character of ["x", "\u{1F600}"]) {
    const q = character.repeat(256);
    deepEqual(parsed({ q }), { ...ALL, filter: { q } });
    deepEqual(parseMessageQuery({ q: q + character }), {
      ok: false,
      reason: "issues",
      issues: [
        {
          type: "string_too_long",
          loc: ["query", "q"],
          msg: "String should have at most 256 characters",
          ctx: { max_length: 256 },
        },
      ],
    });
  }
});

test("a list that is read from end to end has the filters and the order of a query, and no page", () => {
  const parameters = { from: "+1", to: "2", source: " native ", order: "desc", limit: "x" };
  deepEqual(parseMessageList(parameters), {
    ok: true,
    list: { filter: { from: "+1", to: "+2", source: "native" }, order: "desc" },
  });
  deepEqual(parseMessageList({ since: "2025-01-15", until: "2025-01-16" }), {
    ok: true,
    list: {
      filter: { since: "2025-01-15T00:00:00", until: "2025-01-16T00:00:00" },
      order: "asc",
    },
  });
});

test("a query with a cursor begins at its position, whatever its offset, and another cursor is invalid", () => {
  const position = { instant: "2025-01-15T10:00:00", messageId: "m12", source: "native" };
  const there = { position, side: "before" } as CursorPosition;
  const cursor = encodeCursor(there, ALL);
  deepEqual(parsed({ cursor, offset: "7", count: "none" }), {
    ...ALL,
    count: "none",
    cursor: there,
  });
  for (const parameters of [{ cursor, order: "desc" }, { cursor, from: "+1" }, { cursor: "x" }])
    deepEqual(parseMessageQuery(parameters), { ok: false, reason: "invalid_cursor" });
});

const place: fc.Arbitrary<CursorPosition> = fc.record(
  {
    position: fc.record(
      { instant: fc.string(), messageId: fc.string(), source: fc.string() },
      { noNullPrototype: true },
    ),
    side: fc.constantFrom("after", "before"),
  },
  { noNullPrototype: true },
) as never;
const text = fc.string({ maxLength: 2 });
const filter: fc.Arbitrary<MessageFilter> = fc.record(
  { from: text, to: text, source: text, since: text, until: text, q: text },
  { requiredKeys: [] },
) as never;
const list: fc.Arbitrary<MessageList> = fc.record({
  filter,
  order: fc.constantFrom("asc", "desc"),
});

const named = ({ filter: { from, to, source, since, until, q }, order }: MessageList) =>
  JSON.stringify([from, to, source, since, until, q, order]);

test("a cursor leads back to its position, and only in its own list", () => {
  fc.assert(
    fc.property(place, list, list, (there, own, other) => {
      const cursor = encodeCursor(there, own);
      deepEqual(decodeCursor(cursor, own), there);
      equal(decodeCursor(cursor, other) === undefined, named(own) !== named(other));
    }),
  );
});

test("a cursor of messages is not valid for senders, nor the other way round", () => {
  fc.assert(
    fc.property(place, list, fc.string(), (there, own, sender) => {
      equal(decodeSenderCursor(encodeCursor(there, own)), undefined);
      equal(decodeCursor(encodeSenderCursor(sender), own), undefined);
      equal(decodeSenderCursor(encodeSenderCursor(sender)), sender);
    }),
  );
});

const BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

test("a cursor with any character changed, added or removed is invalid", () => {
  const position = { instant: "2025-01-15T10:00:00", messageId: "m12", source: "native" };
  const cursor = encodeCursor({ position, side: "after" } as CursorPosition, ALL);
  for (let at = 0; at < cursor.length; at++) {
    for (const other of [...BASE64URL, "", "AA", "="]) {
      const altered = cursor.slice(0, at) + other + cursor.slice(at + 1);
      if (altered !== cursor) equal(decodeCursor(altered, ALL), undefined, altered);
    }
  }
});

const SENDERS = "senders";
const NAME_OF_ALL = '[null,null,null,null,null,null,"asc"]';

/** A cursor of that content with a right checksum, as a client could forge it. */
function forged(content: string, list: string): string {
  const hash = createHash("sha256").update(`${list}\0${content}`).digest();
  return Buffer.concat([hash.subarray(0, 9), Buffer.from(content)]).toString("base64url");
}

test("the text of a cursor stays what it was, so that a client can go on after an upgrade", () => {
  const position = { instant: "2025-01-15T10:00:00", messageId: "m12", source: "native" };
  const parts = '["2025-01-15T10:00:00","m12","native"]';
  equal(
    encodeCursor({ position, side: "after" } as CursorPosition, ALL),
    forged(parts, NAME_OF_ALL),
  );
  equal(
    encodeCursor({ position, side: "before" } as CursorPosition, ALL),
    forged(parts.replace("]", ',"before"]'), NAME_OF_ALL),
  );
  equal(encodeSenderCursor("+919876543210"), forged('["+919876543210"]', SENDERS));
  // Known answers: so the checksum above is not only equal to itself.
  equal(
    encodeCursor({ position, side: "after" } as CursorPosition, ALL),
    "eQlXm0JgbzJsWyIyMDI1LTAxLTE1VDEwOjAwOjAwIiwibTEyIiwibmF0aXZlIl0",
  );
  equal(encodeSenderCursor("+919876543210"), "fefjiAjSlLfwWyIrOTE5ODc2NTQzMjEwIl0");
});

test("a forged cursor whose content is not a position is invalid", () => {
  for (const content of [
    "",
    "[",
    "null",
    "{}",
    '"abcd"',
    "[]",
    '["a"]',
    '["a","b"]',
    '["a","b",3]',
    '["a","b","c",4]',
    '["a","b","c","beside"]',
    '["a","b","c",""]',
  ])
    equal(decodeCursor(forged(content, NAME_OF_ALL), ALL), undefined, content);
  for (const content of ["", "[", "null", "[]", "[1]", '["+1",2]', '{"0":"+1"}'])
    equal(decodeSenderCursor(forged(content, SENDERS)), undefined, content);
});

test("a cursor of senders with a character changed, added or removed is invalid", () => {
  const cursor = encodeSenderCursor("+919876543210");
  for (let at = 0; at < cursor.length; at++) {
    for (const other of ["A", "B", "_", "", "AA", "="]) {
      const altered = cursor.slice(0, at) + other + cursor.slice(at + 1);
      if (altered !== cursor) equal(decodeSenderCursor(altered), undefined, altered);
    }
  }
  for (const text of ["", "A", `${cursor}=`, `${cursor}\n`])
    equal(decodeSenderCursor(text), undefined, text);
});

test("arbitrary parameters are a query or issues, never an exception", () => {
  const name = fc.constantFrom(
    "limit",
    "offset",
    "from",
    "until",
    "order",
    "q",
    "cursor",
    "__proto__",
    "other",
  );
  fc.assert(
    fc.property(
      fc.dictionary(name, fc.string({ unit: anyCharacter })),
      (parameters) => typeof parseMessageQuery(parameters).ok === "boolean",
    ),
  );
});
