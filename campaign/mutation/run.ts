import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { MODULES, type MutatedModule } from "./modules.ts";
import {
  isEnough,
  type ModuleResult,
  resultOf,
  type StrykerReport,
  staleExplanations,
  tableOf,
  unexplained,
} from "./report.ts";

// `npm run mutation`: changes the source a little, one change at a time, and runs the tests. A
// change that no test notices is a survivor: it shows what the tests do not check.

const USAGE = `Usage: npm run mutation -- [--module NAME] [--file PATH] [--report FILE]
  --module NAME  only this one: ${MODULES.map(({ name }) => name).join(", ")}
  --file PATH    only the mutants of this source file, while its tests are written
  --report FILE  the counts and the survivors as JSON (mutation-report.json)
`;
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** Stryker has many dependencies, so it is installed only here. */
const HOME = fileURLToPath(new URL(".", import.meta.url));
const STRYKER = join(HOME, "node_modules/@stryker-mutator/core/bin/stryker.js");
const RUNNER = join(HOME, "node_modules/@stryker-mutator/tap-runner/dist/src/index.js");
const CONCURRENCY_MAX = 2;
/** An endless loop is given up after this and the usual duration of the tests. */
const TIMEOUT_MS = 15_000;
const MS_PER_SECOND = 1_000;

const { module: wantedModule, file: wantedFile, report: reportFile } = readFlags();
process.exitCode = main();

function readFlags() {
  try {
    const { values } = parseArgs({
      options: {
        module: { type: "string" },
        file: { type: "string" },
        report: { type: "string", default: join(ROOT, "mutation-report.json") },
      },
    });
    if (values.module !== undefined && MODULES.every(({ name }) => name !== values.module))
      throw new Error(`There is no module "${values.module}".`);
    if (
      values.file !== undefined &&
      MODULES.every(({ files }) => !files.includes(`${values.file}`))
    )
      throw new Error(`No module has the file "${values.file}".`);
    return values;
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${USAGE}`);
    process.exit(2);
  }
}

/** Returns 1 if a module has too many survivors, or an explanation without a survivor. */
function main(): number {
  install();
  const results: ModuleResult[] = [];
  let stale = 0;
  for (const { name, files, tests } of MODULES) {
    const mutated = wantedFile === undefined ? files : files.filter((file) => file === wantedFile);
    if ((wantedModule !== undefined && name !== wantedModule) || mutated.length === 0) continue;
    process.stdout.write(`\n${name}\n`);
    const result = mutate({ name, files: mutated, tests });
    results.push(result);
    process.stdout.write(unexplained(result));
    for (const { file, line, original, replacement } of staleExplanations(
      mutated,
      result.survivors,
    )) {
      stale += 1;
      process.stdout.write(
        `${file}: ${line}\n    explained, but no survivor: ${original} → ${replacement}\n`,
      );
    }
  }
  writeFileSync(reportFile, `${JSON.stringify(results, null, 2)}\n`);
  process.stdout.write(`\n${tableOf(results)}`);
  return results.every(isEnough) && stale === 0 ? 0 : 1;
}

/** Installs Stryker by its lock file, when it is not there yet. */
function install(): void {
  if (existsSync(STRYKER)) return;
  const { status } = spawnSync("npm", ["ci", "--ignore-scripts"], { cwd: HOME, stdio: "inherit" });
  if (status !== 0) throw new Error("Stryker could not be installed");
}

function mutate({ name, files, tests }: MutatedModule): ModuleResult {
  const folder = mkdtempSync(join(tmpdir(), "lyftr-mutation-"));
  try {
    const report = join(folder, "report.json");
    const settings = join(folder, "stryker.json");
    writeFileSync(settings, JSON.stringify(settingsOf({ files, tests, report, folder })));
    const beganMs = performance.now();
    const { status } = spawnSync(process.execPath, [STRYKER, "run", settings], {
      cwd: ROOT,
      stdio: ["ignore", "inherit", "inherit"],
      // The rounds of a property test are those of `npm run check`: it must notice by itself.
      env: { ...process.env, PROPERTY_RUNS_DIVISOR: "10" },
    });
    if (status !== 0) throw new Error(`Stryker failed for the module ${name}`);
    const seconds = (performance.now() - beganMs) / MS_PER_SECOND;
    return resultOf(name, JSON.parse(readFileSync(report, "utf8")) as StrykerReport, seconds);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function settingsOf(wanted: {
  readonly files: readonly string[];
  readonly tests: readonly string[];
  readonly report: string;
  readonly folder: string;
}) {
  return {
    mutate: wanted.files,
    testRunner: "tap",
    plugins: [RUNNER],
    tap: {
      testFiles: wanted.tests,
      // Tests with a million rounds would take seconds for each mutant.
      nodeArgs: ["--test-reporter=tap", "--test-skip-pattern=million"],
      // A test file ends at its first failed test.
      forceBail: true,
    },
    coverageAnalysis: "perTest",
    concurrency: Math.min(CONCURRENCY_MAX, availableParallelism()),
    timeoutMS: TIMEOUT_MS,
    reporters: ["json"],
    jsonReporter: { fileName: wanted.report },
    tempDirName: join(wanted.folder, "sandbox"),
    ignorePatterns: ["dist", "docs", "campaign", "web", "deploy"],
    // Node.js strips the types, so Stryker needs to know nothing of TypeScript.
    tsconfigFile: "none",
    logLevel: "warn",
    allowConsoleColors: false,
  };
}
