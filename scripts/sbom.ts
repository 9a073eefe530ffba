import {
  type LockedPackage,
  type Manifest,
  nameOf,
  type Packages,
  readManifest,
  readPackages,
} from "./lockfile.ts";

// `npm run sbom`: writes the components of a running service and of its dashboard to standard
// output, as CycloneDX 1.6, from the lockfile. npm can do that too, but not every version of npm,
// and each time with another date and random number. This output has neither, so that two can be
// compared.

/** Packages whose code is in the built dashboard, besides those that they depend on. */
export const BUNDLED: readonly string[] = ["@preact/signals", "preact"];

/** What is installed without devDependencies, and what the dashboard is built of. */
export function billOfMaterials(manifest: Manifest, packages: Packages) {
  const bundled = bundledFolders(packages);
  const installed = Object.entries(packages).filter(
    ([folder, { dev }]) => dev !== true || bundled.has(folder),
  );
  // A package in two folders is one component.
  const components = [
    ...new Map(installed.map((one) => [reference(nameOf(one[0]), one[1]), one])).values(),
  ];
  return {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: { component: component("application", manifest.name, manifest) },
    components: components.map(([folder, locked]) => component("library", nameOf(folder), locked)),
    dependencies: [
      {
        ref: reference(manifest.name, manifest),
        dependsOn: dependsOn(
          "",
          { ...manifest.dependencies, ...directlyBundled(manifest) },
          packages,
        ),
      },
      ...components.map(([folder, locked]) => ({
        ref: reference(nameOf(folder), locked),
        dependsOn: dependsOn(`${folder}/`, locked.dependencies, packages),
      })),
    ],
  };
}

function directlyBundled({ devDependencies = {} }: Manifest): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(devDependencies).filter(([name]) => BUNDLED.includes(name)),
  );
}

/** The folders of the bundled packages and of all that they need. */
function bundledFolders(packages: Packages): ReadonlySet<string> {
  const found = new Set<string>();
  const add = (name: string): void => {
    const folder = `node_modules/${name}`;
    if (found.has(folder)) return;
    found.add(folder);
    for (const needed of Object.keys(packages[folder]?.dependencies ?? {})) add(needed);
  };
  for (const name of BUNDLED) add(name);
  return found;
}

function component(type: "application" | "library", name: string, locked: LockedPackage) {
  const { version, license, integrity } = locked;
  const ref = reference(name, locked);
  return {
    type,
    "bom-ref": ref,
    name,
    version,
    purl: ref,
    ...(license === undefined ? {} : { licenses: [licenseOf(license)] }),
    ...(integrity === undefined ? {} : { hashes: [{ alg: "SHA-512", content: hex(integrity) }] }),
  };
}

function licenseOf(license: string) {
  return / (OR|AND|WITH) /.test(license) ? { expression: license } : { license: { id: license } };
}

/** A package URL, in which the at sign of a scope is escaped. */
function reference(name: string, { version }: LockedPackage): string {
  return `pkg:npm/${name.replace("@", "%40")}@${version}`;
}

/**
 * The packages that a folder's dependencies resolve to: the nearest ones, as Node resolves them.
 */
function dependsOn(
  base: string,
  wanted: LockedPackage["dependencies"] = {},
  packages: Packages,
): readonly string[] {
  return Object.keys(wanted).flatMap((name) => {
    for (
      let from = base;
      ;
      from = from.slice(0, from.lastIndexOf("node_modules/", from.length - 2))
    ) {
      const found = packages[`${from}node_modules/${name}`];
      if (found !== undefined) return [reference(name, found)];
      if (from === "") return [];
    }
  });
}

function hex(integrity: string): string {
  return Buffer.from(integrity.slice(integrity.indexOf("-") + 1), "base64").toString("hex");
}

if (import.meta.main)
  process.stdout.write(
    `${JSON.stringify(billOfMaterials(readManifest(), readPackages()), null, 2)}\n`,
  );
