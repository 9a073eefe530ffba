import { deepEqual, equal, match } from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { temporaryFolder } from "../support/cli.ts";
import { isOnPath } from "../support/tools.ts";

const SCRIPT = fileURLToPath(new URL("../../scripts/check-commits.sh", import.meta.url));
const SUBJECT = "Add a route";
const BODY = "Readers asked for it.";
const BEFORE = "2026-11-30T10:59:59Z";
const AFTER = "2026-11-30T11:00:00Z";

/** The script itself reports that git is missing. */
const skip = isOnPath("git") ? false : "git is not on this machine";
const { PATH = "" } = process.env;
const env = { PATH, HOME: "/nonexistent", GIT_CONFIG_NOSYSTEM: "1" };

function check(folder: string, path = PATH) {
  const { status, stdout, stderr } = spawnSync("/bin/sh", [SCRIPT, folder], {
    env: { ...env, PATH: path },
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

/** A temporary repository. */
function repository() {
  const folder = temporaryFolder();
  const path = folder.file("repository");
  const author = [
    "-c",
    "user.name=Test",
    "-c",
    "user.email=test@example.com",
    "-c",
    "commit.gpgsign=false",
  ];
  const git = (args: readonly string[], date = AFTER, cwd = path) =>
    execFileSync("git", [...author, ...args], {
      cwd,
      env: { ...env, GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: AFTER },
      stdio: "pipe",
    });
  mkdirSync(path);
  git(["init", "--quiet", "--initial-branch=main"]);
  const commit = (message: string, date?: string) =>
    git(["commit", "--quiet", "--allow-empty", "-m", message], date);
  return { path, file: folder.file, git, commit, [Symbol.dispose]: () => folder[Symbol.dispose]() };
}

/** A clone with only the last commit, as CI services make it. */
function shallowClone({ path, file, git }: ReturnType<typeof repository>): string {
  const clone = file("clone");
  git(["clone", "--quiet", "--depth=1", `file://${path}`, clone]);
  return clone;
}

for (const [what, message, complaint] of [
  [
    "a subject of 73 characters",
    `${"x".repeat(73)}\n\n${BODY}`,
    /"x+": the subject has 73 characters, at most 72/,
  ],
  [
    "a subject of two lines",
    `${"x".repeat(40)}\n${"x".repeat(40)}\n\n${BODY}`,
    /the subject has 81 characters/,
  ],
  ["no body", SUBJECT, /"Add a route": it has no body/],
  [
    "a signature in place of a body",
    `${SUBJECT}\n\nSigned-off-by: Test <test@example.com>`,
    /it has no body/,
  ],
  ["wip", `WIP: a route\n\n${BODY}`, /"WIP: a route": squash it/],
  ["a fix-up", `fixup! Add a route\n\n${BODY}`, /squash it/],
] as const) {
  test(`a commit with ${what} is refused, whether it is HEAD or not`, { skip }, () => {
    using repo = repository();
    repo.commit(message);
    const alone = check(repo.path);
    match(alone.stderr, complaint);
    deepEqual([alone.status, alone.stdout], [1, "commits: 1 messages, 1 complaints\n"]);
    repo.commit(`${SUBJECT}\n\n${BODY}`);
    const behind = check(repo.path);
    match(behind.stderr, complaint);
    deepEqual([behind.status, behind.stdout], [1, "commits: 2 messages, 1 complaints\n"]);
  });
}

test("CI checks messages before anything else, and the workflow of GitHub runs what CI runs", () => {
  const read = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url), "utf8");
  const [first] = read(".ci/run").match(/^(?:sh|make|npm) .*$/m) ?? [];
  equal(first, "sh scripts/check-commits.sh");
  const { steps } = parse(read(".github/workflows/ci.yml")).jobs.test;
  equal(steps.at(-1).run, ".ci/run");
});

test("72 characters of any alphabet, and words that contain wip, are accepted", { skip }, () => {
  using repo = repository();
  repo.commit(`${"é".repeat(72)}\n\n${BODY}`);
  repo.commit(`Wipe deleted rows\n\n${BODY}\n\nSigned-off-by: Test <test@example.com>`);
  deepEqual(check(repo.path), {
    status: 0,
    stdout: "commits: 2 messages, 0 complaints\n",
    stderr: "",
  });
});

test("a commit that is older than the rule is accepted, unless it is HEAD", { skip }, () => {
  using repo = repository();
  repo.commit("Older", BEFORE);
  deepEqual(
    [check(repo.path).status, check(repo.path).stdout],
    [1, "commits: 1 messages, 1 complaints\n"],
  );
  repo.commit(`${SUBJECT}\n\n${BODY}`);
  deepEqual(check(repo.path), {
    status: 0,
    stdout: "commits: 1 messages, 0 complaints\n",
    stderr: "",
  });
});

test("a shallow clone is checked as far as it goes", { skip }, () => {
  using repo = repository();
  repo.commit("No body");
  repo.commit(`${SUBJECT}\n\n${BODY}`);
  deepEqual(check(shallowClone(repo)), {
    status: 0,
    stdout: "commits: 1 messages, 0 complaints\n",
    stderr: "",
  });
  using other = repository();
  other.commit(`${SUBJECT}\n\n${BODY}`);
  other.commit("No body");
  deepEqual(check(shallowClone(other)).status, 1);
});

test("a merge commit needs no body, also in a shallow clone", { skip }, () => {
  using repo = repository();
  repo.commit(`${SUBJECT}\n\n${BODY}`);
  repo.git(["switch", "--quiet", "--create", "branch"]);
  repo.commit(`${SUBJECT} too\n\n${BODY}`);
  repo.git(["switch", "--quiet", "main"]);
  repo.git([
    "merge",
    "--quiet",
    "--no-ff",
    "-m",
    `Merge ${"0".repeat(40)} into ${"1".repeat(40)}`,
    "branch",
  ]);
  deepEqual(check(repo.path), {
    status: 0,
    stdout: "commits: 2 messages, 0 complaints\n",
    stderr: "",
  });
  deepEqual(check(shallowClone(repo)), {
    status: 0,
    stdout: "commits: 0 messages, 0 complaints\n",
    stderr: "",
  });
});

test("without git, without a repository and without a commit it says so and passes", () => {
  using folder = temporaryFolder();
  const empty = folder.file("empty");
  mkdirSync(empty);
  deepEqual(check(empty, folder.path), {
    status: 0,
    stdout: "commits: git is not on this machine, so no message is checked\n",
    stderr: "",
  });
  if (skip !== false) return;
  const nowhere = check(empty);
  match(nowhere.stdout, /^commits: there is no commit to check \(fatal: not a git repository/);
  deepEqual([nowhere.status, nowhere.stderr], [0, ""]);
  using repo = repository();
  deepEqual(check(repo.path).status, 0);
  repo.commit("No body");
  mkdirSync(repo.file("repository/unpacked"));
  deepEqual(check(repo.file("repository/unpacked")), {
    status: 0,
    stdout: "commits: the repository is another one's, so no message is checked\n",
    stderr: "",
  });
});
