import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

// Looks for words that make a reader translate before they understand: a sentence names its actor (the client, the
// process, the operator), and uses standard terms. Quotations in `backticks` are not read
// in comments and Markdown, and "nobody" as a string is the user of an operating system.

interface Rule {
  readonly pattern: RegExp;
  readonly instead: string;
}

const ACTOR = "name the actor: the client, the sender, the operator, the process";
const RULES: readonly Rule[] = [
  { pattern: /\b(?:whoever|whomever|nobody|somebody|everybody|anybody)\b/i, instead: ACTOR },
  { pattern: /(?:^|[.:;] |\/\/ |\* )Who (?![^.]*\?)/, instead: ACTOR },
  { pattern: /\banew\b/i, instead: "again, or rebuild" },
  { pattern: /\bto be had\b/i, instead: "available, unavailable" },
  { pattern: /\bso long\b/i, instead: "while, as long as, or the duration itself" },
  { pattern: /\bso (?:many|much)\b/i, instead: "the number itself" },
  { pattern: /\bmeanwhile\b/i, instead: "during …, or while …" },
  {
    pattern: /\b(?:lest|forthwith|thereof|wherein|thereby|hereby)\b/i,
    instead: "so that … not, at once, of it, in which",
  },
];

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const FOLDERS = ["src", "client", "bench", "scripts", "docs"];
/** A line that is a comment in one of these languages. */
const COMMENT = /^\s*(?:\/\/|\/?\*|--|#)/;
const KINDS = /\.(?:ts|js|sql|md|sh|pl|lua|py)$/;

/** Files, and folders that end in "/", with a reason. An entry that is no longer needed is an error too. */
const NOT_READ: ReadonlyMap<string, string> = new Map([["scripts/check-prose.ts", "it has the list of words"]]);

const complaints: string[] = [];
const needed = new Set<string>();
const files = filesToRead();
for (const file of files) {
  const found = complaintsAbout(file);
  const exception = [...NOT_READ.keys()].find((entry) =>
    entry.endsWith("/") ? file.startsWith(entry) : file === entry,
  );
  if (exception === undefined) complaints.push(...found);
  else if (found.length > 0) needed.add(exception);
}
for (const entry of NOT_READ.keys()) {
  if (!needed.has(entry)) complaints.push(`${entry} has none of these words: take it off the list in check-prose.ts`);
}
for (const complaint of complaints) process.stderr.write(`${complaint}\n`);
process.stdout.write(`prose: ${files.length} files, ${complaints.length} complaints\n`);
process.exitCode = complaints.length === 0 ? 0 : 1;

function filesToRead(): readonly string[] {
  const atRoot = readdirSync(ROOT).filter((name) => name.endsWith(".md"));
  const inFolders = FOLDERS.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" }).map((name) => `${folder}/${name}`),
  );
  return [...atRoot, ...inFolders.filter((name) => KINDS.test(name))];
}

function complaintsAbout(file: string): readonly string[] {
  const lines = readFileSync(join(ROOT, file), "utf8").split("\n");
  return lines.flatMap((line, at) => {
    const isProse = file.endsWith(".md") || COMMENT.test(line);
    const text = isProse ? line.replaceAll(/`[^`]*`/g, "``") : line.replaceAll('"nobody"', "");
    const broken = RULES.filter((rule) => rule.pattern.test(text));
    return broken.map(({ pattern, instead }) => `${file}:${at + 1} "${pattern.exec(text)?.[0].trim()}": ${instead}`);
  });
}
