import type { Statements } from "../statements.ts";
import { searchable } from "./searchable.ts";

interface Count {
  texts: number;
  occurrences: number;
}

const NONE: Count = { texts: 0, occurrences: 0 };

/** How many texts have each gram and how often it occurs, to hold against the search index. */
export class GramCounts {
  readonly #counts = new Map<string, Count & { lastText: number }>();
  #texts = 0;

  add(text: string): void {
    this.#texts++;
    const letters = [...searchable(text)];
    for (let at = 0; at + 2 < letters.length; at++) {
      const gram = `${letters[at]}${letters[at + 1]}${letters[at + 2]}`;
      const count = this.#counts.get(gram);
      if (count === undefined) {
        this.#counts.set(gram, { texts: 1, occurrences: 1, lastText: this.#texts });
        continue;
      }
      count.occurrences++;
      if (count.lastText !== this.#texts) count.texts++;
      count.lastText = this.#texts;
    }
  }

  /** What the search index counts otherwise, a sentence each. */
  *differences(statements: Statements): Generator<string> {
    const rows = statements.db.prepare("SELECT term, doc AS texts, cnt AS occurrences FROM search_terms").iterate();
    for (const row of rows) {
      const gram = String(row.term);
      yield* difference(gram, this.#counts.get(gram) ?? NONE, row as unknown as Count);
      this.#counts.delete(gram);
    }
    for (const [gram, count] of this.#counts) yield* difference(gram, count, NONE);
  }
}

function* difference(gram: string, counted: Count, indexed: Count): Generator<string> {
  if (counted.texts === indexed.texts && counted.occurrences === indexed.occurrences) return;
  // Not the letters themselves: they are somebody's.
  const codes = [...gram].map((letter) => `U+${letter.codePointAt(0)?.toString(16).toUpperCase().padStart(4, "0")}`);
  yield `search has ${codes.join(" ")} in ${indexed.texts} texts ${indexed.occurrences} times, the messages in ${counted.texts} texts ${counted.occurrences} times`;
}
