import { deepEqual, equal, match, ok } from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { openCredentials } from "../../src/store/open.ts";
import { hasStackTrace, run, temporaryFolder } from "../support/cli.ts";
import { runLyftr } from "../support/process.ts";

const MASTER_KEY = "a master key of thirty-two characters";
const env = { DATABASE_URL: "sqlite:///./app.db", MASTER_KEY };

test("add makes a secret, shows it once and alone, and both changes are in the audit without it", async () => {
  using folder = temporaryFolder();
  const options = { cwd: folder.path, env };
  equal((await run(["migrate"], options)).code, 0);
  const added = await run(["secrets", "add", "main"], options);
  match(added.stdout, /^[0-9a-f]{64}\n$/);
  equal(added.stderr.includes(added.stdout.trim()), false);
  equal((await run(["secrets", "add", "main"], options)).code, 1);
  equal((await run(["secrets", "add", "next"], options)).code, 0);
  const refused = await run(["secrets", "retire", "main", "--in", "24h"], options);
  equal(refused.code, 1);
  match(
    refused.stderr,
    /main was not retired\. The answer of lyftr secrets list: no: no other secret has verified a message since\.\n.*--force/,
  );
  equal((await run(["secrets", "retire", "main", "--in", "24h", "--force"], options)).code, 0);
  const access = await openCredentials(`sqlite:///${folder.file("app.db")}`, "read");
  const audit = await access.audit.newest({ limit: 10 });
  await access.close();
  deepEqual(
    audit.map(({ actor, action, subject }) => `${actor} ${action} ${subject}`),
    ["cli secret.retired main", "cli secret.added next", "cli secret.added main"],
  );
  equal(JSON.stringify(audit).includes(added.stdout.trim()), false);
  match(
    (await run(["secrets", "list"], options)).stdout,
    /^main +database +\S+Z +\S+Z +never +no: no other secret has verified a message since$/m,
  );
});

test("a secret can come from a file, and the list knows that it is that of the environment", async () => {
  using folder = temporaryFolder();
  writeFileSync(folder.file("secret"), "shared with a partner\n");
  const options = { cwd: folder.path, env: { ...env, WEBHOOK_SECRET: "shared with a partner" } };
  equal((await run(["migrate"], options)).code, 0);
  const added = await run(["secrets", "add", "partner", "--secret-file", "secret"], options);
  deepEqual([added.code, added.stdout], [0, ""]);
  const { stdout } = await run(["secrets", "list"], options);
  match(stdout, /^current +WEBHOOK_SECRET .* yes: partner is the same secret$/m);
  match(stdout, /^partner +database .* yes: current is the same secret$/m);
  equal(stdout.includes("shared"), false);
});

test("the last secret is only retired by force, and those of the environment count", async () => {
  using folder = temporaryFolder();
  const options = { cwd: folder.path, env };
  equal((await run(["migrate"], options)).code, 0);
  equal((await run(["secrets", "add", "only"], options)).code, 0);
  for (const more of [[], ["--in", "1h"]]) {
    const refused = await run(["secrets", "retire", "only", ...more], options);
    equal(refused.code, 1);
    match(refused.stderr, /No other secret would be left.*--force/);
  }
  // One that ends earlier does not count.
  const ending = {
    ...env,
    WEBHOOK_SECRET_PREVIOUS: `an-old-secret-of-ours@${new Date(Date.now() + 60_000).toISOString()}`,
  };
  equal(
    (await run(["secrets", "retire", "only", "--in", "1h"], { cwd: folder.path, env: ending }))
      .code,
    1,
  );
  const ends = await run(["secrets", "retire", "only"], { cwd: folder.path, env: ending });
  match(
    ends.stderr,
    /No running service has reported .* based on the environment of this command\./,
  );
  match(
    ends.stderr,
    /only was not retired\. The answer of lyftr secrets list: no: every other secret expires\./,
  );
  equal(
    (await run(["secrets", "retire", "only", "--force"], { cwd: folder.path, env: ending })).code,
    0,
  );
  equal((await run(["secrets", "retire", "only"], options)).code, 1);
  equal((await run(["secrets", "add", "only"], options)).code, 0);
  equal((await run(["secrets", "retire", "only", "--force"], options)).code, 0);
  equal(
    (await run(["secrets", "list"], options)).stderr,
    "There are no secrets, so every webhook is refused.\n",
  );
});

test("a failure is reported in one line, with the exit code of its kind, and no secret is shown", async () => {
  using folder = temporaryFolder();
  writeFileSync(folder.file("blank"), " \n");
  const noKey = { DATABASE_URL: env.DATABASE_URL };
  const wrong: [Record<string, string>, string[], number, RegExp][] = [
    [noKey, ["add", "main"], 2, /MASTER_KEY is not set.*\n.*openssl rand -hex 32/],
    [
      { ...env, MASTER_KEY: "short" },
      ["add", "main"],
      2,
      /MASTER_KEY must have at least 32 characters/,
    ],
    [env, ["add", "Main"], 2, /lower-case/],
    [env, ["add", "current2"], 2, /not begin with current/],
    [env, ["add", "previous_1"], 2, /not begin with current/],
    [env, ["add", "main", "--secret-file", "blank"], 2, /blank is empty/],
    [env, ["add", "main", "--secret-file", "nothing"], 2, /nothing does not exist/],
    [env, ["list"], 1, /no database/],
    [env, ["retire", "main"], 1, /no database/],
    [env, ["retire", "main", "--in", "soon"], 2, /duration such as/],
    [env, ["retire", "previous_1"], 2, /comes from the environment/],
  ];
  for (const [of, args, code, said] of wrong) {
    const found = await run(["secrets", ...args], { cwd: folder.path, env: of });
    deepEqual([found.code, found.stdout], [code, ""], args.join(" "));
    match(found.stderr, said);
    equal(hasStackTrace(found.stderr), false);
  }
});

test("without its master key a secret is listed as such, with exit 2", async () => {
  using folder = temporaryFolder();
  equal((await run(["migrate"], { cwd: folder.path, env })).code, 0);
  equal((await run(["secrets", "add", "main"], { cwd: folder.path, env })).code, 0);
  const { code, stdout } = await run(["secrets", "list"], {
    cwd: folder.path,
    env: { DATABASE_URL: env.DATABASE_URL },
  });
  equal(code, 2);
  match(stdout, /^main +database .* unknown: MASTER_KEY is not set/m);
});

test("a wrong WEBHOOK_SECRET_PREVIOUS exits 2 and repeats nothing of it", async () => {
  using folder = temporaryFolder();
  const nine = Array.from({ length: 9 }, (_, n) => `hunter${n}`).join();
  for (const [value, said] of [
    ["hunter2@2026-02-30T00:00:00Z", /entry 1/],
    ["hunter1,@2026-02-03T00:00:00Z", /entry 2/],
    [nine, /more than 7/],
  ] as const) {
    await using lyftr = runLyftr(["serve"], {
      cwd: folder.path,
      env: { ...env, WEBHOOK_SECRET_PREVIOUS: value },
    });
    equal(await lyftr.ended, 2);
    match(lyftr.stderr(), said);
    ok(!lyftr.stderr().includes("hunter") && !lyftr.stdout().includes("hunter"));
  }
});
