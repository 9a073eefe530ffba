import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { readPackages } from "./lockfile.ts";

// `npm run build:executable [-- FILE]`: builds one file that needs no Node on the machine. It is
// this Node with the compiled service and its dependencies attached. Node serves them to itself as
// a file system, so nothing is unpacked or written. See docs/adr/0027.

const FILE_DEFAULT = "executable/lyftr";
/** Files that are run, read or shown, and the licences, whose texts must accompany the code. */
const NEEDED = /(\.(js|cjs|mjs|json|sql|html|css|png|svg|br|gz)|^licen[cs]e.*)$/i;
/** Limits the memory as `npm start` and the image do; see docs/adr/0010. */
const NODE_FLAGS = ["--max-semi-space-size=8", "--disable-sigusr1", "--experimental-vfs"];

const checkout = fileURLToPath(new URL("..", import.meta.url));
const script = (name: string) => fileURLToPath(new URL(`executable/${name}`, import.meta.url));

/** Every attached file of a built checkout: its name in the executable, and its path. */
export function attachedFiles(root: string): Readonly<Record<string, string>> {
  const packages = Object.entries(readPackages()).filter(([, { dev }]) => dev !== true);
  const files = ["dist", ...packages.map(([folder]) => folder)].flatMap((folder) =>
    filesBelow(root, folder),
  );
  return Object.fromEntries(
    ["package.json", "LICENSE", ...files].map((name) => [name, join(root, name)]),
  );
}

/** Packages below a package have their own entries in the lockfile. */
function filesBelow(root: string, folder: string): readonly string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const name = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return entry.name === "node_modules" ? [] : filesBelow(root, name);
    return NEEDED.test(entry.name) ? [name] : [];
  });
}

function buildExecutable(output: string): void {
  const first = `--import=data:text/javascript,${encodeURIComponent(readFileSync(script("thread.js"), "utf8"))}`;
  const settings = {
    main: script("main.js"),
    mainFormat: "module",
    output,
    assets: attachedFiles(checkout),
    useVfs: true,
    execArgv: [...NODE_FLAGS, first],
    disableExperimentalSEAWarning: true,
  };
  const folder = mkdtempSync(join(tmpdir(), "lyftr-executable-"));
  try {
    const file = join(folder, "sea.json");
    writeFileSync(file, JSON.stringify(settings));
    mkdirSync(dirname(output), { recursive: true });
    // A running executable cannot be written to, but another file may replace it.
    rmSync(output, { force: true });
    execFileSync(process.execPath, ["--build-sea", file], {
      stdio: ["ignore", "ignore", "inherit"],
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (import.meta.main) {
  const output = resolve(process.argv[2] ?? join(checkout, FILE_DEFAULT));
  buildExecutable(output);
  process.stdout.write(`${output}\n`);
}
