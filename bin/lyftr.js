#!/usr/bin/env node
// Plain JavaScript that a Node from 14.14 on can read, so that it can say what is missing.
import { existsSync } from "node:fs";

// A checkout runs the source as it is written; the published package carries dist/ only.
const source = new URL("../src/main.ts", import.meta.url);
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 24 || (major === 24 && minor < 15)) {
  process.stderr.write(
    `lyftr needs Node.js 24.15 or newer, this is ${process.versions.node}.\n` +
      (existsSync(source)
        ? "`npm ci` brings a fitting one for npm scripts and npx: npm start, npx lyftr.\n"
        : "Put a newer `node` first on PATH, or use the image or the single executable. The client alone, lyftr/client, runs on Node.js 20.\n"),
  );
  process.exit(1);
}

await import(existsSync(source) ? source.href : new URL("../dist/main.js", import.meta.url).href);
