import { foldCase } from "../../../domain/case-fold.ts";
import type { Statements } from "../statements.ts";

const GRAM_CODE_POINTS = 3;
/** After each text, so that its last letters begin a gram too. */
const END_OF_TEXT = "\ufdd0";
/** In place of NUL, which would end the text there. */
const NUL = "\ufdd1";
/**
 * SQLite reads the last two as U+FFFD; the others have a special meaning here. A search for any of
 * them does not use the index.
 */
const UNREADABLE = /[\ufdd0\ufdd1\ufffe\uffff]/g;
/** Characters that never occur in a search through the index. */
const RESERVED = /[\0\ufdd0\ufdd1\ufffd\ufffe\uffff]/;
/** No text of three letters that begins with a prefix sorts after the prefix and three of these. */
const LAST_LETTER = "\u{10ffff}";
/**
 * A search for one or two letters is a search for all grams that begin with them. With more grams
 * than this, the texts are scanned instead.
 */
const GRAMS_MAX = 400;

/** A text in the form of the search index. */
export function searchable(text: string): string {
  return (
    foldCase(text).replace(UNREADABLE, "\ufffd").replaceAll("\0", NUL) +
    END_OF_TEXT.repeat(GRAM_CODE_POINTS - 1)
  );
}

/** A query for the search index. */
export interface SearchExpression {
  /** Matches exactly the texts that are searched for. */
  readonly exact: string;
  /** How many grams `exact` compares with each text that contains all of them. */
  readonly grams: number;
  /** Matches those texts and perhaps others, for a fraction of the cost. Only for long parts. */
  readonly pieces?: string;
}

/**
 * The query that finds a literal part of texts, or undefined when the index cannot. A part of more
 * than `phraseMax` code points also has pieces, from its beginning, its middle and its end.
 */
export function searchExpression(
  statements: Statements,
  q: string,
  phraseMax: number,
): SearchExpression | undefined {
  const part = foldCase(q);
  if (RESERVED.test(part)) return undefined;
  const letters = [...part];
  if (letters.length >= GRAM_CODE_POINTS) {
    const grams = letters.length - GRAM_CODE_POINTS + 1;
    const whole = { exact: quoted(part), grams };
    return letters.length <= phraseMax ? whole : { ...whole, pieces: piecesOf(letters, phraseMax) };
  }
  const grams = statements.all<{ term: string }>(
    "SELECT term FROM search_terms WHERE term >= ? AND term < ? LIMIT ?",
    [part, part + LAST_LETTER.repeat(GRAM_CODE_POINTS), GRAMS_MAX + 1],
  );
  if (grams.length > GRAMS_MAX) return undefined;
  // Letters that occur in no text still need an expression. This one also matches nothing.
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
