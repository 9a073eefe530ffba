import { spawnSync } from "node:child_process";
import { availableTools, REQUIRED_TOOLS } from "../test/support/tools.ts";

// `npm test`: every test, with coverage. What this machine lacks is said loudly; with CI=true it is a failure, never a silent gap.
const missing = REQUIRED_TOOLS.filter(({ name }) => !availableTools().has(name));
const say = (text: string) => process.stderr.write(`\n!!! ${text}\n`);
for (const { name, neededFor, debian } of missing)
  say(`${name} is not on this machine, so not tested: ${neededFor}. Debian: apt-get install ${debian}`);
if (missing.length > 0 && process.env.CI === "true") {
  say("CI must test everything: install what is missing, `make test` does it on Debian.");
  process.exit(1);
}

const { status } = spawnSync(
  process.execPath,
  [
    "--test",
    "--test-concurrency=2",
    "--test-timeout=300000",
    "--experimental-test-coverage",
    "--test-coverage-include=src/**/*.ts",
    "test/**/*.test.ts",
  ],
  { stdio: "inherit" },
);
for (const { name, neededFor } of missing) say(`Left out for want of ${name}: ${neededFor}.`);
process.exit(status ?? 1);
