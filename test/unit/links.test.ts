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
      if (anchor !== undefined)
        ok(anchorsOf(file).has(anchor), `${target}: there is no such heading`);
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

/**
 * `file.test.ts` with titles in quotes behind it; `…` at the end of a title stands for its rest.
 */
const TITLES = /`(?:test\/)?([a-z0-9/-]+\.test\.ts)`:?\s+\(?((?:"[^"]+"(?:,\s+)?)+)/g;

for (const name of documents) {
  test(`every title of a test that ${name} quotes is in the file that it names`, () => {
    for (const [, path = "", titles = ""] of readFileSync(new URL(name, root), "utf8").matchAll(
      TITLES,
    )) {
      const sources = testFiles
        .filter((file) => `/${file}`.endsWith(`/${path}`))
        .map((file) => readFileSync(new URL(`test/${file}`, root), "utf8"));
      for (const [, title = ""] of titles.matchAll(/"([^"]+)"/g)) {
        const begin = title.replace(/,? …$/, "").replaceAll(/\s+/g, " ");
        ok(
          sources.some((source) => source.includes(begin)),
          `${path} has no test "${title}"`,
        );
      }
    }
  });
}
