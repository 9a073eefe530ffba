// Characters that cannot be seen but change what is seen: they turn the direction of a text, join
// or hide letters. In a message they are shown as small boxes with their number.

/**
 * Control and format characters, separators of lines, and letters without a shape. Joiners (200C,
 * 200D) stay, because texts and emoji need them, as do signs of Arabic and Syriac that are drawn.
 */
const INVISIBLE =
  /(?!\t|\n|\r|\u200c|\u200d|[\u0600-\u0605\u06dd\u070f\u08e2])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]|\u034f|\u115f|\u1160|\u17b4|\u17b5|\u3164|\uffa0/gu;
const HEX_DIGITS_MIN = 4;

export interface Piece {
  readonly text: string;
  /** `U+202E` for a character that cannot be seen. */
  readonly name?: string;
}

/** A text in pieces: what can be seen, and each character that cannot. */
export function piecesOf(text: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let end = 0;
  for (const match of text.matchAll(INVISIBLE)) {
    if (match.index > end) pieces.push({ text: text.slice(end, match.index) });
    pieces.push({ text: match[0], name: nameOf(match[0]) });
    end = match.index + match[0].length;
  }
  if (end < text.length) pieces.push({ text: text.slice(end) });
  return pieces;
}

function nameOf(character: string): string {
  const hex = (character.codePointAt(0) ?? 0).toString(16).toUpperCase();
  return `U+${hex.padStart(HEX_DIGITS_MIN, "0")}`;
}
