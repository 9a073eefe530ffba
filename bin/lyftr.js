#!/usr/bin/env node
// Plain JavaScript that Node.js from 14.14 on can run, so that it can say what is missing.
import { existsSync } from "node:fs";

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

await import(existsSync(source) ? source.href : new URL("../dist/main.js", import.meta.url).href);
