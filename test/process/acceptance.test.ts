import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { walkThrough } from "../support/acceptance-walk.ts";
import { serve } from "../support/process.ts";
import { testedDatabase } from "../support/tested-store.ts";

test("the acceptance walk of the contract, against the real process", async () => {
  await using database = await testedDatabase();
  const cwd = mkdtempSync(join(tmpdir(), "lyftr-walk-"));
  await using lyftr = await serve({ cwd, env: { DATABASE_URL: database.url } });
  await walkThrough(lyftr);
});
