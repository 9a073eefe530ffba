import { deepEqual, ok } from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { VARIABLES } from "../../src/config.ts";

const root = new URL("../../", import.meta.url);
const text = readFileSync(new URL("SECURITY.md", root), "utf8");
const rows = text.split("\n").filter((line) => /^\| (?!threat|---)/.test(line));

test("every threat in SECURITY.md names tests, and every file it names exists", () => {
  ok(rows.length > 20, `${rows.length}`);
  for (const row of rows) ok(/`test\/[^`]+` \|$/.test(row), row);
  const named = [...text.matchAll(/`((?:test|src|docs|scripts)\/[^`]+)`/g)].map(
    ([, path = ""]) => path,
  );
  deepEqual(
    named.filter((path) => !existsSync(new URL(path, root))),
    [],
  );
});

test("every variable that SECURITY.md names exists, and every script is in package.json", () => {
  const names = new Set(Object.values(VARIABLES).map(({ name }) => name));
  const named = [...text.matchAll(/`([A-Z]+(?:_[A-Z]+)+)(?:=[a-z]+)?`/g)].map(
    ([, name = ""]) => name,
  );
  ok(named.length > 5);
  deepEqual(
    named.filter((name) => !names.has(name)),
    [],
  );
  const { scripts } = JSON.parse(readFileSync(new URL("package.json", root), "utf8"));
  for (const [, script = ""] of text.matchAll(/npm run ([a-z]+)/g)) ok(script in scripts, script);
});
