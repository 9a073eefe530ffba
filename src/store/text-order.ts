/** The order of the bytes of UTF-8, which is that of both databases; that of UTF-16, JavaScript's, is another beyond U+FFFF. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const difference = a.charCodeAt(at) - b.charCodeAt(at);
    if (difference !== 0) return weight(a.charCodeAt(at)) - weight(b.charCodeAt(at));
  }
  return a.length - b.length;
}

/** Lifts surrogates above the rest of the basic plane. */
function weight(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}
