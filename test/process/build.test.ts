import { deepEqual, equal, match, notEqual } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "../support/cli.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

test("a failed build keeps the last complete dist/, and a killed build leaves nothing for the next", {
  timeout: 120_000,
}, () => {
  using folder = temporaryFolder();
  for (const name of ["scripts", "src", "client", "package.json", "tsconfig.json"])
    cpSync(join(ROOT, name), folder.file(name), { recursive: true });
  for (const name of ["tsconfig.build.json", "tsconfig.client.json"]) cpSync(join(ROOT, name), folder.file(name));
  symlinkSync(join(ROOT, "node_modules"), folder.file("node_modules"));
  mkdirSync(folder.file("dist"));
  writeFileSync(folder.file("dist/main.js"), "the last one");
  // No process has this number.
  mkdirSync(folder.file("dist.partial-4194305"));
  const build = () => spawnSync(process.execPath, ["scripts/build.ts"], { cwd: folder.path, encoding: "utf8" });
  const dists = () => readdirSync(folder.path).filter((name) => name.startsWith("dist"));
  writeFileSync(folder.file("src/broken.ts"), "export const broken: number = 'no number';\n");
  notEqual(build().status, 0);
  deepEqual([dists(), readFileSync(folder.file("dist/main.js"), "utf8")], [["dist"], "the last one"]);
  writeFileSync(folder.file("src/broken.ts"), "export const broken = 0;\n");
  const built = build();
  equal(built.status, 0, built.stdout + built.stderr);
  deepEqual(dists(), ["dist"]);
  const names = readdirSync(folder.file("dist"));
  for (const name of ["main.js", "client", "store"]) equal(names.includes(name), true, name);
});

test("npm does not warn of the system's Node.js, which npm ci replaces", () => {
  using folder = temporaryFolder();
  const manifest = { name: "x", version: "1.0.0", engines: { node: ">=1000" } };
  const install = () =>
    spawnSync("npm", ["install", "--dry-run", "--offline", "--no-audit"], {
      cwd: folder.path,
      env: { PATH: process.env.PATH, HOME: folder.path, npm_config_update_notifier: "false" },
      encoding: "utf8",
    });
  writeFileSync(folder.file("package.json"), JSON.stringify(manifest));
  match(install().stderr, /EBADENGINE/);
  cpSync(join(ROOT, ".npmrc"), folder.file(".npmrc"));
  const quiet = install();
  deepEqual([quiet.status, quiet.stderr], [0, ""]);
});
