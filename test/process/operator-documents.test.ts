import { deepEqual, equal, match, ok } from "node:assert/strict";
import { mkdirSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { run, temporaryFolder, valueIn } from "../support/cli.ts";
import { type Block, blocksOf, documentText, Terminal } from "../support/document-blocks.ts";
import { type FakeChat, fakeChat } from "../support/fake-chat.ts";
import { serve } from "../support/process.ts";
import { body, post } from "../support/service.ts";
import { unlessTool } from "../support/tools.ts";

// The blocks of the operator's pages that need nothing but the service. `restore.test.ts` runs
// those of backup and restore.

const PAGE_LINES_MAX = 250;
const PAGES = ["docs/operations", "docs/operations/runbooks", "docs/deployment"].flatMap((folder) =>
  readdirSync(new URL(`../../${folder}`, import.meta.url))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `${folder}/${name}`),
);
const NUMBER = "+919876543210";
const skip = unlessTool("curl");

interface Place {
  readonly url: string;
  readonly database: string;
  run(block: Block): Promise<string>;
}

/**
 * Runs something in a folder with a running service, and with a terminal in which `lyftr` is
 * installed.
 */
async function beside(
  env: Readonly<Record<string, string>>,
  work: (place: Place) => Promise<void>,
): Promise<void> {
  using home = temporaryFolder();
  const folder = home.file("folder");
  mkdirSync(folder);
  await using lyftr = await serve({ cwd: folder, env });
  const port = Number(new URL(lyftr.url).port);
  await using terminal = new Terminal({ folder, home: home.path, port, env });
  await work({
    url: lyftr.url,
    database: `${folder}/data/app.db`,
    run: (block) => terminal.run(block),
  });
}

/** The first block of a page, for a shell. */
function firstBlock(page: string): Block {
  const block = blocksOf(documentText(page)).find(({ language }) => language === "sh");
  ok(block, `${page} has no block`);
  return block;
}

/** Commands that ask at a terminal get --yes: `cli-retention.test.ts` tests the questions. */
function withoutQuestions({ language, text }: Block): Block {
  const told = text.replace(/^(lyftr (?:retention --days \d+|erase \+\d+)) .*$/gm, "$1 --yes");
  return { language, text: told };
}

test("the keys of docs/operations/keys-and-secrets.md are made, used, rotated and revoked", {
  skip,
}, async () => {
  await beside({}, async ({ database, run: runBlock }) => {
    const output = await runBlock(firstBlock("docs/operations/keys-and-secrets.md"));
    match(output, /"total_messages":0/);
    equal(valueIn(database, "SELECT count(*) FROM api_keys WHERE revoked_at IS NULL"), 0);
    equal(valueIn(database, "SELECT count(*) FROM api_keys"), 2);
    match(output, /key\.revoked/);
  });
});

test("the commands of docs/operations/retention-and-erasure.md delete what they say", {
  skip,
}, async () => {
  const key = "a-key-for-the-administrator-of-this-test";
  const env = { RETENTION_DAYS: "400", ADMIN_API_KEY: key, ADMIN_KEY: key };
  await beside(env, async ({ url, database, run: runBlock }) => {
    for (const from of [NUMBER, "+14155550100"])
      equal((await post(url, body({ from, message_id: from }))).status, 200);
    const output = await runBlock(
      withoutQuestions(firstBlock("docs/operations/retention-and-erasure.md")),
    );
    match(
      output,
      /^would delete +0 of 2 messages$.*^deleted 1 messages; none.*"messages_deleted":0/ms,
    );
    equal(valueIn(database, "SELECT count(*) FROM lyftr_messages"), 1);
  });
});

test("the command of docs/operations/alerts.md reaches the chat that is configured", {
  skip,
}, async () => {
  await using chat: FakeChat = await fakeChat();
  await beside({ ALERT_WEBHOOK_URL: chat.url }, async ({ run: runBlock }) => {
    await runBlock(firstBlock("docs/operations/alerts.md"));
    equal(chat.texts.length, 2);
  });
});

test("the command of docs/operations/upgrade.md makes a database", async () => {
  using home = temporaryFolder();
  const folder = home.file("folder");
  mkdirSync(folder);
  await using terminal = new Terminal({ folder, home: home.path, port: 0 });
  await terminal.run(firstBlock("docs/operations/upgrade.md"));
  equal((await run(["verify"], { cwd: folder })).code, 0);
});

test("every page for operators is short and begins with the reader's task", () => {
  ok(PAGES.length > 20, PAGES.join(" "));
  for (const page of PAGES) {
    const text = documentText(page);
    const lines = text.trimEnd().split("\n");
    ok(lines.length <= PAGE_LINES_MAX, `${page} has ${lines.length} lines`);
    const [, opening = ""] = /^# [^\n]+\n\n(.+?)\n\n/s.exec(text) ?? [];
    match(opening, /\bRead this page\b|\bFind\b/, page);
  }
});

test("the indexes lead to every page of their folder", () => {
  for (const folder of ["docs/operations", "docs/deployment"]) {
    const linked = [...documentText(`${folder}/README.md`).matchAll(/\]\(([\w/-]+\.md)/g)].map(
      ([, path]) => path,
    );
    const own = PAGES.filter((page) => page.startsWith(`${folder}/`)).map((page) =>
      page.slice(folder.length + 1),
    );
    deepEqual(
      own.filter((page) => page !== "README.md" && !linked.includes(page)),
      [],
    );
  }
});
