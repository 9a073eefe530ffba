import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  bareNumber,
  checkFilter,
  foundParts,
  momentOf,
  numberOf,
  takeChips,
} from "../../web/live/search.ts";
import { piecesOf } from "../../web/text/invisible.ts";
import { anyCharacter } from "../support/any-character.ts";

const WHEN = { now: Date.parse("2026-11-29T04:35:00Z"), zone: "Asia/Kolkata" };
const typed = (text: string) => takeChips(text, WHEN);
const entered = (text: string) => takeChips(text, WHEN, true);

test("a blank or Enter ends a chip; words stay words", () => {
  deepEqual(typed("from:+919876543210 order"), { chips: { from: "+919876543210" }, rest: "order" });
  deepEqual(typed("order from:+919876543210"), {
    chips: {},
    rest: "order from:+919876543210",
  });
  deepEqual(entered("order from:+919876543210"), {
    chips: { from: "+919876543210" },
    rest: "order ",
  });
  deepEqual(typed("source:native  hello"), { chips: { source: "native" }, rest: "hello" });
  deepEqual(typed("since:7d until:today x"), {
    chips: { since: "2026-11-22T04:35:00Z", until: "2026-11-28T18:30:00Z" },
    rest: "x",
  });
  deepEqual(typed("say from: me"), { chips: {}, rest: "say from: me" });
});

test("a number is taken as people write it, blanks and all", () => {
  deepEqual(typed("from:+91 98765-43210 x").chips, { from: "+919876543210" });
  deepEqual(typed("from:+91 ").chips, {}, "more digits follow");
  deepEqual(typed("from:+1 (415) 555-0100 ").chips, { from: "+14155550100" });
  deepEqual(entered("to:0049 89 123").chips, { to: "+4989123" });
  deepEqual(entered("from:banana").chips, { from: "banana" });
  equal(numberOf("+"), undefined);
  equal(numberOf("12x"), undefined);
  equal(bareNumber(" +91 98765 43210 "), "+919876543210");
  equal(bareNumber("order 12"), undefined);
  equal(bareNumber("12345"), undefined);
});

test("moments are of the reader's zone, and in UTC in the address", () => {
  const moments: readonly (readonly [string, string | undefined])[] = [
    ["today", "2026-11-28T18:30:00Z"],
    ["yesterday", "2026-11-27T18:30:00Z"],
    ["24h", "2026-11-28T04:35:00Z"],
    ["30m", "2026-11-29T04:05:00Z"],
    ["2w", "2026-11-15T04:35:00Z"],
    ["09:30", "2026-11-29T04:00:00Z"],
    ["2026-11-29", "2026-11-28T18:30:00Z"],
    ["2026-11-29 09:30", "2026-11-29T04:00:00Z"],
    ["2026-11-29T09:30", "2026-11-29T04:00:00Z"],
    ["2026-11-29T09:30:00+01:00", "2026-11-29T08:30:00Z"],
    ["banana", undefined],
    ["2026-02-30", undefined],
    ["25:00", undefined],
  ];
  for (const [text, moment] of moments) equal(momentOf(text, WHEN), moment, text);
});

test("a part of a filter that cannot be used is reported, and the rest holds", () => {
  deepEqual(checkFilter({ from: "banana", since: "banana", q: "x" }), {
    usable: { q: "x" },
    problems: { from: "number", since: "moment" },
  });
  deepEqual(
    checkFilter({ since: "2026-01-02T00:00:00Z", until: "2026-01-01T00:00:00Z" }).problems,
    {
      until: "order",
    },
  );
  deepEqual(checkFilter({ q: "😀".repeat(257) }).problems, { q: "long" });
  deepEqual(checkFilter({ q: "😀".repeat(256), from: "+919876543210" }).problems, {});
});

test("no text makes the field fail, and what is not a chip stays", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: anyCharacter, maxLength: 60 }),
      fc.boolean(),
      (text, isEntered) => {
        const { chips, rest } = takeChips(text, WHEN, isEntered);
        if (Object.keys(chips).length === 0) equal(rest, text);
        checkFilter(chips);
      },
    ),
  );
});

test("found parts are marked where plain lower case finds them", () => {
  deepEqual(foundParts("Order order", "ORDER"), [
    [0, 5],
    [6, 11],
  ]);
  deepEqual(foundParts("İİ order", "order"), [], "lower case has another length");
  deepEqual(foundParts("x", ""), []);
});

test("what cannot be seen in a text is shown by its number; joiners and line breaks stay", () => {
  deepEqual(piecesOf("a\u202eb\u200dc\n\ud83d\udc68\u200d\ud83d\udc69"), [
    { text: "a" },
    { text: "\u202e", name: "U+202E" },
    { text: "b\u200dc\n\ud83d\udc68\u200d\ud83d\udc69" },
  ]);
  equal(piecesOf("\u{e0041}")[0]?.name, "U+E0041");
  fc.assert(
    fc.property(fc.string({ unit: anyCharacter }), (text) =>
      equal(
        piecesOf(text)
          .map((piece) => piece.text)
          .join(""),
        text,
      ),
    ),
  );
});
