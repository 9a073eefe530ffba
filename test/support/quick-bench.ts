import { equal } from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const ALL = fileURLToPath(new URL("../../bench/all.ts", import.meta.url));
const TOOLS = { wrk: "-v", strace: "-V", python3: "-V" };
/** Less than the runner's limit for a test. */
const QUICK_MS_MAX = 280_000;

const missing = Object.entries(TOOLS)
  .filter(([tool, version]) => spawnSync(tool, [version]).error !== undefined)
  .map(([tool]) => tool);
// On a developer's machine the tools may be missing; where everything must be tested, that is a
// failure.
const skip =
  missing.length > 0 && process.env.CI !== "true"
    ? `SKIPPED, MISSING: ${missing.join(", ")} (apt-get install ${missing.join(" ")})`
    : false;

/** The files of `bench/` that all.ts runs. */
export const BENCHMARKS: readonly string[] = [
  ...readFileSync(ALL, "utf8").matchAll(/file: "([a-z-]+\.ts)"/g),
].map((match) => match[1] ?? "");
/**
 * The benchmarks of writing. All together take longer than the runner allows a test on a busy
 * machine, so they run in three tests.
 */
export const OF_WRITING: readonly string[] = [
  "ingest.ts",
  "latency.ts",
  "fsyncs.ts",
  "slow-disk.ts",
  "lock.ts",
  "load.ts",
  "postgres.ts",
];

/** Those of the dashboard, which start Chromium and fill databases. */
export const OF_DASHBOARD: readonly string[] = ["dashboard.ts", "dashboard-browser.ts"];

/** Tests that these run, and that their assertions hold. */
export function testBenchmarks(title: string, files: readonly string[]): void {
  test(title, { skip }, async (t) => {
    const { code, output } = await runQuick(files);
    // A run reports what it could not do here in its output, not by its exit code.
    for (const leftOut of output.match(/^LEFT OUT: .*$/gm) ?? []) t.diagnostic(leftOut);
    equal(code, 0, output);
    equal(output.match(/^## /gm)?.length, files.length, output);
  });
}

function runQuick(
  files: readonly string[],
): Promise<{ code: number | string | null; output: string }> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [ALL, "--quick", "--only", files.join(",")],
      { timeout: QUICK_MS_MAX },
      (_error, stdout, stderr) => {
        resolve({ code: child.exitCode ?? child.signalCode, output: `${stdout}${stderr}` });
      },
    );
  });
}
