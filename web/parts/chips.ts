import { checkFilter, type FilterProblem, wholeDay } from "../live/search.ts";
import { FILTER_NAMES, type Filter, type FilterName } from "../route.ts";
import { inbox as t } from "../text/en/inbox.ts";
import { fill, moments, zone } from "../text/format.ts";

const SENTENCES: Readonly<Record<FilterName, string>> = {
  from: t.chipFrom,
  to: t.chipTo,
  source: t.chipSource,
  since: t.chipSince,
  until: t.chipUntil,
  q: t.chipText,
};

const PROBLEMS: Readonly<Record<FilterProblem, string>> = {
  number: t.problemNumber,
  moment: t.problemMoment,
  long: t.problemLong,
  order: t.problemOrder,
};

/** What a chip says. Moments are in the reader's zone. */
export function chipText(name: FilterName, value: string): string {
  const isMoment = name === "since" || name === "until";
  const at = isMoment ? Date.parse(value) : Number.NaN;
  const shown = Number.isNaN(at) ? value : moments().brief(at, Date.now());
  return fill(SENTENCES[name], { value: shown });
}

export interface Chip {
  /** The parts of the filter that it stands for. */
  readonly names: readonly FilterName[];
  readonly words: string;
  readonly problem: FilterProblem | undefined;
}

/** The chips of a filter, without its words. A day is one chip. */
export function chipsOf(filter: Filter): readonly Chip[] {
  const { problems } = checkFilter(filter);
  const day = wholeDay(filter, zone());
  return partsOf(filter)
    .filter(([name]) => name !== "q" && (day === undefined || name !== "until"))
    .map(([name, value]) =>
      day !== undefined && name === "since"
        ? {
            names: ["since", "until"],
            words: fill(t.chipOn, { value: moments().date(day, Date.now()) }),
            problem: undefined,
          }
        : { names: [name], words: chipText(name, value), problem: problems[name] },
    );
}

export function problemText(problem: FilterProblem): string {
  return PROBLEMS[problem];
}

/** The parts of a filter that are there, in one order. */
export function partsOf(filter: Filter): readonly (readonly [FilterName, string])[] {
  return FILTER_NAMES.flatMap((name) => {
    const value = filter[name];
    return value === undefined ? [] : [[name, value] as const];
  });
}
