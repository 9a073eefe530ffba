import { readFileSync } from "node:fs";

const SCORE_PERCENT_MIN = 90;
const SHOWN_CHARACTERS_MAX = 120;

/** A mutant that no test can tell from the original, because both do the same. */
export interface EquivalentMutant {
  readonly file: string;
  /** The first line of the mutated code, without its indentation. */
  readonly line: string;
  /** The part of the code that was mutated, and what replaced it, as the report shows them. */
  readonly original: string;
  readonly replacement: string;
  readonly why: string;
}

const EQUIVALENT = JSON.parse(
  readFileSync(new URL("equivalent.json", import.meta.url), "utf8"),
) as readonly EquivalentMutant[];

/** The part of Stryker's report that is used here. */
export interface StrykerReport {
  readonly files: Readonly<Record<string, MutatedFile>>;
}

interface MutatedFile {
  readonly source: string;
  readonly mutants: readonly Mutant[];
}

interface Mutant {
  readonly status: string;
  readonly replacement?: string;
  readonly location: { readonly start: Place; readonly end: Place };
}

/** Both count from 1. */
interface Place {
  readonly line: number;
  readonly column: number;
}

/** A mutant that no failed test noticed. */
export interface Survivor {
  readonly file: string;
  readonly lineNumber: number;
  readonly line: string;
  /** The mutated part of the code. */
  readonly original: string;
  readonly replacement: string;
  /** Undefined when the list of equivalent mutants does not explain it. */
  readonly why: string | undefined;
}

export interface ModuleResult {
  readonly name: string;
  /** A test failed. */
  readonly killed: number;
  /** The tests did not end in time, as with an endless loop. It counts as killed. */
  readonly timedOut: number;
  readonly survived: number;
  /** No test reaches the mutated code. */
  readonly uncovered: number;
  /** The test runner failed. Such a mutant does not count. */
  readonly errors: number;
  readonly seconds: number;
  /** Those that survived, and those that no test reaches. */
  readonly survivors: readonly Survivor[];
  /** Those whose tests did not end: in an endless loop, or on a machine that is too slow. */
  readonly late: readonly Survivor[];
}

/** Counts the mutants of a module. */
export function resultOf(name: string, report: StrykerReport, seconds: number): ModuleResult {
  const mutantsWith = (status: string) =>
    Object.entries(report.files).flatMap((file) => mutantsIn(file, status));
  const uncovered = mutantsWith("NoCoverage");
  const late = mutantsWith("Timeout");
  // No test can notice an equivalent mutant. If one timed out, the machine was too slow.
  const survived = [...mutantsWith("Survived"), ...late.filter(isExplained)];
  const timedOut = late.filter((mutant) => !isExplained(mutant));
  return {
    name,
    killed: mutantsWith("Killed").length,
    timedOut: timedOut.length,
    survived: survived.length,
    uncovered: uncovered.length,
    errors: mutantsWith("RuntimeError").length + mutantsWith("CompileError").length,
    seconds: Math.round(seconds),
    survivors: [...survived, ...uncovered],
    late: timedOut,
  };
}

function isExplained({ why }: Survivor): boolean {
  return why !== undefined;
}

function mutantsIn(
  [file, { source, mutants }]: readonly [string, MutatedFile],
  wanted: string,
): readonly Survivor[] {
  const lines = source.split("\n");
  return mutants
    .filter(({ status }) => status === wanted)
    .map(({ location: { start, end }, replacement = "" }) => {
      const survivor = {
        file,
        lineNumber: start.line,
        line: lines[start.line - 1]?.trim() ?? "",
        original: shown(between(lines, start, end)),
        replacement: shown(replacement),
      };
      return { ...survivor, why: EQUIVALENT.find((other) => isSame(other, survivor))?.why };
    });
}

function between(lines: readonly string[], start: Place, end: Place): string {
  const part = lines.slice(start.line - 1, end.line);
  const last = (part.pop() ?? "").slice(0, end.column - 1);
  return [...part, last].join("\n").slice(start.column - 1);
}

function shown(code: string): string {
  return code.replace(/\s+/g, " ").slice(0, SHOWN_CHARACTERS_MAX);
}

function isSame(mutant: EquivalentMutant, other: Omit<Survivor, "why">): boolean {
  return (
    mutant.file === other.file &&
    mutant.line === other.line &&
    mutant.original === other.original &&
    mutant.replacement === other.replacement
  );
}

/** Explanations of mutants of these files that did not survive, or no longer exist. */
export function staleExplanations(
  files: readonly string[],
  survivors: readonly Survivor[],
): readonly EquivalentMutant[] {
  return EQUIVALENT.filter(
    (mutant) =>
      files.includes(mutant.file) && !survivors.some((survivor) => isSame(mutant, survivor)),
  );
}

/** The killed share of all mutants, equivalent ones included, in percent. */
export function scoreOf({ killed, timedOut, survived, uncovered }: ModuleResult): number {
  const noticed = killed + timedOut;
  return (100 * noticed) / Math.max(1, noticed + survived + uncovered);
}

export function isEnough(result: ModuleResult): boolean {
  return scoreOf(result) >= SCORE_PERCENT_MIN;
}

/** A Markdown table with a row for each module. */
export function tableOf(results: readonly ModuleResult[]): string {
  const rows = results.map((result) => {
    const { name, killed, timedOut, survived, uncovered, errors, seconds, survivors } = result;
    const explained = survivors.filter(({ why }) => why !== undefined).length;
    const score = `${scoreOf(result).toFixed(1)} %`;
    const cells = [name, killed, timedOut, survived, uncovered, errors, explained, score, seconds];
    return `| ${cells.join(" | ")} |\n`;
  });
  return (
    "| module | killed | timed out | survived | not covered | errors | explained | score | seconds |\n" +
    `| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n${rows.join("")}`
  );
}

/** The survivors without an explanation, a line each. */
export function unexplained({ survivors }: ModuleResult): string {
  return survivors
    .filter(({ why }) => why === undefined)
    .map(
      ({ file, lineNumber, line, original, replacement }) =>
        `${file}:${lineNumber}: ${line}\n    ${original}\n    → ${replacement}\n`,
    )
    .join("");
}
