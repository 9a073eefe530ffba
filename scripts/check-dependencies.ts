import { type Manifest, nameOf, type Packages, readManifest, readPackages } from "./lockfile.ts";

// Checks that the installed packages are the reviewed ones: part of `npm run lint`. Ends with 1
// when something is wrong.

const EXACT_VERSION = /^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$/;
/** The hash that npm verifies after a download. A weaker one could be forged. */
const INTEGRITY = /^sha512-[A-Za-z0-9+/]{86}==$/;

/** Everything that is wrong, one sentence each. */
export function complaintsAbout(manifest: Manifest, packages: Packages): readonly string[] {
  const wanted = Object.entries({
    ...manifest.dependencies,
    ...manifest.devDependencies,
    ...manifest.optionalDependencies,
  });
  const inexact = wanted
    .filter(([, version]) => !EXACT_VERSION.test(version))
    .map(
      ([name, version]) => `package.json: ${name} is "${version}", which is not an exact version`,
    );
  const locked = Object.entries(packages).flatMap(
    ([folder, { resolved, integrity, link, dev, hasInstallScript }]) => {
      const found: string[] = [];
      // Without an address npm asks its configured registry, and the hash proves that it got the
      // same bytes.
      if (resolved !== undefined) found.push("is fetched from an address of its own");
      if (link === true) found.push("is a link to a folder");
      else if (!INTEGRITY.test(integrity ?? "")) found.push("has no SHA-512 to verify it");
      if (hasInstallScript === true && dev !== true)
        found.push("runs a script when it is installed, and is needed at run time");
      return found.map((what) => `package-lock.json: ${nameOf(folder)} ${what}`);
    },
  );
  const missing = wanted
    .filter(([name, version]) => packages[`node_modules/${name}`]?.version !== version)
    .map(([name, version]) => `package-lock.json: ${name} is not locked at ${version}`);
  return [...inexact, ...missing, ...locked];
}

if (import.meta.main) {
  const packages = readPackages();
  const complaints = complaintsAbout(readManifest(), packages);
  for (const complaint of complaints) process.stderr.write(`${complaint}\n`);
  process.stdout.write(
    `dependencies: ${Object.keys(packages).length} packages, ${complaints.length} complaints\n`,
  );
  process.exitCode = complaints.length === 0 ? 0 : 1;
}
