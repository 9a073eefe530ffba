import { readFileSync, rmSync, writeFileSync } from "node:fs";
import type { Packages } from "./lockfile.ts";

// package-lock.json is not published with a package; npm-shrinkwrap.json is. It records the tested
// version of every package, with its hash. It exists only while `npm pack` runs: otherwise npm
// would use it instead of the lockfile.

const FILE = new URL("../npm-shrinkwrap.json", import.meta.url);

interface Lockfile {
  readonly packages: Packages & { readonly "": Readonly<Record<string, unknown>> };
}

/** The lockfile without packages for development. */
export function shrinkwrapOf<T extends Lockfile>(lockfile: T): T {
  const { devDependencies, ...project } = lockfile.packages[""];
  const installed = Object.entries(lockfile.packages).filter(
    ([folder, { dev }]) => folder !== "" && dev !== true,
  );
  return { ...lockfile, packages: { "": project, ...Object.fromEntries(installed) } };
}

if (import.meta.main) {
  if (process.argv.includes("--remove")) rmSync(FILE, { force: true });
  else {
    const lockfile = JSON.parse(
      readFileSync(new URL("../package-lock.json", import.meta.url), "utf8"),
    );
    writeFileSync(FILE, `${JSON.stringify(shrinkwrapOf(lockfile), null, 2)}\n`);
  }
}
