import { deepEqual, equal, match, notEqual, ok } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "../support/cli.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

test("a failed build keeps the last complete dist/, and a killed build leaves nothing for the next", {
  timeout: 120_000,
}, () => {
  using folder = checkout();
  mkdirSync(folder.file("dist"));
  writeFileSync(folder.file("dist/main.js"), "the last one");
  // No process has this number.
  mkdirSync(folder.file("dist.partial-4194305"));
  const build = () =>
    spawnSync(process.execPath, ["scripts/build.ts"], { cwd: folder.path, encoding: "utf8" });
  const dists = () => readdirSync(folder.path).filter((name) => name.startsWith("dist"));
  writeFileSync(folder.file("src/broken.ts"), "export const broken: number = 'no number';\n");
  notEqual(build().status, 0);
  deepEqual(
    [dists(), readFileSync(folder.file("dist/main.js"), "utf8")],
    [["dist"], "the last one"],
  );
  writeFileSync(folder.file("src/broken.ts"), "export const broken = 0;\n");
  const built = build();
  equal(built.status, 0, built.stdout + built.stderr);
  deepEqual(dists(), ["dist"]);
  const names = readdirSync(folder.file("dist"));
  for (const name of ["main.js", "client", "store", "web"]) equal(names.includes(name), true, name);
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

test("npm start builds only what has changed, and says that it builds on standard error", {
  timeout: 120_000,
}, () => {
  using folder = checkout();
  const build = () => {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ["scripts/build.ts", "--if-changed"],
      {
        cwd: folder.path,
        encoding: "utf8",
      },
    );
    deepEqual([status, stdout], [0, ""], stderr);
    return stderr;
  };
  const { scripts } = JSON.parse(readFileSync(folder.file("package.json"), "utf8"));
  equal(scripts.prestart, "node scripts/build.ts --if-changed");
  match(build(), /^Building Lyftr: compiling the sources to dist\/ …\nBuilt in [0-9.]+ s\.\n$/);
  const before = statSync(folder.file("dist/main.js")).ino;
  equal(build(), "");
  equal(statSync(folder.file("dist/main.js")).ino, before);
  writeFileSync(folder.file("src/another.ts"), "export const another = 1;\n");
  match(build(), /^Building/);
  equal(existsSync(folder.file("dist/another.js")), true);
  writeFileSync(folder.file("src/another.ts"), "export const another = 2;\n");
  match(build(), /^Building/);
  match(readFileSync(folder.file("dist/another.js"), "utf8"), /another = 2/);
  rmSync(folder.file("src/another.ts"));
  match(build(), /^Building/);
  equal(existsSync(folder.file("dist/another.js")), false);
  const page = folder.file("dist/web/index.html");
  utimesSync(page, 0, 0);
  equal(build(), "");
  ok(statSync(page).mtimeMs > 0, "the next start would read the sources again");
  rmSync(folder.file("dist"), { recursive: true });
  match(build(), /^Building/);
  // A package has no trace of it.
  equal(spawnSync(process.execPath, ["scripts/build.ts"], { cwd: folder.path }).status, 0);
  equal(existsSync(folder.file("dist/.built-from")), false);
});

test("several starts at once need one build: the others do not wait for it", () => {
  using folder = checkout();
  const build = () =>
    spawnSync(process.execPath, ["scripts/build.ts", "--if-changed", "--unless-building"], {
      cwd: folder.path,
      encoding: "utf8",
    });
  // This process builds.
  mkdirSync(folder.file(`dist.partial-${process.pid}`));
  const { status, stderr } = build();
  deepEqual([status, stderr, existsSync(folder.file("dist"))], [0, "", false]);
});

test("a checkout whose dashboard was changed builds it when it starts to serve, and only then", () => {
  using folder = checkout();
  cpSync(join(ROOT, "bin"), folder.file("bin"), { recursive: true });
  // What a build writes does not matter here, only when there is one.
  const build = `import { mkdirSync, writeFileSync } from "node:fs";
    process.stderr.write("built\\n");
    mkdirSync("dist/web", { recursive: true });
    writeFileSync("dist/web/index.html", "");`;
  writeFileSync(folder.file("scripts/build.ts"), build);
  const builds = (command: string) =>
    spawnSync(process.execPath, ["bin/lyftr.js", command, "--help"], {
      cwd: folder.path,
      encoding: "utf8",
    }).stderr;
  const later = () => new Date(Date.now() + 60_000);
  equal(builds("send"), "", "another command needs no dashboard");
  equal(builds("serve"), "built\n", "there was none");
  equal(builds("serve"), "");
  utimesSync(folder.file("web/text/en.ts"), later(), later());
  equal(builds("serve"), "built\n", "a source is newer");
  utimesSync(folder.file("web/text/en.ts"), 0, 0);
  equal(builds("demo"), "");
  rmSync(folder.file("web/icon.svg"));
  utimesSync(folder.file("dist/web/index.html"), 0, 0);
  utimesSync(folder.file("web"), later(), later());
  equal(builds("demo"), "built\n", "a source is gone");
  writeFileSync(folder.file("scripts/build.ts"), "process.exit(1)");
  utimesSync(folder.file("dist/web/index.html"), 0, 0);
  match(builds("serve"), /could not be built, so \/ui\/ has that of the last build/);
});

/** A copy of what a build needs. */
function checkout(): ReturnType<typeof temporaryFolder> {
  const folder = temporaryFolder();
  for (const name of ["scripts", "src", "client", "web", "package.json", "tsconfig.json"])
    cpSync(join(ROOT, name), folder.file(name), { recursive: true });
  for (const name of ["tsconfig.build.json", "tsconfig.client.json"])
    cpSync(join(ROOT, name), folder.file(name));
  symlinkSync(join(ROOT, "node_modules"), folder.file("node_modules"));
  return folder;
}
