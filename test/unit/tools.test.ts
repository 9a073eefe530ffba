import { deepEqual } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { REQUIRED_TOOLS } from "../support/tools.ts";

test("`make test` installs every tool that the tests need, and no other", () => {
  const makefile = readFileSync(new URL("../../Makefile", import.meta.url), "utf8");
  const recipe = makefile.split(/^test:/m)[1] ?? "";
  const [, pairs = ""] = /^\tscripts\/install-debian\.sh (.*)$/m.exec(recipe) ?? [];
  const needed = REQUIRED_TOOLS.map(({ name, debian }) => `${name}:${debian}`);
  deepEqual(pairs.split(" ").toSorted(), needed.toSorted());
});
