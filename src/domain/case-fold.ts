/** Below U+0300 every text is in NFC already. */
const MAY_BE_OTHER_THAN_NFC = /[^\0-\u02ff]/;

/**
 * Text made comparable for the search: without regard to case, for all of Unicode, and in NFC. `über` and `ÜBER`, `straße` and
 * `STRASSE`, `Οδός` and `ΟΔΌΣ` meet, and so do `é` and `e` with U+0301 behind it.
 * Lower first, then upper: upper case has no final sigma, and letters that only look alike (K and the Kelvin sign) fall together.
 * NFC before and after: case mapping of two equal spellings may differ otherwise, and may leave NFC (`İ` becomes `I` with U+0307).
 */
export function foldCase(text: string): string {
  return nfc(nfc(text).toLowerCase().toUpperCase());
}

function nfc(text: string): string {
  return MAY_BE_OTHER_THAN_NFC.test(text) ? text.normalize("NFC") : text;
}
