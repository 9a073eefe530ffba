/**
 * Text made comparable without regard to case, for all of Unicode: `über` and `ÜBER`, `straße` and `STRASSE`, `Οδός` and `ΟΔΌΣ` meet.
 * Lower first, then upper: upper case has no final sigma, and letters that only look alike (K and the Kelvin sign) fall together.
 */
export function foldCase(text: string): string {
  return text.toLowerCase().toUpperCase();
}
