import { deepEqual, doesNotMatch, match, ok } from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { BUNDLED } from "../../scripts/sbom.ts";
import { buildWeb } from "../../scripts/web.ts";
import { temporaryFolder } from "../support/cli.ts";

/** HTML, styles and scripts that the Inbox needs, and all files; gzip, in kB of 1000 bytes. */
const FIRST_LOAD_KB_MAX = 45;
/** What the Overview needs, with its charts. */
const WITH_CHARTS_KB_MAX = 50;
const EVERYTHING_KB_MAX = 100;

const folder = temporaryFolder();
before(() => buildWeb(folder.path));
after(() => folder[Symbol.dispose]());

const read = (name: string) => readFileSync(join(folder.path, name), "utf8");
const kilobytes = (names: readonly string[]) =>
  names.reduce((sum, name) => sum + gzipSync(read(name), { level: 9 }).length, 0) / 1_000;
const assets = () =>
  readdirSync(join(folder.path, "assets"))
    .filter((name) => /\.(js|css|svg)$/.test(name))
    .map((name) => `assets/${name}`);

/** A file and all that it imports by itself. Pages are imported when they are shown. */
function withImports(name: string, known = new Set<string>()): ReadonlySet<string> {
  if (known.has(name)) return known;
  known.add(name);
  for (const [, target] of read(name).matchAll(/(?:from|import)\s*["']\.\/([^"']+)["']/g))
    withImports(`assets/${target}`, known);
  return known;
}

/** The page itself, and the files of one page with all that they import. */
function loadOf(isOfPage: (name: string) => boolean): readonly string[] {
  const html = read("index.html");
  const named = [...html.matchAll(/(?:src|href)="\.\/(assets\/[^"]+)"/g)].map(
    ([, name = ""]) => name,
  );
  const own = assets().filter(isOfPage);
  ok(own.length > 0, "the chunk of the page was not found");
  const files = ["index.html", ...named, ...own].flatMap((name) =>
    name.endsWith(".js") ? [...withImports(name)] : [name],
  );
  return [...new Set(files)];
}

test("the first load and everything are within their budgets", () => {
  const firstKb = kilobytes(loadOf(isInbox));
  const allKb = kilobytes(["index.html", ...assets()]);
  ok(firstKb <= FIRST_LOAD_KB_MAX, `first load: ${firstKb.toFixed(1)} kB`);
  ok(allKb <= EVERYTHING_KB_MAX, `everything: ${allKb.toFixed(1)} kB`);
});

test("the Overview with its charts is within its budget", () => {
  const kb = kilobytes(loadOf(isOverview));
  ok(kb <= WITH_CHARTS_KB_MAX, `with charts: ${kb.toFixed(1)} kB`);
});

/** The page, which has the charts. */
function isOverview(name: string): boolean {
  const text = read(name);
  return name.endsWith(".css") ? text.includes(".figure-value") : text.includes("figure-value");
}

/** The script and the styles that only the Inbox has. */
function isInbox(name: string): boolean {
  const text = read(name);
  return name.endsWith(".css") ? text.includes(".row-text") : text.includes("list-scroll");
}

test("a page and all that it imports are loaded at once, not one after the other", () => {
  const [script = ""] = assets().filter((name) => /\/index-.*\.js$/.test(name));
  const named = new Set(
    [...read(script).matchAll(/"(?:\.\/)?(?:assets\/)?([^"/]+\.(?:js|css))"/g)].map(
      ([, name]) => name,
    ),
  );
  const page = assets().find((name) => name.endsWith(".js") && isInbox(name)) ?? "";
  for (const name of withImports(page)) {
    if (withImports(script).has(name)) continue;
    ok(named.has(name.slice("assets/".length)), `${name} is loaded later than the page`);
  }
});

test("the page has no inline code and no address outside the service", () => {
  const html = read("index.html");
  doesNotMatch(html, /<style|style=|\son\w+=|<script(?![^>]*src=)|javascript:/i);
  deepEqual(
    [...html.matchAll(/(?:src|href)="([^"]+)"/g)].filter(
      ([, target = ""]) => !/^\.\.?\//.test(target),
    ),
    [],
  );
  for (const name of assets().filter((each) => each.endsWith(".js"))) {
    const text = read(name);
    doesNotMatch(text, /\beval\(|new Function\(/, name);
  }
});

test("the licences of the bundled packages are in the build, and tools are not", () => {
  const text = read("licenses.txt");
  const named = [...text.matchAll(/^(@?[a-z/-]+) \d+\.\d+\.\d+$/gm)].map(([, name]) => name);
  deepEqual(named, [...BUNDLED, "@preact/signals-core"].sort(), "as in the bill of materials");
  match(text, /MIT License/);
  doesNotMatch(text, /^(vite|rolldown|lightningcss) /m);
});
