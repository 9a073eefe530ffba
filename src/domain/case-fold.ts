/** Below U+0300 every text is already in NFC. */
const MAY_BE_OTHER_THAN_NFC = /[^\0-\u02ff]/;

/**
 * Folds the case of a text for the search, for all of Unicode, and brings it into NFC. `über` and
 * `ÜBER`, `straße` and `STRASSE`, `Οδός` and `ΟΔΌΣ` become equal, and so do `é` and `e` followed by
 * U+0301. Lower case comes first, then upper case: upper case has no final sigma, and look-alike
 * letters (K and the Kelvin sign) become equal. NFC comes before and after, because case mapping
 * may map two equal spellings differently, and may leave NFC (`İ` becomes `I` with U+0307).
 */
export function foldCase(text: string): string {
  return nfc(nfc(text).toLowerCase().toUpperCase());
}

function nfc(text: string): string {
  return MAY_BE_OTHER_THAN_NFC.test(text) ? text.normalize("NFC") : text;
}
