import { deepEqual, equal, match } from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { release } from "node:os";
import { test } from "node:test";
import { run, temporaryFolder, valueIn } from "../support/cli.ts";
import { serve } from "../support/process.ts";

const { version } = JSON.parse(
  readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
);

test("version prints what a bug report needs, as a table or as JSON, and leaves no trace", async () => {
  using folder = temporaryFolder();
  const cwd = folder.path;
  const { code, stdout, stderr } = await run(["version", "--json"], { cwd });
  deepEqual([code, stderr], [0, ""]);
  const { schema_sqlite, schema_postgres, ...facts } = JSON.parse(stdout);
  deepEqual(facts, {
    lyftr: version,
    form: "source",
    node: process.versions.node,
    sqlite: process.versions.sqlite,
    platform: `${process.platform} ${process.arch} ${release()}`,
  });
  equal(Number.isInteger(schema_postgres), true);
  const table = await run(["version"], { cwd });
  match(table.stdout, new RegExp(`^lyftr +${version}\n.*^schema_sqlite +${schema_sqlite}\n`, "ms"));
  deepEqual(readdirSync(cwd), []);
  equal((await run(["--version"], { cwd })).stdout, `${version}\n`);
});

test("the printed schema is the one that a database gets", async () => {
  using folder = temporaryFolder();
  {
    await using _service = await serve({ cwd: folder.path });
  }
  const { stdout } = await run(["version", "--json"], { cwd: folder.path });
  equal(
    JSON.parse(stdout).schema_sqlite,
    valueIn(folder.file("data/app.db"), "SELECT max(version) FROM lyftr_migrations"),
  );
});

test("version prints nothing of the configuration, and works when that is wrong", async () => {
  using folder = temporaryFolder();
  const env = { WEBHOOK_SECRET: "a secret of mine", PORT: "none" };
  const { code, stdout } = await run(["version"], { cwd: folder.path, env });
  equal(code, 0);
  equal(stdout.includes("a secret of mine"), false);
});
