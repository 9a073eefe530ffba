import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

// dist/ is what the package publishes and what `npm start` serves. Node strips types in a checkout
// but not below node_modules, and each database thread that strips them needs some 15 MB more.
const root = fileURLToPath(new URL("..", import.meta.url));
process.chdir(root);
// Built in a separate folder and renamed at the end: a build that fails or is stopped keeps the
// last complete one.
const PARTIAL = "dist.partial-";
const OLD = "dist.old-";
const partial = `${PARTIAL}${process.pid}`;
const built = join(partial, "src");
const old = `${OLD}${process.pid}`;
/** With this option, which `npm start` uses, nothing is built when dist/ is of the same sources. */
const isOnDemand = process.argv.includes("--if-changed");
/** With this option nothing is built while another build runs: ten starts at once need one. */
const givesWay = process.argv.includes("--unless-building");
/** The hash of the sources of dist/. It is not in a package, which is built without the option. */
const STAMP = ".built-from";

const sources = isOnDemand ? hashOfSources() : "";
if (isOnDemand && stampOf("dist") === sources) {
  markBuilt();
  process.exit(0);
}
if (givesWay && readdirSync(".").some(isOfRunningBuild)) process.exit(0);
if (isOnDemand) process.stderr.write("Building Lyftr: compiling the sources to dist/ …\n");

for (const name of readdirSync("."))
  if (isLeftOver(name)) rmSync(name, { recursive: true, force: true });
process.once("exit", () => rmSync(partial, { recursive: true, force: true }));
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.once(signal, () => process.exit(1));

// The client supports older runtimes than the service, so its configuration allows only their
// language features.
compile("tsconfig.build.json", partial);
compile("tsconfig.client.json", join(built, "client"));
importClientInside(join(built, "cli"));
const sql = [
  "store/sqlite/migrations",
  "store/sqlite/index/schema.sql",
  "store/postgres/migrations",
];
for (const path of sql) cpSync(`src/${path}`, join(built, path), { recursive: true });
// Vite is loaded here because a start that builds nothing need not wait for it.
const { buildWeb } = await import("./web.ts");
await buildWeb(join(root, built, "web"));
if (isOnDemand) writeFileSync(join(built, STAMP), sources);
replace();
if (isOnDemand) process.stderr.write(`Built in ${(performance.now() / 1_000).toFixed(1)} s.\n`);

/** Of everything that decides what is built. */
function hashOfSources(): string {
  const hash = createHash("sha256");
  const files = ["src", "client", "web"].flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => join(folder, name)),
  );
  const others = [
    "tsconfig.json",
    "tsconfig.build.json",
    "tsconfig.client.json",
    "scripts/build.ts",
    "scripts/web.ts",
  ];
  const tools = ["typescript", "vite", "preact", "@preact/signals"].map(
    (name) => `node_modules/${name}/package.json`,
  );
  for (const file of [...files.sort(), ...others, ...tools].filter((name) =>
    statSync(name).isFile(),
  ))
    hash.update(`${file}\0`).update(readFileSync(file)).update("\0");
  return hash.digest("hex");
}

/** `bin/lyftr.js` compares times first: the next start need not read the sources again. */
function markBuilt(): void {
  const now = new Date();
  if (existsSync("dist/web/index.html")) utimesSync("dist/web/index.html", now, now);
}

function stampOf(folder: string): string | undefined {
  const stamp = join(folder, STAMP);
  return existsSync(stamp) ? readFileSync(stamp, "utf8") : undefined;
}

function compile(project: string, folder: string): void {
  execFileSync("node_modules/.bin/tsc", ["-p", project, "--outDir", folder], { stdio: "inherit" });
}

/**
 * In a checkout client/ is beside src/. In dist/ it is beside cli/, one folder nearer to the
 * commands.
 */
function importClientInside(folder: string): void {
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(".js")) continue;
    const file = join(folder, name);
    const text = readFileSync(file, "utf8");
    const moved = text.replace(/(from ")\.\.\/((?:\.\.\/)+client\/client\.js")/g, "$1$2");
    if (moved !== text) writeFileSync(file, moved);
  }
}

function replace(): void {
  for (let isPlaced = false; !isPlaced; ) {
    rmSync(old, { recursive: true, force: true });
    rename("dist", old, "ENOENT");
    // Another build may have placed its own in between.
    isPlaced = rename(built, "dist", "ENOTEMPTY");
  }
  rmSync(old, { recursive: true, force: true });
}

/** Returns false when it fails with this code. */
function rename(from: string, to: string, expected: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== expected) throw error;
    return false;
  }
}

/** Whether a folder is left over from a killed build. The folder of a running build is not. */
function isLeftOver(name: string): boolean {
  return pidIn(name) !== undefined && !isOfRunningBuild(name);
}

function isOfRunningBuild(name: string): boolean {
  const pid = pidIn(name);
  if (pid === undefined) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** The process that makes this folder, or undefined when it is another folder. */
function pidIn(name: string): number | undefined {
  const prefix = [PARTIAL, OLD].find((each) => name.startsWith(each));
  return prefix === undefined ? undefined : Number(name.slice(prefix.length));
}
