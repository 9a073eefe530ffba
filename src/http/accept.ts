// What a client accepts, from the lists in `Accept` and `Accept-Encoding`. Node limits the size of
// the headers, and so the length of the lists.

interface Range {
  readonly name: string;
  /** From 0 (not acceptable) to 1. */
  readonly weight: number;
}

/** Whether a list names a media type. Wildcards do not count: every program sends them. */
export function namesType(accept: string | undefined, type: string): boolean {
  if (accept === undefined || !accept.toLowerCase().includes(type)) return false;
  return rangesIn(accept).some(({ name, weight }) => name === type && weight > 0);
}

/**
 * The coding of these that the client prefers, or undefined when it accepts none of them. Among
 * equals the first counts, so the best one stands first.
 */
export function preferredCoding<Coding extends string>(
  acceptEncoding: string | undefined,
  codings: readonly Coding[],
): Coding | undefined {
  if (acceptEncoding === undefined || codings.length === 0) return undefined;
  const ranges = rangesIn(acceptEncoding);
  const weightOf = (coding: string) =>
    (ranges.find(({ name }) => name === coding) ?? ranges.find(({ name }) => name === "*"))
      ?.weight ?? 0;
  const [best] = [...codings].sort((one, other) => weightOf(other) - weightOf(one));
  return best !== undefined && weightOf(best) > 0 ? best : undefined;
}

function rangesIn(list: string): readonly Range[] {
  return list.split(",").map((range) => {
    const [name = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    const weight = parameters.find((parameter) => parameter.startsWith("q="));
    return { name, weight: weight === undefined ? 1 : weightIn(weight.slice(2)) };
  });
}

/** A malformed weight counts as the highest, like none. */
function weightIn(text: string): number {
  return /^(?:0(?:\.[0-9]*)?|1(?:\.0*)?)$/.test(text) ? Number(text) : 1;
}
