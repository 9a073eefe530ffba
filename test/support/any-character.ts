import { type Arbitrary, integer, oneof } from "fast-check";

/**
 * Any character that UTF-8 has, ASCII the most often. fast-check's unit `"binary"` is the same, but
 * builds a table of all of them, which takes more than a second in each process.
 */
export const anyCharacter: Arbitrary<string> = oneof(
  integer({ min: 0, max: 0x7f }),
  integer({ min: 0x80, max: 0xd7ff }),
  integer({ min: 0xe000, max: 0x10ffff }),
).map((codePoint) => String.fromCodePoint(codePoint));
