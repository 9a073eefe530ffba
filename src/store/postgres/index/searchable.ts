import { foldCase } from "../../../domain/case-fold.ts";

/**
 * The expression that is searched; see {@link foldedUnlessAscii}. The search index is on exactly
 * this expression.
 */
export const SEARCHED = `coalesce(folded, upper(text COLLATE "C"))`;

/**
 * The condition that a text is stored in another form than NFC, by an older version; see
 * search-form.ts.
 */
export const IS_NOT_NFC = `${SEARCHED} IS NOT NFC NORMALIZED`;

/**
 * The condition that a text contains the pattern. `oldForms`: whether there may be texts in another
 * form, which are then converted.
 */
export function containsPattern(pattern: string, oldForms: boolean): string {
  if (!oldForms) return `${SEARCHED} LIKE ${pattern}`;
  const converted = `${IS_NOT_NFC} AND normalize(${SEARCHED}, NFC) LIKE ${pattern}`;
  return `(${SEARCHED} LIKE ${pattern} AND ${SEARCHED} IS NFC NORMALIZED OR ${converted})`;
}

/**
 * The case-folded text, or null when the server computes the same by itself. That saves storing
 * most texts twice.
 */
export function foldedUnlessAscii(text: string | null): string | null {
  if (text === null) return null;
  const folded = foldCase(text);
  return folded === upperAscii(text) ? null : folded;
}

/** The result of `upper()` in the collation "C". */
function upperAscii(text: string): string {
  return text.replace(/[a-z]+/g, (letters) => letters.toUpperCase());
}

/** The LIKE pattern that finds a literal part of texts. */
export function patternOf(q: string): string {
  return `%${foldCase(q).replace(/[\\%_]/g, "\\$&")}%`;
}

/**
 * The letters that the search index knows: those of all alphabets, or of ASCII only (the locale of
 * the database decides). `none`: there is no index.
 */
export type SearchIndex = "all letters" | "ascii" | "none";

/** Whether the search index can find a part: it needs three letters or digits in a row. */
export function isIndexable(q: string, index: SearchIndex): boolean {
  if (index === "none") return false;
  return (index === "ascii" ? /[A-Z0-9]{3}/ : /[\p{L}\p{N}]{3}/u).test(foldCase(q));
}

/**
 * Whether a text can be in the database. A text with NUL cannot, and the protocol would refuse the
 * query.
 */
export function isStorable(text: string): boolean {
  return !text.includes("\0") && text.isWellFormed();
}
