import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, realpathSync, symlinkSync } from "node:fs";
import { delimiter, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "./cli.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const NPM_MS_MAX = 180_000;
/** What a clean clone does not have. Dependencies are linked then, because packing needs the compiler. */
const NOT_CLONED = ["node_modules", ".git", "dist", "data", "coverage", "executable", ".env"];

export interface InstalledPackage extends Disposable {
  readonly tarball: string;
  /** An empty folder but for the installed package. */
  readonly home: string;
  /** A home, and a PATH with the pinned Node, npm and npx and nothing else: all that a command of the installed package is run with. */
  readonly env: Readonly<Record<string, string>>;
}

/** `npm pack` in a copy of the checkout, so that nobody's `dist/` is touched, and `npm install` of the result where nothing else is. */
export function installPackage(): InstalledPackage {
  const folder = temporaryFolder();
  const [clone, home, bin] = ["clone", "home", "bin"].map(folder.file) as [string, string, string];
  copyCheckout(clone);
  for (const made of [home, bin]) mkdirSync(made);
  const tarball = join(clone, npm(["pack", "--silent"], clone).trim());
  // How a machine reaches its registry is its own affair, so npm itself runs with everything that is set here.
  npm(["install", "--prefer-offline", "--no-audit", "--no-fund", tarball], home);
  symlinkSync(process.execPath, join(bin, "node"));
  for (const name of ["npm", "npx", "sh"]) symlinkSync(programOnPath(name), join(bin, name));
  return { tarball, home, env: { HOME: home, PATH: bin }, [Symbol.dispose]: () => folder[Symbol.dispose]() };
}

/** What a clean clone has, and the dependencies of this one. */
export function copyCheckout(to: string): void {
  cpSync(ROOT, to, { recursive: true, filter: (path) => !NOT_CLONED.includes(relative(ROOT, path)) });
  symlinkSync(join(ROOT, "node_modules"), join(to, "node_modules"));
}

/** npm tells what it runs about itself in the environment, which would make another npm believe that it is in this checkout. */
function npm(args: readonly string[], cwd: string): string {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(npm_|INIT_CWD)/i.test(name)));
  return execFileSync("npm", args, {
    cwd,
    env,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    timeout: NPM_MS_MAX,
  });
}

export function programOnPath(name: string): string {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    try {
      return realpathSync(join(folder, name));
    } catch {
      // It is in one of the others.
    }
  }
  throw new Error(`${name} is not on PATH`);
}
