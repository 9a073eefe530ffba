import { equal } from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const ALL = fileURLToPath(new URL("../../bench/all.ts", import.meta.url));
const TOOLS = { wrk: "-v", strace: "-V", python3: "-V" };
/** Less than the runner gives a test. */
const QUICK_MS_MAX = 280_000;

const missing = Object.entries(TOOLS)
  .filter(([tool, version]) => spawnSync(tool, [version]).error !== undefined)
  .map(([tool]) => tool);
// On a developer's machine the tools may be missing; where everything is expected to be tested, that is a failure.
const skip =
  missing.length > 0 && process.env.CI !== "true"
    ? `SKIPPED, MISSING: ${missing.join(", ")} (apt-get install ${missing.join(" ")})`
    : false;

test("every benchmark runs, and what it asserts holds", { skip }, async (t) => {
  const { code, output } = await runQuick();
  // What a run could not do here is told by it and not by its exit code.
  for (const leftOut of output.match(/^LEFT OUT: .*$/gm) ?? []) t.diagnostic(leftOut);
  equal(code, 0, output);
});

function runQuick(): Promise<{ code: number | string | null; output: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [ALL, "--quick"], { timeout: QUICK_MS_MAX }, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode ?? child.signalCode, output: `${stdout}${stderr}` });
    });
  });
}
