import { ok } from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const root = new URL("../../", import.meta.url);
const documents = [
  "README.md",
  "ARCHITECTURE.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  "AGENTS.md",
  ...readdirSync(new URL("docs", root), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];

/** A document without its code, in which `](` is not a link and `#` not a heading. */
const prose = (name: string) =>
  readFileSync(new URL(name, root), "utf8")
    .replace(/^```.*?^```$/gms, "")
    .replace(/`[^`\n]*`/g, (code) => code.replace(/[[\]()]/g, ""));

/**
 * The anchors of a document's headings, as usual pages have them: lower case, no punctuation,
 * repeated ones numbered.
 */
function anchorsOf(name: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  for (const [, heading = ""] of prose(name).matchAll(/^#+ (.+)$/gm)) {
    const anchor = heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-");
    for (let repeat = 0; ; repeat++) {
      const numbered = repeat === 0 ? anchor : `${anchor}-${repeat}`;
      if (anchors.has(numbered)) continue;
      anchors.add(numbered);
      break;
    }
  }
  return anchors;
}

for (const name of documents) {
  test(`every link of ${name} to this repository leads somewhere`, () => {
    for (const [, target = ""] of prose(name).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [path = "", anchor] = target.split("#");
      const url = path === "" ? new URL(name, root) : new URL(path, new URL(name, root));
      ok(existsSync(url), `${target}: there is no such file`);
      const file = url.href.slice(root.href.length);
      if (anchor !== undefined) ok(anchorsOf(file).has(anchor), `${target}: there is no such heading`);
    }
  });
}

const testFiles = readdirSync(new URL("test", root), { recursive: true, encoding: "utf8" });

for (const name of documents) {
  test(`every test that ${name} names exists`, () => {
    const text = readFileSync(new URL(name, root), "utf8");
    for (const [, path = ""] of text.matchAll(/`(?:test\/)?([a-z0-9/*-]+\.test\.ts)`/g)) {
      const pattern = new RegExp(`(?:^|/)${path.replaceAll(".", "\\.").replaceAll("*", "[^/]*")}$`);
      ok(
        testFiles.some((file) => pattern.test(file)),
        `${path}: there is no such test`,
      );
    }
  });
}
