import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

// The rules of web/, which scripts/check-layout.ts checks: which file imports which, and what a
// strict Content-Security-Policy and one place for all sentences do not allow.

const PACKAGES = /^(?:preact|preact\/hooks|@preact\/signals)$/;
/** Each folder, and the folders and files that it may import besides itself. */
const IMPORTS: ReadonlyMap<string, readonly string[]> = new Map([
  ["text", ["prefs.ts"]],
  ["api", ["route.ts"]],
  ["live", ["api", "route.ts", "text"]],
  ["state", ["api", "live", "prefs.ts", "route.ts", "text"]],
  ["parts", ["api", "live", "prefs.ts", "route.ts", "state", "text"]],
  ["frame", ["api", "live", "pages.ts", "parts", "prefs.ts", "route.ts", "state", "text"]],
  ["pages", ["api", "frame", "live", "parts", "prefs.ts", "route.ts", "state", "text"]],
]);
const PREFS = "prefs.ts";
const LINES_PER_FILE_MAX = 300;

interface TextRule {
  readonly pattern: RegExp;
  readonly complaint: string;
  /** A file that may. */
  readonly except?: string;
}

const TEXT_RULES: readonly TextRule[] = [
  {
    pattern: /\b(?:innerHTML|outerHTML|insertAdjacentHTML|dangerouslySetInnerHTML)\b/,
    complaint: "writes HTML, which the policy of the page forbids",
  },
  { pattern: /\bstyle="/, complaint: 'has style="": use a class, or an object of properties' },
  { pattern: /\b(?:localStorage|sessionStorage)\b/, complaint: "uses storage", except: PREFS },
  {
    pattern: /\b(?:aria-label|title|placeholder|alt|label)="[^"]/,
    complaint: "has a text in an attribute: put it into text/",
  },
  { pattern: /\bnew Function\(|\beval\(/, complaint: "makes code of a text" },
];

/** Returns one sentence for each broken rule in the folder web/. */
export function complaintsAboutWeb(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(?:tsx?|css|html)$/.test(name))
    .flatMap((name) => {
      const text = readFileSync(join(folder, name), "utf8");
      return complaintsAboutWebFile(name, text, (path) => existsSync(join(folder, path)));
    });
}

/** Returns one sentence for each broken rule in a file. `name` is its path below web/. */
export function complaintsAboutWebFile(
  name: string,
  text: string,
  exists: (path: string) => boolean = () => true,
): readonly string[] {
  const found: string[] = [];
  // Tables of styles have one declaration a line, so their length says little.
  if (!name.endsWith(".css") && text.split("\n").length > LINES_PER_FILE_MAX)
    found.push(`is longer than ${LINES_PER_FILE_MAX} lines`);
  for (const { pattern, complaint, except } of TEXT_RULES)
    if (/\.tsx?$|\.html$/.test(name) && pattern.test(withoutComments(text)) && name !== except)
      found.push(complaint);
  if (/\.tsx?$/.test(name)) found.push(...importComplaints(name, text, exists));
  return found.map((complaint) => `web/${name} ${complaint}`);
}

function importComplaints(
  name: string,
  text: string,
  exists: (path: string) => boolean,
): readonly string[] {
  const targets = [...text.matchAll(/(?:from |import |import\()"([^"]+)"/g)].map(
    ([, target = ""]) => target,
  );
  return targets.flatMap((target) => {
    if (!target.startsWith(".")) return PACKAGES.test(target) ? [] : [`may not import ${target}`];
    const path = normalize(join(dirname(name), target));
    if (path.startsWith("..")) return [`may not import ${target}, which is outside web/`];
    if (!exists(path)) return [`imports ${path}, which does not exist`];
    return mayImport(name, path) ? [] : [`may not import ${path}`];
  });
}

function mayImport(from: string, to: string): boolean {
  const [importer, imported] = [placeOf(from), placeOf(to)];
  const allowed = IMPORTS.get(importer);
  // Files at the top put the parts together.
  if (allowed === undefined) return true;
  if (importer === imported) return importer !== "pages" || folderOfPage(from) === folderOfPage(to);
  return allowed.includes(imported);
}

function placeOf(path: string): string {
  return path.split("/")[0] ?? "";
}

function folderOfPage(path: string): string | undefined {
  return path.split("/")[1];
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
}
