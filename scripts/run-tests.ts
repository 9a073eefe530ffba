import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  globSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { ownServer, type PostgresServer } from "../test/support/postgres-server.ts";
import { availableTools, REQUIRED_TOOLS } from "../test/support/tools.ts";

// `npm test`: runs every test with the embedded database, with coverage if --coverage is given.
// Then it runs what every database must do, with PostgreSQL and with Citus. The summary lists what
// is missing on this machine; with CI=true a missing tool is a failure. The short fault campaign
// comes last. `--quick` runs the lint beside only those tests that need no server, no process and
// little time.

const EVERYTHING = globSync("test/**/*.test.ts");
/**
 * Tests that `--quick` leaves to `npm test`. On a quiet machine such a file takes more than 4 s of
 * CPU, or one test of it more than 3 s, or it waits longer than 5 s for real time limits. Tests of
 * the way of a message stay (webhook, messages, sqlite-store, sqlite-reads), whatever they take.
 */
const SLOW = new RegExp(
  `/(${[
    "admin-bodies",
    "alert-targets",
    "auth-matrix",
    "cache",
    "export-limits",
    "export-stream",
    "never-closing",
    "overload",
    "rate-limit",
    "reader-death",
    "secrets",
    "session",
    "slow-clients",
    "sqlite-administration",
    "sqlite-deletion",
    "sqlite-long-messages",
    "sqlite-reader-pool",
    "sqlite-search-pages",
    "sqlite-takeover",
    "sqlite-timeline",
    "sqlite-traces",
    "sqlite-verify",
    "tracing",
    "webhook-secrets",
  ].join("|")})\\.test\\.ts$`,
);
/** Tests with the service in their own process, on SQLite. */
const QUICK = globSync("test/{unit,store,http}/**/*.test.ts", {
  exclude: ["test/store/postgres*"],
})
  .filter((file) => !SLOW.test(file))
  .sort();
/**
 * Each process runs several of the quick test files. A process with a service costs 0.6 s of CPU
 * before its first test. More files a process would leave a processor idle at the end.
 */
const QUICK_FILES_PER_PROCESS = 9;
/** Each process of the quick run imports it first: a start of a service costs half as much then. */
const CHEAP_SCRYPT = "test/support/cheap-scrypt.ts";
/** The quick run does a tenth of the rounds of each property test. */
const QUICK_PROPERTY_RUNS_DIVISOR = "10";
/**
 * Tests that never reach the store, or need none: connections and bytes, CORS, the documents. On
 * another database they would only repeat.
 */
const WITHOUT_STORE =
  /\/(connections|cors|docs|export-stream|framing|never-closing|overload|security-headers|slow-clients)\.test\.ts$/;
/** Tests of a SQLite file, whatever database is tested. */
const OF_SQLITE = /\/reader-death\.test\.ts$/;
/** Tests of a service on any database. */
const CONTRACT = [
  ...globSync("test/http/**/*.test.ts").filter(
    (file) => !WITHOUT_STORE.test(file) && !OF_SQLITE.test(file),
  ),
  "test/process/acceptance.test.ts",
  "test/process/cli-export.test.ts",
  "test/process/cli-send.test.ts",
  "test/process/cli-healthcheck.test.ts",
];
const EXAM = globSync("test/store/postgres*.test.ts");
/**
 * Not by default: a process that is killed while it writes its coverage leaves a file on which the
 * runner fails, and tests kill many processes.
 */
const COVERAGE = [
  "--experimental-test-coverage",
  "--test-coverage-include=src/**/*.ts",
  "--test-coverage-include=client/**/*.ts",
];
const REPORTERS = ["spec", fileURLToPath(new URL("slowest-tests.ts", import.meta.url))].flatMap(
  (reporter) => [`--test-reporter=${reporter}`, "--test-reporter-destination=stdout"],
);
/** The folder in memory for the tests' files, and how much of it must be free. */
const MEMORY = "/dev/shm";
const MEMORY_BYTES_MIN = 4_000_000_000;

const inCi = process.env.CI === "true";
const say = (text: string) => process.stderr.write(`\n!!! ${text}\n`);

const folder = mkdtempSync(join(inMemory() ? MEMORY : tmpdir(), "lyftr-tests-"));
// PostgreSQL runs as another user if this one is root.
chmodSync(folder, 0o755);
process.env.TMPDIR = folder;
// Each test is a process with several threads, and each of them would compile the same files again.
// Node compares the contents, so what an earlier run left is never out of date.
process.env.NODE_COMPILE_CACHE ??= resolve("node_modules/.cache/compiled");
const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.on(signal, () => interrupted.abort());
try {
  process.exitCode = process.argv.includes("--quick") ? await quick() : await everything();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function quick(): Promise<number> {
  const env = { TEST_POSTGRES_URL: "", PROPERTY_RUNS_DIVISOR: QUICK_PROPERTY_RUNS_DIVISOR };
  const linted = lint();
  const groups = inGroups(QUICK, [CHEAP_SCRYPT]);
  const tested = await run("the embedded database", env, groups);
  const { status, text } = await linted;
  process.stdout.write(`\nLint\n${text}`);
  return Math.max(tested, status);
}

/** `npm run lint`. Its output comes after that of the tests, so that it is not missed. */
async function lint(): Promise<{ readonly status: number; readonly text: string }> {
  const child = spawn("npm", ["run", "--silent", "lint"], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, FORCE_COLOR: process.stdout.isTTY ? "1" : "0" },
  });
  interrupted.signal.addEventListener("abort", () => child.kill());
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (part: string) => (text += part));
  const [status] = await once(child, "close");
  return { status: status ?? 1, text };
}

/**
 * The files, with those of the quick run in groups. Not for PostgreSQL: a service that the tests of
 * a file share runs until its process ends. Those of nine files need too many connections.
 */
function grouped(files: readonly string[]): readonly string[] {
  const quick = new Set(QUICK);
  return [
    ...inGroups(files.filter((file) => quick.has(file))),
    ...files.filter((file) => !quick.has(file)),
  ];
}

/**
 * Files that import some test files each, after `first`: the runner starts a process for each of
 * them.
 */
function inGroups(files: readonly string[], first: readonly string[] = []): readonly string[] {
  const into = mkdtempSync(join(folder, "groups-"));
  const groups = Math.ceil(files.length / QUICK_FILES_PER_PROCESS);
  return Array.from({ length: groups }, (_, group) => {
    // Neighbours in the list take about as long, so each group gets files from all parts of it.
    const imports = [...first, ...files.filter((_, at) => at % groups === group)].map(
      (file) => `import ${JSON.stringify(pathToFileURL(resolve(file)).href)};\n`,
    );
    const path = join(into, `group-${String(group).padStart(2, "0")}.mjs`);
    writeFileSync(path, imports.join(""));
    return path;
  });
}

async function everything(): Promise<number> {
  const missing = REQUIRED_TOOLS.filter(({ name }) => !availableTools().has(name));
  for (const { name, neededFor, debian } of missing)
    say(
      `${name} is missing on this machine, so this is not tested: ${neededFor}. Debian: apt-get install ${debian}`,
    );
  if (missing.length > 0 && inCi) {
    say("CI must test everything: install what is missing, `make test` does it on Debian.");
    return 1;
  }
  // For the tests in a browser, and once: two of them that build at the same time replace each
  // other's dist/.
  execFileSync(process.execPath, ["scripts/build.ts", "--if-changed"], { stdio: "inherit" });
  await using own = process.env.TEST_POSTGRES_URL ? undefined : await sharedServer();
  const postgres = process.env.TEST_POSTGRES_URL || own?.url || "";
  if (postgres === "" && inCi) return 1;

  const coverage = process.argv.includes("--coverage") ? COVERAGE : [];
  const shared = { TEST_POSTGRES_URL: postgres };
  const statuses = [await run("the embedded database", shared, grouped(EVERYTHING), coverage)];
  if (postgres !== "")
    statuses.push(await run("PostgreSQL", { ...shared, TEST_STORE: "postgres" }, CONTRACT));
  if (missing.length === 0) statuses.push(await shortCampaign(shared));
  if (process.env.TEST_CITUS_URL)
    statuses.push(await run("Citus", { ...shared, TEST_STORE: "citus" }, [...EXAM, ...CONTRACT]));

  for (const { name, neededFor } of missing)
    say(`Skipped because ${name} is missing: ${neededFor}.`);
  if (postgres === "") say("Skipped because PostgreSQL is missing: all its tests.");
  if (!process.env.TEST_CITUS_URL)
    say(
      "Skipped: Citus. Debian has no package of it; TEST_CITUS_URL=postgres://… of a coordinator tests it.",
    );
  return Math.max(...statuses);
}

/**
 * Whether the tests' files can be in memory: a start makes some ten fsyncs, and on a disk each
 * takes milliseconds.
 */
function inMemory(): boolean {
  try {
    const mount = readFileSync("/proc/self/mounts", "utf8")
      .split("\n")
      .find((line) => line.includes(` ${MEMORY} `));
    const { bavail, bsize } = statfsSync(MEMORY);
    // Tests run programs that they have compiled.
    return mount !== undefined && !mount.includes("noexec") && bavail * bsize >= MEMORY_BYTES_MIN;
  } catch {
    return false;
  }
}

/** One server for all test processes, or undefined if none is available. */
async function sharedServer(): Promise<PostgresServer | undefined> {
  try {
    return await ownServer();
  } catch (error) {
    say(
      `There is no PostgreSQL here, so it is not tested: ${error instanceof Error ? error.message : error}`,
    );
    say(
      "`npm ci` installs one, unless optional packages are left out; TEST_POSTGRES_URL=postgres://… names another.",
    );
    return undefined;
  }
}

/** Breaks the service in every way once, and checks that the checks notice broken services. */
async function shortCampaign(env: Readonly<Record<string, string>>): Promise<number> {
  if (interrupted.signal.aborted) return 1;
  process.stdout.write("\nThe short fault campaign\n");
  const child = spawn(process.execPath, ["campaign/main.ts", "--short"], {
    stdio: "inherit",
    env: { ...process.env, ...env },
  });
  interrupted.signal.addEventListener("abort", () => child.kill());
  const [status] = await once(child, "exit");
  return status ?? 1;
}

async function run(
  what: string,
  env: Readonly<Record<string, string>>,
  files: readonly string[],
  more: readonly string[] = [],
): Promise<number> {
  if (interrupted.signal.aborted) return 1;
  process.stdout.write(`\nTests on ${what}\n`);
  const options = [
    "--test",
    // Many tests mostly wait. So with two processors three processes run at a time.
    "--test-concurrency=3",
    "--test-timeout=300000",
    ...REPORTERS,
    ...more,
  ];
  const child = spawn(process.execPath, [...options, ...files], {
    stdio: "inherit",
    env: { ...process.env, ...env },
  });
  interrupted.signal.addEventListener("abort", () => child.kill());
  const [status] = await once(child, "exit");
  return status ?? 1;
}
