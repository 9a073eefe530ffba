import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { fileURLToPath } from "node:url";

// Who may import whom: imports point down the floors, never sideways, never in a circle. See ARCHITECTURE.md. The client is a house of
// its own: it is installed by others, and knows the service by HTTP only.
const FLOORS: Readonly<Record<string, number>> = {
  domain: 0,
  "runtime.ts": 0.5,
  providers: 1,
  store: 1,
  cache: 1,
  ratelimit: 1,
  redis: 1,
  observe: 1,
  ingest: 2,
  secrets: 2,
  keys: 2,
  retention: 2,
  alerts: 2,
  http: 3,
  config: 4,
  "config.ts": 4.5,
  app: 4.7,
  "app.ts": 5,
  cli: 6,
  "main.ts": 7,
};
/** The configuration is above everything it configures, but knows nothing beyond the domain. */
const SEES_ONLY_THE_DOMAIN = ["config", "config.ts"];
const LINES_PER_FILE_MAX = 300;
const FORBIDDEN_NAMES = ["utils.ts", "index.ts"];

/** Files beside it, and the part of Node that Bun and Deno have as well. */
const CLIENT_IMPORTS = /^(\.\/[a-z-]+\.ts|node:(crypto|fs|fs\/promises|net|path))$/;

const root = fileURLToPath(new URL("../src", import.meta.url));
const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
const imports = new Map(files.map((file) => [file, importsOf(file)]));
const client = fileURLToPath(new URL("../client", import.meta.url));
const clientFiles = readdirSync(client, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
const complaints = [...files.flatMap(complaintsAbout), ...cycles(), ...clientFiles.flatMap(complaintsAboutClient)];
for (const complaint of complaints) process.stderr.write(`${complaint}\n`);
process.stdout.write(`layout: ${files.length + clientFiles.length} files, ${complaints.length} complaints\n`);
process.exitCode = complaints.length === 0 ? 0 : 1;

function importsOf(file: string): readonly string[] {
  const text = readFileSync(join(root, file), "utf8");
  const names = [...text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)].map((match) => match[1] ?? "");
  return names.map((name) => relative(root, normalize(join(root, dirname(file), name))));
}

function complaintsAbout(file: string): readonly string[] {
  const found: string[] = [];
  const folder = file.split("/")[0] ?? "";
  const floor = FLOORS[folder];
  if (floor === undefined) found.push(`${file} is on no floor`);
  for (const target of imports.get(file) ?? []) {
    const to = target.split("/")[0] ?? "";
    const downward =
      (FLOORS[to] ?? 99) < (floor ?? 0) &&
      (!SEES_ONLY_THE_DOMAIN.includes(folder) || ["domain", "config"].includes(to));
    if (to !== folder && !downward) found.push(`${file} may not import ${target}`);
  }
  return [...found, ...complaintsAboutShape(file, readFileSync(join(root, file), "utf8"))];
}

function complaintsAboutClient(file: string): readonly string[] {
  const text = readFileSync(join(client, file), "utf8");
  const names = [...text.matchAll(/(?:from |import |import\()"([^"]+)"/g)].map((match) => match[1] ?? "");
  const found = names
    .filter((name) => !CLIENT_IMPORTS.test(name))
    .map((name) => `client/${file} may not import ${name}`);
  return [...found, ...complaintsAboutShape(`client/${file}`, text)];
}

function complaintsAboutShape(file: string, text: string): readonly string[] {
  const found: string[] = [];
  if (text.split("\n").length > LINES_PER_FILE_MAX) found.push(`${file} is longer than ${LINES_PER_FILE_MAX} lines`);
  if (FORBIDDEN_NAMES.some((name) => file.endsWith(name))) found.push(`${file} needs a name that says what is in it`);
  return found;
}

function cycles(): readonly string[] {
  const done = new Set<string>();
  const walk = (file: string, path: readonly string[]): readonly string[] => {
    if (path.includes(file)) return [`import cycle: ${[...path.slice(path.indexOf(file)), file].join(" → ")}`];
    if (done.has(file)) return [];
    const found = (imports.get(file) ?? []).flatMap((target) => walk(target, [...path, file]));
    done.add(file);
    return found;
  };
  return files.flatMap((file) => walk(file, []));
}
