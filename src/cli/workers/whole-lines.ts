/** The service writes no longer lines. A longer one is damage, and must not fill the memory. */
const LINE_CHARACTERS_MAX = 1_048_576;

/** Joins the pieces of a stream into whole lines, and passes on several at a time. */
export class WholeLines {
  readonly #take: (lines: string) => void;
  #begun = "";
  #skipping = false;
  #torn = 0;

  constructor(take: (lines: string) => void) {
    this.#take = take;
  }

  push(text: string): void {
    const end = text.lastIndexOf("\n") + 1;
    if (end > 0) {
      // The first line may be the end of a line that is skipped.
      const from = this.#skipping ? text.indexOf("\n") + 1 : 0;
      this.#skipping = false;
      if (end > from) this.#take(this.#begun + text.slice(from, end));
      this.#begun = "";
    }
    if (this.#skipping) return;
    this.#begun += text.slice(end);
    if (this.#begun.length > LINE_CHARACTERS_MAX) this.#tear();
  }

  /** Called when no more data comes. An incomplete line is dropped. */
  end(): void {
    if (this.#begun !== "") this.#tear();
  }

  /** The number of lines that could not be passed on completely. */
  torn(): number {
    return this.#torn;
  }

  #tear(): void {
    this.#begun = "";
    this.#skipping = true;
    this.#torn++;
  }
}
