/** `npm run check` sets it, so that it runs only a part of them. */
const DIVISOR = Number(process.env.PROPERTY_RUNS_DIVISOR ?? 1);

/** The rounds of a property test: all of them in `npm test`, a part of them in `npm run check`. */
export function propertyRuns(all: number): number {
  return Math.ceil(all / DIVISOR);
}

/** All cases of a test in `npm test`, every tenth in `npm run check`. */
export function propertyCases<T>(all: readonly T[]): readonly T[] {
  return all.filter((_, at) => at % DIVISOR === 0);
}
