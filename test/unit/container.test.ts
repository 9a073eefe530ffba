import { deepEqual, equal, match, ok } from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { VARIABLES } from "../../src/config.ts";

const root = new URL("../../", import.meta.url);
const read = (name: string) => readFileSync(new URL(name, root), "utf8");
const dockerfile = read("Dockerfile");
const compose = read("compose.yaml");
const [buildStage = "", runtimeStage = ""] = dockerfile.split(/^FROM /m).slice(1);

/** The sources of the COPY instructions of a stage that come from the checkout. */
function copied(stage: string): readonly string[] {
  const lines = [...stage.matchAll(/^COPY (?!--from)(.+)$/gm)].map(([, rest = ""]) => rest.split(" "));
  return lines.flatMap((words) => words.slice(0, -1));
}

/** Whether .dockerignore, which has plain names and `*.suffix` only, keeps a path out of the build. */
function ignored(path: string): boolean {
  return read(".dockerignore")
    .split("\n")
    .filter((line) => line !== "")
    .some((line) =>
      line.startsWith("*") ? path.endsWith(line.slice(1)) : path === line || path.startsWith(`${line}/`),
    );
}

test("everything the image copies is in the checkout and not ignored", () => {
  const sources = [...copied(buildStage), ...copied(runtimeStage)];
  ok(sources.length >= 7, sources.join(" "));
  for (const source of sources) {
    ok(existsSync(fileURLToPath(new URL(source, root))), `${source} does not exist`);
    equal(ignored(source), false, `${source} is ignored`);
  }
});

test("the image holds the compiled service and what it needs to run, and no sources and no secrets", () => {
  deepEqual(copied(runtimeStage), ["bin"]);
  const built = [...runtimeStage.matchAll(/^COPY --from=build \/build\/(\S+) /gm)].map(([, name]) => name);
  deepEqual(built, ["package.json", "node_modules", "dist"]);
  match(buildStage, /^RUN npm run build && npm prune --omit=dev /m);
  for (const name of [".env", ".git", "node_modules", "data", "dist"])
    ok(ignored(name), `${name} is sent to the builder`);
});

test("the image runs without root, with its data in a volume, and gets signals itself", () => {
  match(runtimeStage, /^USER [1-9][0-9]*:[1-9][0-9]*$/m);
  match(runtimeStage, /^RUN mkdir \/data && chown node:node \/data$/m);
  match(runtimeStage, /^VOLUME \/data$/m);
  match(runtimeStage, /^ENTRYPOINT \["node", "--max-semi-space-size=8", "\/app\/bin\/lyftr\.js"\]$/m);
  match(runtimeStage, /^CMD \["serve"\]$/m);
  match(runtimeStage, /^HEALTHCHECK --interval=30s .*CMD \[.*"healthcheck"\]$/m);
});

test("the image's environment is that of the contract", () => {
  match(runtimeStage, /^ENV DATABASE_URL=sqlite:\/\/\/\/data\/app\.db HOST=0\.0\.0\.0 PORT=8000 NODE_ENV=production$/m);
  // On a read-only root SQLite has no other folder to sort in, and calls that an I/O error.
  match(runtimeStage, /^ENV SQLITE_TMPDIR=\/data$/m);
});

test("the compose service is that of the contract", () => {
  match(compose, /^services:\n {2}webhook-api:\n/m);
  match(compose, /^ {6}- "8000:8000"$/m);
  match(compose, /^ {6}- webhook-data:\/data$/m);
  match(compose, /^volumes:\n {2}webhook-data:$/m);
  match(compose, /^ {6}test: \["CMD", "node", "\/app\/bin\/lyftr\.js", "healthcheck"\]\n {6}interval: 30s$/m);
  match(compose, /^ {4}restart: unless-stopped$/m);
  match(compose, /^ {6}WEBHOOK_SECRET: \$\{WEBHOOK_SECRET:-\}$/m);
});

test("the compose service may do little: read-only, no capabilities, no new privileges", () => {
  match(compose, /^ {4}read_only: true$/m);
  match(compose, /^ {4}tmpfs:\n {6}- \/tmp$/m);
  match(compose, /^ {4}cap_drop:\n {6}- ALL$/m);
  match(compose, /^ {6}- no-new-privileges:true$/m);
});

test("compose waits longer for the service to end than the service waits for its requests", () => {
  const graceSeconds = Number(/^ {4}stop_grace_period: ([0-9]+)s$/m.exec(compose)?.[1]);
  ok(graceSeconds * 1_000 > Number(VARIABLES.drainMs.fallback), `${graceSeconds} s`);
});
