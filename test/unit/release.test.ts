import { deepEqual, equal, match, throws } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { readManifest } from "../../scripts/lockfile.ts";
import { cutChangelog, naming, versionsNamed, withVersion } from "../../scripts/release.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const read = (name: string) => readFileSync(`${ROOT}${name}`, "utf8");
const CHANGELOG =
  "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- A thing.\n\n## [0.1.0] - 2026-01-01\n\n- First.\n";

test("the unreleased changes get the heading of the version, with a new, empty section above", () => {
  equal(
    cutChangelog(CHANGELOG, "0.2.0", "2026-02-01"),
    CHANGELOG.replace("## [Unreleased]\n", "## [Unreleased]\n\n## [0.2.0] - 2026-02-01\n"),
  );
});

test("an existing version, and a release without changes, are refused", () => {
  throws(() => cutChangelog(CHANGELOG, "0.1.0", "2026-02-01"), /has 0\.1\.0 already/);
  const cut = cutChangelog(CHANGELOG, "0.2.0", "2026-02-01");
  throws(() => cutChangelog(cut, "0.3.0", "2026-03-01"), /nothing is unreleased/);
  throws(() => cutChangelog("# Changelog\n", "0.3.0", "2026-03-01"), /no section/);
});

test("the changelog of this checkout can be released, or has just been", () => {
  const text = read("CHANGELOG.md");
  match(text, /^## \[Unreleased\]$/m);
  if (text.includes(`\n## [${readManifest().version}] - `)) return;
  match(
    cutChangelog(text, "999.0.0", "2026-02-01"),
    /^## \[Unreleased\]\n\n## \[999\.0\.0\] - 2026-02-01$/m,
  );
});

test("the version is written wherever this service's is named, and nowhere else", () => {
  const text = "npm install ./lyftr-0.1.0.tgz\nnewTag: 0.1.0\n  node 26.10.0\n…/blob/v0.1.0/docs\n";
  const newer = withVersion(text, "1.2.3");
  equal(
    newer,
    "npm install ./lyftr-1.2.3.tgz\nnewTag: 1.2.3\n  node 26.10.0\n…/blob/v1.2.3/docs\n",
  );
  deepEqual(versionsNamed(newer), ["1.2.3", "1.2.3", "1.2.3"]);
});

test("every document and every example names the version of package.json", () => {
  const { version } = readManifest();
  const named = naming(ROOT).flatMap((name) =>
    versionsNamed(read(name)).map((one) => `${name}: ${one}`),
  );
  deepEqual(
    named.filter((one) => !one.endsWith(`: ${version}`)),
    [],
  );
  for (const name of ["docs/getting-started.md", "docs/deployment/package.md"])
    match(named.join("\n"), new RegExp(`^${name}: `, "m"));
});
