import { deepEqual, equal, match, ok } from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { test } from "node:test";
import { BIN, temporaryFolder, valueIn } from "../support/cli.ts";
import { blocksOf, documentText, Terminal } from "../support/document-blocks.ts";
import { OlderService } from "../support/older-service.ts";
import { copyCheckout } from "../support/package.ts";
import { serve } from "../support/process.ts";
import { freePort } from "../support/server-folder.ts";
import { body, post, SECRET } from "../support/service.ts";
import { unlessTool } from "../support/tools.ts";

const README_LINES_MAX = 150;
const AGENTS_LINES_MAX = 80;
const GUIDE_LINES_MAX = 250;
const GUIDES = [
  "getting-started",
  "receiving",
  "reading",
  "sending",
  "guarantees",
  "migrating-from-python",
];

const ADMIN_API_KEY = "an-admin-key-of-32-characters-or-more";
const skip = unlessTool("curl") || unlessTool("openssl") || unlessTool("python3");

for (const name of ["README.md", "docs/getting-started.md"]) {
  test(`every block of ${name} runs as it stands, in a new checkout`, { skip }, async () => {
    using home = temporaryFolder();
    const folder = home.file("checkout");
    copyCheckout(folder);
    // A clean clone has none: `npm ci` is in the document.
    rmSync(`${folder}/node_modules`);
    await using terminal = new Terminal({ folder, home: home.path, port: await freePort() });
    ok((await terminal.runDocument(name)) >= 2);
  });
}

for (const name of ["docs/receiving.md", "docs/reading.md"]) {
  test(`every block of ${name} runs as it stands, beside a service`, { skip }, async () => {
    using home = temporaryFolder();
    const folder = home.file("folder");
    mkdirSync(folder);
    // receiving.md asks for a test message, which needs an admin key. reading.md reads without one.
    const needsKey = name === "docs/receiving.md";
    await using lyftr = await serve({ cwd: folder, ...(needsKey && { env: { ADMIN_API_KEY } }) });
    equal((await post(lyftr.url, body({ text: "Hello" }))).status, 200);
    const port = Number(new URL(lyftr.url).port);
    const env = { WEBHOOK_SECRET: SECRET, ADMIN_KEY: ADMIN_API_KEY };
    await using terminal = new Terminal({ folder, home: home.path, port, env });
    ok((await terminal.runDocument(name)) >= 1);
    if (name === "docs/reading.md")
      match(readFileSync(`${folder}/messages.csv`, "utf8"), /^message_id,from,/);
  });
}

test("the block of docs/migrating-from-python.md brings new messages back to the older service", {
  skip,
}, async () => {
  using home = temporaryFolder();
  const folder = home.file("folder");
  for (const name of ["data", "node_modules/.bin"])
    mkdirSync(`${folder}/${name}`, { recursive: true });
  // What `npm install` of the package makes.
  symlinkSync(BIN, `${folder}/node_modules/.bin/lyftr`);
  const path = `${folder}/data/app.db`;
  {
    await using before = new OlderService(path, { journalMode: "delete", keepsConnections: false });
    equal((await before.start()).status, 200);
    for (const id of ["m1", "m2"]) equal((await before.webhook("insert", id)).status, 200);
  }
  await using lyftr = await serve({ cwd: folder });
  equal((await post(lyftr.url, body({ message_id: "m3", text: "New" }))).status, 200);
  await using terminal = new Terminal({ folder, home: home.path, port: 0 });
  const [block] = blocksOf(documentText("docs/migrating-from-python.md")).filter(
    ({ language }) => language === "sh",
  );
  ok(block);
  const said = (added: number, present: number) =>
    `added           ${added}\nalready there   ${present}\nleft out        0\n`;
  equal(await terminal.run(block), said(3, 0));
  equal(await terminal.run(block), said(0, 3));
  equal(valueIn(`${folder}/old.db`, "SELECT text FROM messages WHERE message_id = 'm3'"), "New");
  await using after = new OlderService(`${folder}/old.db`, {
    journalMode: "delete",
    keepsConnections: false,
  });
  equal((await after.start()).status, 200);
  deepEqual(await after.webhook("insert", "m2"), { status: 200, outcome: "duplicate" });
  deepEqual(await after.webhook("insert", "m4"), { status: 200, outcome: "created" });
  equal((await after.reads()).status, 200);
});

test("the README and the guides are short", () => {
  const linesOf = (name: string) => documentText(name).trimEnd().split("\n").length;
  ok(linesOf("README.md") <= README_LINES_MAX);
  ok(linesOf("AGENTS.md") <= AGENTS_LINES_MAX);
  for (const guide of GUIDES) ok(linesOf(`docs/${guide}.md`) <= GUIDE_LINES_MAX, guide);
});

test("every figure of the README is in docs/benchmarks.md, and its command names a benchmark", () => {
  const [, table = ""] = /\n## Numbers\n(.*?)\n## /s.exec(documentText("README.md")) ?? [];
  const rows = [...table.matchAll(/^\| (.+?) \| ([0-9,.]+)(?: \w+)? \| (.+?) \|$/gm)];
  ok(rows.length >= 5);
  const cells = new Set(documentText("docs/benchmarks.md").split(/[|\s]+/));
  for (const [row, , figure = "", command = ""] of rows) {
    ok(cells.has(figure), `${row}: ${figure} is not in docs/benchmarks.md`);
    if (command === "the same") continue;
    const [, file = ""] = /^`node bench\/([a-z-]+\.ts)/.exec(command) ?? [];
    ok(readdirSync(new URL("../../bench/", import.meta.url)).includes(file), command);
  }
});
