import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

// `node scripts/release.ts 1.2.3`: writes the version wherever it is named, and gives the
// unreleased changes a heading in the changelog. It commits, tags and publishes nothing;
// CONTRIBUTING.md says what comes next.

const VERSION = /^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)$/;
const UNRELEASED = "## [Unreleased]\n";
/** The text before and after a version where documents and examples name this service's version. */
const NAMED: readonly (readonly [string, string])[] = [
  ["lyftr-", ".tgz"],
  ["newTag: ", ""],
  ["/blob/v", "/"],
];

/**
 * The changelog with all unreleased changes under a version. Throws when there are none, or the
 * version already exists.
 */
export function cutChangelog(text: string, version: string, date: string): string {
  const at = text.indexOf(UNRELEASED);
  if (at < 0) throw new Error("CHANGELOG.md has no section [Unreleased]");
  if (text.includes(`\n## [${version}]`)) throw new Error(`CHANGELOG.md has ${version} already`);
  const [before, after] = [
    text.slice(0, at + UNRELEASED.length),
    text.slice(at + UNRELEASED.length),
  ];
  const next = after.indexOf("\n## [");
  if (!/^- /m.test(next < 0 ? after : after.slice(0, next)))
    throw new Error("nothing is unreleased");
  return `${before}\n## [${version}] - ${date}\n${after}`;
}

/** Every version of this service that a document or an example names, as `[context, version]`. */
export function versionsNamed(text: string): readonly string[] {
  return NAMED.flatMap(([before, after]) =>
    [...text.matchAll(new RegExp(`${before}([0-9]+\\.[0-9]+\\.[0-9]+)${after}`, "g"))].map(
      (found) => found[1] ?? "",
    ),
  );
}

export function withVersion(text: string, version: string): string {
  return NAMED.reduce(
    (sofar, [before, after]) =>
      sofar.replace(
        new RegExp(`${before}[0-9]+\\.[0-9]+\\.[0-9]+${after}`, "g"),
        `${before}${version}${after}`,
      ),
    text,
  );
}

/** The documents and examples, by their paths in the checkout. */
export function naming(root: string): readonly string[] {
  const below = (folder: string) =>
    readdirSync(`${root}${folder}`, { recursive: true, encoding: "utf8" }).map(
      (name) => `${folder}/${name}`,
    );
  const texts = [...below("docs"), ...below("deploy")].filter((name) => /\.(md|ya?ml)$/.test(name));
  return ["README.md", ...texts];
}

function release(root: string, version: string, date: string): void {
  const edit = (name: string, change: (text: string) => string) =>
    writeFileSync(`${root}${name}`, change(readFileSync(`${root}${name}`, "utf8")));
  edit("CHANGELOG.md", (text) => cutChangelog(text, version, date));
  for (const name of naming(root)) edit(name, (text) => withVersion(text, version));
  execFileSync("npm", ["version", version, "--no-git-tag-version", "--allow-same-version"], {
    cwd: root,
    stdio: "pipe",
  });
}

if (import.meta.main) {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const [version = ""] = process.argv.slice(2);
  const changed = execFileSync("git", ["status", "--porcelain"], { cwd: root, encoding: "utf8" });
  const problem = VERSION.test(version)
    ? changed && "Commit first: a release is a commit of its own."
    : "Usage: node scripts/release.ts MAJOR.MINOR.PATCH";
  if (problem) {
    process.stderr.write(`${problem}\n`);
    process.exitCode = 2;
  } else {
    release(root, version, new Date().toISOString().slice(0, 10));
    process.stdout.write(
      `Now ${version}. Look at \`git diff\`; CONTRIBUTING.md says what comes next.\n`,
    );
  }
}
