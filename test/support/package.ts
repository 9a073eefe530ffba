import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, realpathSync, symlinkSync } from "node:fs";
import { delimiter, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "./cli.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** An install takes some seconds. */
const NPM_MS_MAX = 100_000;
/**
 * What a clean clone does not have. Dependencies are linked then, because packing needs the
 * compiler.
 */
const NOT_CLONED = ["node_modules", ".git", "dist", "data", "coverage", "executable", ".env"];

export interface InstalledPackage extends Disposable {
  readonly tarball: string;
  /** A folder with only the installed package. */
  readonly home: string;
  /**
   * A home, and a PATH with only the pinned Node, npm and npx: the whole environment of a command
   * of the installed package.
   */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Runs `npm pack` in a copy of the checkout, so that its `dist/` is not touched, and `npm install`
 * of the result in an empty folder.
 */
export function installPackage(): InstalledPackage {
  const folder = temporaryFolder();
  const [clone, home, bin] = ["clone", "home", "bin"].map(folder.file) as [string, string, string];
  copyCheckout(clone);
  for (const made of [home, bin]) mkdirSync(made);
  const tarball = join(clone, npm(["pack", "--silent"], clone).trim());
  // npm itself runs with the whole environment, because each machine has its own way to its
  // registry.
  install(tarball, home);
  symlinkSync(process.execPath, join(bin, "node"));
  for (const name of ["npm", "npx", "sh"]) symlinkSync(programOnPath(name), join(bin, name));
  return {
    tarball,
    home,
    env: { HOME: home, PATH: bin },
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

/** A registry may leave one request without an answer, so the second try decides. */
function install(tarball: string, home: string): void {
  const args = ["install", "--prefer-offline", "--no-audit", "--no-fund", tarball];
  try {
    npm(args, home);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ETIMEDOUT") throw error;
    npm(args, home);
  }
}

/** The content of a clean clone, and the dependencies of this checkout. */
export function copyCheckout(to: string): void {
  cpSync(ROOT, to, {
    recursive: true,
    filter: (path) => !NOT_CLONED.includes(relative(ROOT, path)),
  });
  symlinkSync(join(ROOT, "node_modules"), join(to, "node_modules"));
}

/**
 * npm describes its run in the environment. Another npm would conclude that it is in this checkout.
 */
function npm(args: readonly string[], cwd: string): string {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(npm_|INIT_CWD)/i.test(name)),
  );
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
