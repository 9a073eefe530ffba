// What became of the requests of senders, as `/overview` counts them.

export type Results = Readonly<Record<string, number>>;

export interface ResultCount {
  readonly result: string;
  readonly count: number;
}

/** Results of requests that were not refused. */
const ACCEPTED: readonly string[] = ["created", "duplicate"];
const NOT_IN_RESULTS = "conflict";

/** Every reason for refusing, the most frequent first. */
export function refusals(results: Results): readonly ResultCount[] {
  return Object.entries(results)
    .filter(([result]) => !ACCEPTED.includes(result))
    .map(([result, count]) => ({ result, count }))
    .sort((a, b) => b.count - a.count);
}

export function refusedOf(results: Results): number {
  return refusals(results).reduce((sum, { count }) => sum + count, 0);
}

/** The most frequent reason. Undefined if nothing was refused. */
export function mostRefused(results: Results): ResultCount | undefined {
  const [most] = refusals(results);
  return most !== undefined && most.count > 0 ? most : undefined;
}

/**
 * Every counter of the page Rejected: refusals that happened, then what is only worth knowing, then
 * refusals that never happened.
 */
export function countersOf(results: Results, conflicts: number) {
  const all = refusals(results);
  return {
    refused: all.filter(({ count }) => count > 0),
    noted: [
      { result: "duplicate", count: results.duplicate ?? 0 },
      { result: NOT_IN_RESULTS, count: conflicts },
    ],
    never: all.filter(({ count }) => count === 0).map(({ result }) => result),
  };
}

/** All requests of senders. */
export function requestsOf(results: Results): number {
  return Object.values(results).reduce((sum, count) => sum + count, 0);
}
