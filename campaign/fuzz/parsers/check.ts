import type { RoundResult } from "../../fault.ts";
import type { CheckOptions } from "../in-process.ts";
import { BlockCoverage } from "./block-coverage.ts";
import { Fuzzer } from "./fuzzer.ts";

const MS_PER_S = 1_000;

/** Fuzzes every parser in turn. */
export async function fuzzParsers(options: CheckOptions): Promise<RoundResult> {
  const { random, executions, folder, progress } = options;
  using coverage = await BlockCoverage.start();
  const targets = await loadTargets(folder);
  const shares = targets.reduce((sum, { share = 1 }) => sum + share, 0);
  const startMs = performance.now();
  const broken: string[] = [];
  const done = { executions: 0, kept: 0, outcomes: 0 };
  for (const target of targets) {
    // What was found is mended before the search continues.
    if (broken.length > 0) break;
    const { share = 1 } = target;
    const fuzzer = new Fuzzer(target, coverage, random);
    const result = await fuzzer.fuzz(Math.ceil((executions * share) / shares), progress);
    done.executions += result.executions;
    done.kept += result.corpus;
    done.outcomes += result.outcomes;
    broken.push(...result.broken);
  }
  const seconds = (performance.now() - startMs) / MS_PER_S;
  const { functions, blocksMissing } = coverage.counts;
  return {
    counts: {
      ...done,
      functionsMax: functions,
      blocksMissingMax: blocksMissing,
      perSecondMax: Math.round(done.executions / seconds),
    },
    broken,
  };
}

/** Loaded after the coverage has started, so that V8 counts from the beginning. */
async function loadTargets(folder: string) {
  const { BODIES } = await import("./targets/bodies.ts");
  const { configuration } = await import("./targets/configuration.ts");
  const { HEADERS } = await import("./targets/headers.ts");
  const { QUERY_TARGETS } = await import("./targets/queries.ts");
  const { TIMES } = await import("./targets/times.ts");
  return [...HEADERS, ...TIMES, ...QUERY_TARGETS, ...BODIES, ...configuration(folder)];
}
