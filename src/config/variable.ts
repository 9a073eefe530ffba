/** One environment variable: how it is read, and how it is told to people. */
export interface Variable<T> {
  readonly name: string;
  readonly fallback: string | undefined;
  readonly help: string;
  readonly secret?: true;
  /** Every byte counts, blanks and quotes at its ends included. */
  readonly verbatim?: true;
  /** Several values, which line ends may part. */
  readonly list?: true;
  /** Makes a value of the text, or throws a sentence that completes "NAME …". */
  readonly parse: (text: string | undefined) => T;
}
