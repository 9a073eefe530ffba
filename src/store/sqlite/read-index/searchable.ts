import { foldCase } from "../../../domain/case-fold.ts";
import type { Statements } from "../statements.ts";

const GRAM_CODE_POINTS = 3;
/** Behind each text, so that its last letters begin a gram too. */
const END_OF_TEXT = "\ufdd0";
/** In the place of NUL, which would end the text there. */
const NUL = "\ufdd1";
/** SQLite reads the last two as U+FFFD; the others stand for something else here. A search for any of them does not use the index. */
const UNREADABLE = /[\ufdd0\ufdd1\ufffe\uffff]/g;
/** What nobody writes, and the index cannot be asked for. */
const RESERVED = /[\0\ufdd0\ufdd1\ufffd\ufffe\uffff]/;
/** No text of three letters that begins like this one sorts behind it and three of these. */
const LAST_LETTER = "\u{10ffff}";
/** A search for one or two letters is one for all grams that begin with them; of more it is left to a walk along the texts. */
const GRAMS_MAX = 400;

/** A text as the search index holds it. */
export function searchable(text: string): string {
  return foldCase(text).replace(UNREADABLE, "\ufffd").replaceAll("\0", NUL) + END_OF_TEXT.repeat(GRAM_CODE_POINTS - 1);
}

/** What the search index is asked to find a literal part of texts, or undefined when it cannot tell. */
export function searchExpression(statements: Statements, q: string): string | undefined {
  const part = foldCase(q);
  if (RESERVED.test(part)) return undefined;
  if ([...part].length >= GRAM_CODE_POINTS) return quoted(part);
  const grams = statements.all<{ term: string }>("SELECT term FROM search_terms WHERE term >= ? AND term < ? LIMIT ?", [
    part,
    part + LAST_LETTER.repeat(GRAM_CODE_POINTS),
    GRAMS_MAX + 1,
  ]);
  if (grams.length > GRAMS_MAX) return undefined;
  // Letters that are in no text still need an expression, and this is in none either.
  return grams.length === 0
    ? quoted(END_OF_TEXT.repeat(GRAM_CODE_POINTS))
    : grams.map(({ term }) => quoted(term)).join(" OR ");
}

function quoted(phrase: string): string {
  return `"${phrase.replaceAll('"', '""')}"`;
}
