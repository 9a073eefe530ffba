const NOTES_MAX = 10;

/**
 * Prints remarks about lines of an input, but only the first few. A million bad lines must not
 * hide everything else.
 */
export class LineNotes {
  readonly #write: (line: string) => void;
  readonly #unit: string;
  #notes = 0;

  /** `unit` is what the numbers count: lines of a file, or messages. */
  constructor(write: (line: string) => void, unit: "line" | "message" = "line") {
    this.#write = write;
    this.#unit = unit;
  }

  add(line: number, problem: string): void {
    this.#notes++;
    if (this.#notes <= NOTES_MAX) this.#write(`${this.#unit} ${line}: ${problem}`);
    else if (this.#notes === NOTES_MAX + 1)
      this.#write("Further problems are counted, but not shown.");
  }
}
