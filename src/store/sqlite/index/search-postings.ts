import type { Statements } from "../statements.ts";
import { searchable } from "./searchable.ts";

/** The postings that each statement sums up: about a second of work. */
const POSTINGS_PER_STEP = 1_000_000;
const UINT32 = 0xff_ff_ff_ff;
/** Odd numbers below 2^17, so that no product here exceeds the 63 bits of SQLite. */
const [FACTOR_1, FACTOR_2, FACTOR_3] = [73_709, 104_729, 40_503];
const [SEQ_FACTOR, OFFSET_FACTOR] = [60_493, 69_069];
/** Sums stay below this, where numbers are exact on both sides. */
const SUM_MASK = 2 ** 52 - 1;

/**
 * A summary of the postings of a search index: their number, and two sums. `grams` changes with a
 * letter of any gram, `places` with the message or the offset of any posting. Sums need no memory,
 * however many grams there are. An index with a random difference has the same sums once in about
 * 2^32 times.
 */
export interface Postings {
  readonly postings: number;
  readonly grams: number;
  readonly places: number;
}

/** Sums up what the search index should contain. */
export class ExpectedPostings implements Postings {
  postings = 0;
  grams = 0;
  places = 0;

  add(seq: number, text: string): void {
    const letters = Array.from(searchable(text), (letter) => letter.codePointAt(0) ?? 0);
    for (let offset = 0; offset + 2 < letters.length; offset++) {
      const [first = 0, second = 0, third = 0] = [
        letters[offset],
        letters[offset + 1],
        letters[offset + 2],
      ];
      this.postings++;
      this.grams = (this.grams + gramHash(first, second, third)) >>> 0;
      const place =
        Math.imul(Math.imul(seq, SEQ_FACTOR) + Math.imul(offset, OFFSET_FACTOR), first) >>> 0;
      this.places = (this.places + place) % (SUM_MASK + 1);
    }
  }
}

function gramHash(first: number, second: number, third: number): number {
  return (
    (Math.imul(first, FACTOR_1) + Math.imul(second, FACTOR_2) + Math.imul(third, FACTOR_3)) >>> 0
  );
}

/** The first and the last gram of a step. */
type Step = readonly [from: string, to: string];

/**
 * Sums up what the search index contains, on a connection that may have its own tables. `pause` is
 * awaited between steps.
 */
export async function indexedPostings(
  statements: Statements,
  pause: () => Promise<void>,
): Promise<Postings> {
  const { db } = statements;
  const { steps, grams } = await stepsOf(statements, pause);
  db.exec(
    "CREATE VIRTUAL TABLE IF NOT EXISTS temp.search_postings USING fts5vocab(read_index, search, instance)",
  );
  const sum = db.prepare(
    `SELECT count(*) AS postings, coalesce(sum(
       ((((doc & ${UINT32}) * ${SEQ_FACTOR} + offset * ${OFFSET_FACTOR}) & ${UINT32}) * unicode(term)) & ${UINT32}
     ), 0) & ${SUM_MASK} AS places
     FROM temp.search_postings WHERE term >= ? AND term <= ?`,
  );
  let [postings, places] = [0, 0];
  for (const step of steps) {
    const found = sum.get(...step) as unknown as Pick<Postings, "postings" | "places">;
    postings += found.postings;
    places = (places + found.places) % (SUM_MASK + 1);
    await pause();
  }
  return { postings, grams, places };
}

/** All grams in order, divided into steps, and the sum over all grams. */
async function stepsOf(statements: Statements, pause: () => Promise<void>) {
  const steps: Step[] = [];
  let [from, last, inStep, grams, seen] = [undefined as string | undefined, "", 0, 0, 0];
  for (const row of statements.db.prepare("SELECT term, cnt FROM search_terms").iterate()) {
    const gram = String(row.term);
    const [first = 0, second = 0, third = 0] = Array.from(gram, (letter) => letter.codePointAt(0));
    grams = (grams + Math.imul(Number(row.cnt), gramHash(first, second, third))) >>> 0;
    from ??= gram;
    last = gram;
    inStep += Number(row.cnt);
    if (inStep >= POSTINGS_PER_STEP) {
      steps.push([from, last]);
      [from, inStep] = [undefined, 0];
    }
    if (++seen % GRAMS_PER_TURN === 0) await pause();
  }
  if (from !== undefined) steps.push([from, last]);
  return { steps, grams };
}

const GRAMS_PER_TURN = 50_000;

/** The differences, a sentence each. */
export function* differingPostings(indexed: Postings, expected: Postings): Generator<string> {
  if (indexed.postings !== expected.postings)
    yield `the search index has ${indexed.postings} entries, the messages have ${expected.postings}`;
  else if (indexed.grams !== expected.grams)
    yield "the search index and the messages have as many entries, but different letters";
  else if (indexed.places !== expected.places)
    yield "the search index names a wrong message, or a wrong position in it, for some letters";
}
