import { deepEqual, equal, match, ok } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { run, temporaryFolder } from "../support/cli.ts";
import { logLines, runLyftr, serve } from "../support/process.ts";
import { body, post } from "../support/service.ts";

const RANDOM = "9f3c61b07ae84d25c1f09e7b35d86a42";

test("a start with an invalid value ends at once with exit code 2, and leaves no file behind", async () => {
  using folder = temporaryFolder();
  execFileSync("mkfifo", [folder.file("fifo")]);
  const before = readdirSync(folder.path);
  for (const [env, said] of [
    [{ DATABASE_URL: "app.db" }, /write sqlite:\/\/\/\.\/app\.db/],
    [{ DATABASE_URL: "sqlite:///app.db?mode=ro" }, /mode among them/],
    [{ DATABASE_URL: "sqlite:///~/app.db" }, /has a ~/],
    [{ LOG_LEVEL: "loud" }, /LOG_LEVEL must be one of/],
    [
      { WEBHOOK_SECRET_FILE: "fifo" },
      /WEBHOOK_SECRET cannot be read from WEBHOOK_SECRET_FILE=fifo: it is a pipe/,
    ],
    [{ MASTER_KEY_FILE: "/dev/zero" }, /it is a device/],
    [{ WEBHOOK_SECRET_PREVIOUS: `${RANDOM},7` }, /fewer than 16 characters in its entry 2 of 2/],
  ] as const) {
    await using lyftr = runLyftr(["serve"], { cwd: folder.path, env });
    equal(await lyftr.ended, 2);
    match(lyftr.stderr(), said);
    deepEqual(readdirSync(folder.path), before);
  }
});

test("a database URL with a line end, quotes or SQLAlchemy's parameters names the same database as without", async () => {
  using folder = temporaryFolder();
  const url = `sqlite:///${folder.file("app.db")}`;
  for (const [index, DATABASE_URL] of [
    url,
    `${url}\n`,
    `"${url}?check_same_thread=False"`,
  ].entries()) {
    await using lyftr = await serve({ cwd: folder.path, env: { DATABASE_URL } });
    equal((await post(lyftr.url, body({ message_id: `m${index}` }))).status, 200);
    const { total } = (await (await fetch(`${lyftr.url}/messages`)).json()) as { total: number };
    equal(total, index + 1);
  }
  deepEqual(
    readdirSync(folder.path).filter((name) => !name.startsWith("app.db")),
    [],
  );
});

test("the start and check-config warn of secrets that can be guessed or have a blank at an end, and repeat none", async () => {
  using folder = temporaryFolder();
  writeFileSync(folder.file("secret"), `${RANDOM} \n`);
  const env = {
    WEBHOOK_SECRET: "",
    WEBHOOK_SECRET_FILE: "secret",
    MASTER_KEY: "a".repeat(32),
    PORT: "0",
  };
  await using lyftr = await serve({ cwd: folder.path, env });
  const warnings = logLines(lyftr.stdout())
    .filter(({ level, msg }) => level === "WARNING" && msg === "a setting needs attention")
    .map(({ warning }) => String(warning));
  equal(warnings.length, 2);
  match(warnings[0] ?? "", /^WEBHOOK_SECRET ends with a blank/);
  match(warnings[1] ?? "", /^MASTER_KEY consists of words or of a pattern/);
  const checked = await run(["check-config"], { cwd: folder.path, env });
  equal(checked.code, 0);
  equal(checked.stderr, warnings.map((warning) => `Warning: ${warning}\n`).join(""));
  ok(!`${lyftr.stdout()}${checked.stdout}${checked.stderr}`.includes(RANDOM));
});

test("the start line says which addresses the service listens on, and whether reading is open", async () => {
  using folder = temporaryFolder();
  const key = { ADMIN_API_KEY: RANDOM };
  for (const [env, host, listens, reading] of [
    [{ HOST: "" }, "0.0.0.0", "every IPv4 address of this machine", "open"],
    [{ HOST: "127.0.0.1", ...key }, "127.0.0.1", "127.0.0.1, from this machine only", "API keys"],
    [{ HOST: "localhost" }, "localhost", "localhost, from this machine only", "open"],
    [
      { HOST: "::1", READ_AUTH: "required", ...key },
      "::1",
      "::1, from this machine only",
      "API keys",
    ],
  ] as const) {
    await using lyftr = await serve({ cwd: folder.path, env });
    const line = await lyftr.line(({ msg }) => msg === "listening");
    deepEqual([line.host, line.listens_on, line.reading], [host, listens, reading]);
    const warning = logLines(lyftr.stdout()).find(({ msg }) => String(msg).includes("may read"));
    equal(warning?.listens_on, reading === "open" ? listens : undefined);
  }
});

test("the quick starts in the documents make the service reachable from its own machine only", () => {
  for (const name of ["README.md", "docs/getting-started.md"]) {
    const text = readFileSync(new URL(`../../${name}`, import.meta.url), "utf8");
    const starts = text.match(/^(?:HOST=\S+ )?(?:npx lyftr serve|make run|npm start)\b.*$/gm) ?? [];
    equal(starts.length > 0, true, name);
    for (const command of starts) match(command, /\bHOST=127\.0\.0\.1 /, name);
  }
});

test("check-config warns when there is no secret, and names all missing settings in the same way", async () => {
  using folder = temporaryFolder();
  const checked = async (env: Record<string, string>) => {
    const { code, stdout, stderr } = await run(["check-config"], { cwd: folder.path, env });
    equal(code, 0, stderr);
    return { stdout, stderr };
  };
  const bare = await checked({});
  match(
    bare.stderr,
    /^Warning: WEBHOOK_SECRET is not set, so every webhook is refused\. Set it, or run lyftr init/m,
  );
  for (const name of [
    "WEBHOOK_SECRET",
    "MASTER_KEY",
    "REDIS_URL",
    "TRUST_PROXY",
    "CORS_ORIGINS",
    "ALERT_WEBHOOK_URL",
  ])
    match(bare.stdout, new RegExp(`^${name}=\\(not set\\)$`, "m"));
  // Everything that can be off is off.
  match(bare.stdout, /^RETENTION_DAYS=off$/m);
  for (const line of bare.stdout.trimEnd().split("\n")) match(line, /^[A-Z_0-9]+=.+$/);
  const inDatabase = await checked({ MASTER_KEY: "7c0d41f2a95be8367c0d41f2a95be836" });
  match(
    inDatabase.stderr,
    /WEBHOOK_SECRET is not set, .* unless the database has a secret \(lyftr secrets list\)/,
  );
  for (const env of [
    { WEBHOOK_SECRET: "5a1f0c93e7b24d68" },
    { WEBHOOK_SECRET_PREVIOUS: "5a1f0c93e7b24d68" },
  ])
    equal((await checked(env)).stderr.includes("is not set"), false);
});
