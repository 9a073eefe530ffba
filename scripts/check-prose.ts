import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { complaintsAbout } from "./prose-rules.ts";

// Checks the English of comments, texts and documents, and the width of documents.

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const FOLDERS = ["src", "client", "web", "bench", "campaign", "scripts", "docs", "deploy", "test"];
/** A folder below `campaign/` may have dependencies of its own. */
const OF_OTHERS = /\/node_modules\//;
const KINDS = /\.(?:ts|js|sql|md|tsx|css|html|sh|pl|lua|py|ya?ml|conf|cfg|ini|service)$/;

/**
 * Files, and folders that end in "/", with a reason. An entry that is no longer needed is an error
 * too.
 */
const NOT_READ: ReadonlyMap<string, string> = new Map([
  ["scripts/prose-rules.ts", "it has the list of words"],
  ["test/unit/prose.test.ts", "it tests the list of words"],
]);

const complaints: string[] = [];
const needed = new Set<string>();
const files = filesToRead();
for (const file of files) {
  const found = complaintsAbout(file, readFileSync(join(ROOT, file), "utf8"));
  const exception = [...NOT_READ.keys()].find((entry) =>
    entry.endsWith("/") ? file.startsWith(entry) : file === entry,
  );
  if (exception === undefined) complaints.push(...found);
  else if (found.length > 0) needed.add(exception);
}
for (const entry of NOT_READ.keys()) {
  if (!needed.has(entry))
    complaints.push(`${entry} has none of these words: take it off the list in check-prose.ts`);
}
for (const complaint of complaints) process.stderr.write(`${complaint}\n`);
process.stdout.write(`prose: ${files.length} files, ${complaints.length} complaints\n`);
process.exitCode = complaints.length === 0 ? 0 : 1;

function filesToRead(): readonly string[] {
  const atRoot = readdirSync(ROOT).filter((name) => name.endsWith(".md"));
  const inFolders = FOLDERS.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" }).map(
      (name) => `${folder}/${name}`,
    ),
  );
  return [...atRoot, ...inFolders.filter((name) => KINDS.test(name) && !OF_OTHERS.test(name))];
}
