import { equal, ok } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { foldCase } from "../../src/domain/case-fold.ts";
import { anyCharacter } from "../support/any-character.ts";
import { propertyRuns } from "../support/property-runs.ts";

const finds = (text: string, q: string) => foldCase(text).includes(foldCase(q));

test("two spellings of the same text fold to the same, in any case", () => {
  const spellings = [
    ["é", "e\u0301"],
    ["CAFÉ", "cafe\u0301"],
    ["Tiếng Việt", "tie\u0302\u0301ng vie\u0323\u0302t"],
    ["한글", "\u1112\u1161\u11ab\u1100\u1173\u11af"],
    ["ΐ", "\u03b9\u0308\u0301"],
    ["İ", "I\u0307"],
    ["Å", "\u212b"],
    ["Ω", "\u2126"],
    ["\u1e69", "s\u0307\u0323"],
    ["\u0958", "\u0915\u093c"],
    ["豈", "\uf900"],
  ] as const;
  for (const [one, other] of spellings) equal(foldCase(one), foldCase(other), one);
});

test("a letter is not found in the letter with a mark, whichever way that is spelt", () => {
  for (const text of ["café", "cafe\u0301"]) {
    ok(!finds(text, "cafe"), text);
    ok(!finds(text, "\u0301"), text);
    ok(finds(text, "caf") && finds(text, "É") && finds(text, "e\u0301"), text);
  }
});

test("canonically equal texts fold to the same", () => {
  const unit = fc.constantFrom(
    ..."aAeéÉßİıΐς Ωक",
    "\u0301",
    "\u0323",
    "\u0307",
    "\u0345",
    "\u1161",
    "\u1100",
    "\u11a8",
  );
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit }), fc.string({ unit: anyCharacter })), (text) => {
      equal(foldCase(text.normalize("NFD")), foldCase(text));
      equal(foldCase(text), foldCase(text).normalize("NFC"));
    }),
    { numRuns: propertyRuns(2_000) },
  );
});

test("folding gives the same letters as the plain definition", () => {
  const plain = (text: string) =>
    text.normalize("NFC").toLowerCase().toUpperCase().normalize("NFC");
  for (let code = 0; code <= 0x10ffff; code++) {
    if (code >= 0xd800 && code <= 0xdfff) continue;
    const letter = String.fromCodePoint(code);
    if (foldCase(letter) !== plain(letter))
      equal(foldCase(letter), plain(letter), code.toString(16));
  }
});
