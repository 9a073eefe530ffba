/**
 * What the first characters of a timestamp look like, both as a regular expression and for GLOB.
 * Other texts have no bucket.
 */
export function bucketPattern(characters: number): string {
  return "dddd-dd-ddTdd:dd".slice(0, characters).replaceAll("d", "[0-9]");
}
