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

/** What the search index is asked. */
export interface SearchExpression {
  /** Fits the texts that are searched for, and no others. */
  readonly exact: string;
  /** How many grams `exact` compares with each text that has them all. */
  readonly grams: number;
  /** Fits those and perhaps others, for a fraction of the work; only of long parts. */
  readonly pieces?: string;
}

/**
 * What the search index is asked to find a literal part of texts, or undefined when it cannot tell. A part of more
 * than `phraseMax` code points also has pieces, from its beginning, its middle and its end.
 */
export function searchExpression(statements: Statements, q: string, phraseMax: number): SearchExpression | undefined {
  const part = foldCase(q);
  if (RESERVED.test(part)) return undefined;
  const letters = [...part];
  if (letters.length >= GRAM_CODE_POINTS) {
    const grams = letters.length - GRAM_CODE_POINTS + 1;
    const whole = { exact: quoted(part), grams };
    return letters.length <= phraseMax ? whole : { ...whole, pieces: piecesOf(letters, phraseMax) };
  }
  const grams = statements.all<{ term: string }>("SELECT term FROM search_terms WHERE term >= ? AND term < ? LIMIT ?", [
    part,
    part + LAST_LETTER.repeat(GRAM_CODE_POINTS),
    GRAMS_MAX + 1,
  ]);
  if (grams.length > GRAMS_MAX) return undefined;
  // Letters that are in no text still need an expression, and this is in none either.
  const exact =
    grams.length === 0
      ? quoted(END_OF_TEXT.repeat(GRAM_CODE_POINTS))
      : grams.map(({ term }) => quoted(term)).join(" OR ");
  return { exact, grams: grams.length };
}

const PIECES = 3;

function piecesOf(letters: readonly string[], phraseMax: number): string {
  const length = Math.max(GRAM_CODE_POINTS, Math.floor(phraseMax / PIECES));
  const last = letters.length - length;
  const starts = [0, Math.floor(last / 2), last];
  const pieces = new Set(starts.map((start) => letters.slice(start, start + length).join("")));
  return [...pieces].map(quoted).join(" AND ");
}

function quoted(phrase: string): string {
  return `"${phrase.replaceAll('"', '""')}"`;
}
