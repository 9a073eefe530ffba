import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { complaintsAboutWeb } from "./web-layout.ts";

// Checks which module imports which. The floors are read from the table in ARCHITECTURE.md, so the
// table and the code agree. The client is separate: others install it, and it knows the service by
// HTTP only. That page is checked too.

/** A folder (`store`) or a file (`app.ts`) of src/. */
interface Place {
  readonly floor: number;
  /** The floors that it may import. */
  readonly below: readonly number[];
  /** Files outside src/ that it may import. */
  readonly outside: readonly string[];
}

const LINES_PER_FILE_MAX = 300;
const FORBIDDEN_NAMES = ["utils.ts", "index.ts"];
/** For example: 2 | `ingest/` `keys/` | 0, 1 */
const FLOOR_ROW = /^\| *(\d) *\|([^|]*)\|([^|]*)\|$/gm;

/** Files beside it, and the part of Node that Bun and Deno also have. */
const CLIENT_IMPORTS = /^(\.\/[a-z-]+\.ts|node:(crypto|fs|fs\/promises|https?|net|path))$/;

const root = fileURLToPath(new URL("../src", import.meta.url));
const files = sourcesIn(root);
const imports = new Map(files.map((file) => [file, importsOf(file)]));
const architecture = readFileSync(new URL("../ARCHITECTURE.md", import.meta.url), "utf8");
const places = placesIn(architecture);
const client = fileURLToPath(new URL("../client", import.meta.url));
const clientFiles = sourcesIn(client);
const complaints = [
  ...files.flatMap(complaintsAbout),
  ...[...places.keys()]
    .filter(isMissing)
    .map((name) => `${name} has a floor in ARCHITECTURE.md, but is not there`),
  ...loopsIn(imports).map((loop) => `import loop: ${loop}`),
  ...foldersOf(files).flatMap(loopsBetweenParts),
  ...clientFiles.flatMap(complaintsAboutClient),
  ...complaintsAboutWeb(fileURLToPath(new URL("../web", import.meta.url))),
  ...complaintsAboutArchitecture(),
];
for (const complaint of complaints) process.stderr.write(`${complaint}\n`);
process.stdout.write(
  `layout: ${files.length + clientFiles.length} files, ${complaints.length} complaints\n`,
);
process.exitCode = complaints.length === 0 ? 0 : 1;

function sourcesIn(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".ts"),
  );
}

function importsOf(file: string): readonly string[] {
  const text = readFileSync(join(root, file), "utf8");
  const names = [...text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)].map(
    (match) => match[1] ?? "",
  );
  return names.map((name) => relative(root, normalize(join(root, dirname(file), name))));
}

/**
 * The table of floors: a number, the folders and files in backticks, what they may import (0–2 is
 * 0, 1 and 2).
 */
function placesIn(text: string): ReadonlyMap<string, Place> {
  const found = new Map<string, Place>();
  for (const [, floor, names = "", imported = ""] of text.matchAll(FLOOR_ROW)) {
    const below = [...imported.matchAll(/(\d)(?:–(\d))?/g)].flatMap(([, from, to = from]) =>
      Array.from({ length: Number(to) - Number(from) + 1 }, (_, at) => Number(from) + at),
    );
    const outside = [...imported.matchAll(/`([^`]+)`/g)].map(([, name]) => `../${name}`);
    const place = { floor: Number(floor), below, outside };
    for (const [, name = ""] of names.matchAll(/`([a-z.-]+)\/?`/g)) found.set(name, place);
  }
  return found;
}

function isMissing(name: string): boolean {
  return !files.some((file) => placeOf(file) === name);
}

function placeOf(file: string): string {
  return file.split("/")[0] ?? "";
}

function complaintsAbout(file: string): readonly string[] {
  const found = complaintsAboutShape(file, readFileSync(join(root, file), "utf8"));
  if (!places.has(placeOf(file))) return [...found, `${file} is on no floor of ARCHITECTURE.md`];
  const forbidden = (imports.get(file) ?? []).filter((target) => !mayImport(placeOf(file), target));
  return [...found, ...forbidden.map((target) => `${file} may not import ${target}`)];
}

/**
 * Folders of one floor never import each other. A file of a floor may import the folder beside it.
 */
function mayImport(from: string, target: string): boolean {
  const to = placeOf(target);
  const [importer, imported] = [places.get(from), places.get(to)];
  if (from === to || importer?.outside.includes(target)) return true;
  if (importer === undefined || imported === undefined) return false;
  const isFileOfFloor =
    from.endsWith(".ts") && !to.endsWith(".ts") && importer.floor === imported.floor;
  return isFileOfFloor || importer.below.includes(imported.floor);
}

function complaintsAboutClient(file: string): readonly string[] {
  const text = readFileSync(join(client, file), "utf8");
  const names = [...text.matchAll(/(?:from |import |import\()"([^"]+)"/g)].map(
    (match) => match[1] ?? "",
  );
  const found = names
    .filter((name) => !CLIENT_IMPORTS.test(name))
    .map((name) => `client/${file} may not import ${name}`);
  return [...found, ...complaintsAboutShape(`client/${file}`, text)];
}

function complaintsAboutShape(file: string, text: string): readonly string[] {
  const found: string[] = [];
  if (text.split("\n").length > LINES_PER_FILE_MAX)
    found.push(`${file} is longer than ${LINES_PER_FILE_MAX} lines`);
  if (FORBIDDEN_NAMES.some((name) => file.endsWith(name)))
    found.push(`${file} needs a name that says what is in it`);
  return found;
}

/**
 * ARCHITECTURE.md names every folder of src/, by its whole path, and no file that does not exist.
 */
function complaintsAboutArchitecture(): readonly string[] {
  const named = new Set([...architecture.matchAll(/`([^`\s]+)`/g)].map(([, name = ""]) => name));
  const checkout = fileURLToPath(new URL("..", import.meta.url));
  const known = ["bench", "campaign", "client", "scripts", "src", "test", "web"].flatMap((folder) =>
    sourcesIn(join(checkout, folder)).map((name) => `/${folder}/${name}`),
  );
  const folders = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => `src/${relative(root, join(entry.parentPath, entry.name))}/`);
  const unnamed = folders.filter((folder) => !named.has(folder));
  const gone = [...named].filter(
    (name) => name.endsWith(".ts") && !known.some((path) => path.endsWith(`/${name}`)),
  );
  return [
    ...unnamed.map((folder) => `ARCHITECTURE.md does not name ${folder}`),
    ...gone.map((name) => `ARCHITECTURE.md names ${name}, which does not exist`),
  ];
}

/** Every folder of src/ that contains a file or a folder. */
function foldersOf(names: readonly string[]): readonly string[] {
  return [
    ...new Set(
      names.flatMap((name) =>
        name.split("/").flatMap((_, at, parts) => parts.slice(0, at).join("/")),
      ),
    ),
  ];
}

/** Loops between the sub-folders of a folder, by the imports of all files in them. */
function loopsBetweenParts(folder: string): readonly string[] {
  const depth = folder === "" ? 0 : folder.split("/").length;
  const partOf = (file: string) => {
    const parts = file.split("/");
    const isInside = parts.length > depth + 1 && (folder === "" || file.startsWith(`${folder}/`));
    return isInside ? parts.slice(0, depth + 1).join("/") : undefined;
  };
  const edges = new Map<string, Set<string>>();
  for (const [file, targets] of imports) {
    const from = partOf(file);
    if (from === undefined) continue;
    const known = edges.get(from) ?? new Set();
    for (const to of targets.map(partOf)) if (to !== undefined && to !== from) known.add(to);
    edges.set(from, known);
  }
  return loopsIn(edges).map((loop) => `import loop between folders: ${loop}`);
}

function loopsIn(edges: ReadonlyMap<string, Iterable<string>>): readonly string[] {
  const done = new Set<string>();
  const walk = (name: string, path: readonly string[]): readonly string[] => {
    if (path.includes(name)) return [[...path.slice(path.indexOf(name)), name].join(" → ")];
    if (done.has(name)) return [];
    const found = [...(edges.get(name) ?? [])].flatMap((target) => walk(target, [...path, name]));
    done.add(name);
    return found;
  };
  return [...edges.keys()].flatMap((name) => walk(name, []));
}
