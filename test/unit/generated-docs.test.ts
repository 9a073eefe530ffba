import { equal, match, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { Command } from "commander";
import { generatedPages } from "../../scripts/docs/pages.ts";
import { wholeProgram } from "../../src/cli/cli.ts";
import { wrapped } from "../../src/cli/wrap.ts";

const WIDTH_MAX = 100;
const pages = await generatedPages();

for (const [name, text] of Object.entries(pages)) {
  test(`docs/${name} is what npm run docs generates`, () => {
    const file = readFileSync(new URL(`../../docs/${name}`, import.meta.url), "utf8");
    equal(file, text, `docs/${name} is stale. Run npm run docs.`);
  });

  test(`docs/${name} is at most ${WIDTH_MAX} columns wide, except in tables`, () => {
    const prose = text.split("\n").filter((line) => !line.startsWith("|"));
    for (const line of prose) ok(line.length <= WIDTH_MAX, line);
  });
}

test("docs/cli.md has every option and argument of every command", async () => {
  const page = pages["cli.md"] ?? "";
  const check = (command: Command, path: string) => {
    const [, section = ""] = page.split(new RegExp(`^##+ ${path}$`, "m"));
    const own = section.split(/^##/m)[0] ?? "";
    match(own, /\S/, path);
    for (const { flags } of command.options) ok(own.includes(`\`${flags}\``), `${path} ${flags}`);
    for (const argument of command.registeredArguments)
      ok(
        own.includes(`\`<${argument.name().replaceAll("|", "\\|")}>\``),
        `${path} ${argument.name()}`,
      );
    for (const below of command.commands) check(below, `${path} ${below.name()}`);
  };
  for (const command of (await wholeProgram()).commands) check(command, `lyftr ${command.name()}`);
});

test("text is wrapped between words, and a word that is too long gets its own line", () => {
  equal(wrapped("one two  three\nfour", 9).join("|"), "one two|three|four");
  equal(wrapped("a very-long-word b", 6).join("|"), "a|very-long-word|b");
  equal(wrapped("  ", 6).length, 0);
});
