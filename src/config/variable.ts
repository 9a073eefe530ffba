/** One environment variable: how it is read, and what docs/configuration.md says about it. */
export interface Variable<T> {
  readonly name: string;
  /** The default, as it would be written in the environment. */
  readonly fallback: string | undefined;
  /** What it does, in one or two sentences. */
  readonly help: string;
  /** The accepted values, as Markdown. */
  readonly values: string;
  readonly unit?: string;
  /** Further facts for the documentation, as Markdown paragraphs. */
  readonly details?: readonly string[];
  readonly secret?: true;
  /** Every byte counts: blanks and quotes at the ends belong to the value. */
  readonly verbatim?: true;
  /** A list of values, which may also be separated by line ends. */
  readonly list?: true;
  /** Converts the text to a value, or throws a sentence that completes "NAME …". */
  readonly parse: (text: string | undefined) => T;
}
