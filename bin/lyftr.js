#!/usr/bin/env node
// Plain JavaScript that a Node from 14.8 on can read, so that it can say what is missing.
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 24 || (major === 24 && minor < 15)) {
  process.stderr.write(
    `lyftr needs Node.js 24.15 or newer, this is ${process.versions.node}.\n` +
      "In a checkout, `npm ci` brings a fitting one for npm scripts and npx: npm start, npx lyftr.\n",
  );
  process.exit(1);
}

const { existsSync } = await import("node:fs");
// A checkout runs the source as it is written; the published package carries dist/ only.
const source = new URL("../src/main.ts", import.meta.url);
await import(existsSync(source) ? source.href : new URL("../dist/main.js", import.meta.url).href);
