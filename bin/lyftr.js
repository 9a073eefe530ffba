#!/usr/bin/env node
// Plain JavaScript that Node.js from 14.14 on can run, so that it can say what is missing.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

// A checkout runs the source. The published package contains only dist/.
const source = new URL("../src/main.ts", import.meta.url);
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 24 || (major === 24 && minor < 15)) {
  const words = process.argv.slice(2);
  // Words that a shell would change are left out.
  const again = ["npx lyftr"]
    .concat(words.every((word) => /^[\w./=:+-]+$/.test(word)) ? words : [])
    .join(" ");
  process.stderr.write(
    `lyftr needs Node.js 24.15 or newer, this is ${process.versions.node}.\n` +
      (existsSync(source)
        ? `Run: npm ci && ${again}\nnpm ci installs a newer Node.js in this checkout, for npx and npm scripts.\n`
        : `Run: npm install node@26 && ${again}\n` +
          "This installs a newer Node.js in this folder, for npx. Or put a newer `node` first on PATH, or use the\n" +
          "image or the single executable. The client alone, lyftr/client, runs on Node.js 20.\n"),
  );
  process.exit(1);
}

// A package comes with its dashboard. A checkout builds it, and again after `git pull`.
const isServing = process.argv[2] === "serve" || process.argv[2] === "demo";
if (isServing && existsSync(source) && isOlder("../dist/web/index.html", "../web/")) {
  const build = fileURLToPath(new URL("../scripts/build.ts", import.meta.url));
  const { status } = spawnSync(process.execPath, [build, "--if-changed", "--unless-building"], {
    stdio: ["ignore", 2, 2],
  });
  if (status !== 0)
    process.stderr.write(
      existsSync(new URL("../dist/web/", import.meta.url))
        ? "The dashboard could not be built, so /ui/ has that of the last build.\n"
        : "The dashboard could not be built, so /ui/ has no pages.\n",
    );
}

await import(existsSync(source) ? source.href : new URL("../dist/main.js", import.meta.url).href);

/**
 * Whether a file is missing, or anything in a folder was changed after it. This takes 3 ms for the
 * sources of the dashboard. `--if-changed` reads them all and takes 60 ms, so it comes only then.
 */
function isOlder(file, folder) {
  const path = new URL(file, import.meta.url);
  if (!existsSync(path)) return true;
  const builtMs = statSync(path).mtimeMs;
  const sources = fileURLToPath(new URL(folder, import.meta.url));
  // An editor may take a file away in between.
  const changedMs = (name) =>
    statSync(join(sources, name), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return [".", ...readdirSync(sources, { recursive: true })].some(
    (name) => changedMs(name) > builtMs,
  );
}
