import { foldCase } from "../../../domain/case-fold.ts";

/** What texts are searched in: see {@link foldedUnlessAscii}. The index of the search is on this very expression. */
export const SEARCHED = `coalesce(folded, upper(text COLLATE "C"))`;

/** That a text stands there in another form than NFC: an older version stored it. See search-form.ts. */
export const IS_NOT_NFC = `${SEARCHED} IS NOT NFC NORMALIZED`;

/** That a text contains a part, by the pattern of it. `oldForms`: whether there may be texts in another form, which are converted then. */
export function containsPattern(pattern: string, oldForms: boolean): string {
  if (!oldForms) return `${SEARCHED} LIKE ${pattern}`;
  const converted = `${IS_NOT_NFC} AND normalize(${SEARCHED}, NFC) LIKE ${pattern}`;
  return `(${SEARCHED} LIKE ${pattern} AND ${SEARCHED} IS NFC NORMALIZED OR ${converted})`;
}

/** The text without regard to case, or null when the server makes the same of it by itself, which saves storing most texts twice. */
export function foldedUnlessAscii(text: string | null): string | null {
  if (text === null) return null;
  const folded = foldCase(text);
  return folded === upperAscii(text) ? null : folded;
}

/** What `upper()` does in the collation "C". */
function upperAscii(text: string): string {
  return text.replace(/[a-z]+/g, (letters) => letters.toUpperCase());
}

/** The pattern of LIKE that finds a literal part of texts, whatever is in it. */
export function patternOf(q: string): string {
  return `%${foldCase(q).replace(/[\\%_]/g, "\\$&")}%`;
}

/** What the index of the search knows: letters of all alphabets, those of ASCII only (the database's locale decides), or it is not there. */
export type SearchIndex = "all letters" | "ascii" | "none";

/** Whether the index of the search can tell anything about a part: it knows letters and digits, three in a row. */
export function isIndexable(q: string, index: SearchIndex): boolean {
  if (index === "none") return false;
  return (index === "ascii" ? /[A-Z0-9]{3}/ : /[\p{L}\p{N}]{3}/u).test(foldCase(q));
}

/** Whether a text can be in the database at all. There is no NUL there, and the protocol would refuse the question. */
export function isStorable(text: string): boolean {
  return !text.includes("\0") && text.isWellFormed();
}
