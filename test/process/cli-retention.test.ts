import { deepEqual, equal, match } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { BIN, hasStackTrace, run, temporaryFolder, valueIn } from "../support/cli.ts";
import { logLines, serve } from "../support/process.ts";
import { body, getJson, post } from "../support/service.ts";
import { unlessTool } from "../support/tools.ts";

const env = { DATABASE_URL: "sqlite:///./app.db" };
const PERSON = "+919876500001";
const DAY_MS = 86_400_000;
const daysAgo = (days: number) => new Date(Date.now() - days * DAY_MS).toISOString();

type Folder = ReturnType<typeof temporaryFolder>;

/** 300 messages, one a day from today backwards, every tenth from the person. */
async function filled(folder: Folder): Promise<void> {
  const lines = Array.from({ length: 300 }, (_, at) =>
    body({
      message_id: `m${at}`,
      created_at: daysAgo(at + 0.5),
      ...(at % 10 === 0 ? { from: PERSON } : {}),
    }),
  );
  writeFileSync(folder.file("in.ndjson"), lines.join("\n"));
  equal((await run(["import", "in.ndjson"], { cwd: folder.path, env })).code, 0);
}

const stored = (folder: Folder) => valueIn(folder.file("app.db"), "SELECT count(*) FROM messages");

test("retention says what it would delete, then deletes it, and says so", async () => {
  using folder = temporaryFolder();
  await filled(folder);
  const at = { cwd: folder.path, env: { ...env, RETENTION_DAYS: "200" } };
  const dry = await run(["retention", "--dry-run"], at);
  deepEqual([dry.code, dry.stderr], [0, ""]);
  match(dry.stdout, /^received before {2}\S+Z\nwould delete {5}100 of 300 messages\n$/);
  equal(stored(folder), 300);
  const done = await run(["retention", "--yes"], at);
  deepEqual([done.code, done.stderr], [0, ""]);
  match(done.stdout, /^deleted {10}100 of 300 messages$/m);
  equal(stored(folder), 200);
  // The option overrides the variable, and does not need one.
  match(
    (await run(["retention", "--days", "50", "--yes"], { cwd: folder.path, env })).stdout,
    /^deleted {10}150 of 200 messages$/m,
  );
  match(
    (await run(["retention", "--days", "50", "--yes"], { cwd: folder.path, env })).stdout,
    /^deleted {10}0 of 50 messages$/m,
  );
  equal(valueIn(folder.file("app.db"), "SELECT count(*) FROM tombstones"), 250);
  match((await run(["audit"], { cwd: folder.path, env })).stdout, /retention\.ran/);
  match((await run(["verify"], { cwd: folder.path, env })).stdout, /nothing differs/);
});

/** Types an answer at the terminal of a command; returns its output and its exit code. */
function atTerminal(folder: Folder, args: readonly string[], answer: string) {
  const python = `import os, pty, sys
pid, terminal = pty.fork()
if pid == 0: os.execv(sys.argv[1], sys.argv[1:])
said = b""
answered = False
while True:
    try: part = os.read(terminal, 4096)
    except OSError: break
    if not part: break
    said += part
    if not answered and b"Type yes: " in said:
        answered = True
        os.write(terminal, ${JSON.stringify(answer)}.encode())
sys.stdout.buffer.write(said)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))`;
  const { status, stdout } = spawnSync("python3", ["-c", python, process.execPath, BIN, ...args], {
    cwd: folder.path,
    env: { ...process.env, ...env },
    encoding: "utf8",
    timeout: 20_000,
  });
  return { code: status, said: stdout };
}

test("at a terminal retention shows what would be deleted and asks: only yes deletes", {
  skip: unlessTool("python3"),
}, async () => {
  using folder = temporaryFolder();
  await filled(folder);
  for (const answer of ["no\n", "\u0003"]) {
    const { code, said } = atTerminal(folder, ["retention", "--days", "200"], answer);
    match(
      stripVTControlCharacters(said),
      /received before {2}\S+Z\r\nwould delete {5}100 of 300 messages\r\nDelete them for ever\? Type yes: /,
    );
    match(said, /Nothing was deleted\./);
    equal(code, 1, answer);
  }
  equal(stored(folder), 300);
  const { code, said } = atTerminal(folder, ["retention", "--days", "200"], "yes\n");
  match(said, /deleted {10}100 of 300 messages/);
  deepEqual([code, stored(folder)], [0, 200]);
});

test("a sweep that the service refuses is confirmed by the command, which records the clock of this machine", async () => {
  using folder = temporaryFolder();
  await filled(folder);
  const db = new DatabaseSync(folder.file("app.db"));
  db.prepare("INSERT INTO retention_sweep VALUES (1, ?, NULL, NULL)").run(daysAgo(400));
  db.close();
  const sweptAt = () =>
    String(valueIn(folder.file("app.db"), "SELECT swept_at FROM retention_sweep"));
  const dry = await run(["retention", "--days", "1", "--dry-run"], { cwd: folder.path, env });
  match(dry.stderr, /^note: The clock of this machine says \S+Z\. That is 400 days ahead of /);
  equal(sweptAt() < daysAgo(399), true);
  const done = await run(["retention", "--days", "1", "--yes"], { cwd: folder.path, env });
  match(done.stdout, /^deleted {10}299 of 300 messages$/m);
  equal(sweptAt() > daysAgo(1), true);
});

test("an invalid or missing argument is reported with exit code 2, and nothing is deleted", async () => {
  using folder = temporaryFolder();
  await filled(folder);
  const cases = [
    [["retention"], {}, /RETENTION_DAYS is off\. Set it, or give the number of days with --days/],
    [["retention", "--days", "0"], {}, /--days <n>.*from 1 to 36500/],
    [["retention", "--days", "1d"], {}, /--days <n>/],
    [
      ["retention"],
      { RETENTION_DAYS: "ten" },
      /RETENTION_DAYS must be a number of days from 1 to 36500, or off, not "ten"/,
    ],
    [
      ["retention"],
      { RETENTION_DAYS: "10", TOMBSTONE_DAYS: "-1" },
      /TOMBSTONE_DAYS must be a whole number/,
    ],
    [["erase"], {}, /missing required argument 'number'/],
    [
      ["erase", PERSON],
      {},
      /The command cannot ask without a terminal, so nothing was deleted. To delete without a question, add --yes/,
    ],
    [
      ["retention", "--days", "10"],
      {},
      /The command cannot ask without a terminal, so nothing was deleted. To delete without a question, add --yes/,
    ],
    [["retention"], { RETENTION_DAYS: "10" }, /The command cannot ask without a terminal/],
    [["erase", " ", "--yes"], {}, /The number is empty/],
  ] as const;
  for (const [args, more, complaint] of cases) {
    const { code, stdout, stderr } = await run(args, {
      cwd: folder.path,
      env: { ...env, ...more },
    });
    deepEqual([code, stdout], [2, ""], `${args.join(" ")} ${stderr}`);
    match(stderr, complaint);
    equal(hasStackTrace(stderr), false);
  }
  equal(stored(folder), 300);
});

test("erase removes a person beside a running service, which answers without them at once, and no file contains the number any more", async () => {
  using folder = temporaryFolder();
  await filled(folder);
  await using lyftr = await serve({ cwd: folder.path, env: { ...env, CACHE_TTL_MS: "0" } });
  for (let at = 0; at < 20; at++)
    equal((await post(lyftr.url, body({ message_id: `live${at}`, from: PERSON }))).status, 200);
  const { code, stdout, stderr } = await run(["erase", PERSON.slice(1), "--yes"], {
    cwd: folder.path,
    env,
  });
  deepEqual([code, stderr], [0, ""]);
  match(stdout, /^deleted 50 messages; none from or to the number is left\nnote: /);
  equal((await getJson(`${lyftr.url}/messages?from=${PERSON.slice(1)}`)).total, 0);
  equal((await getJson(`${lyftr.url}/stats`)).total_messages, 270);
  equal((await post(lyftr.url, body({ message_id: "live0", from: PERSON }))).status, 200);
  equal((await getJson(`${lyftr.url}/stats`)).total_messages, 270);
  const misspelt = await run(["erase", "abc", "--yes"], { cwd: folder.path, env });
  match(
    misspelt.stdout,
    /^deleted no message: none was from the number or to it\. If you expected some, check the number\n/,
  );
  for (const name of readdirSync(folder.path).filter((name) => name.startsWith("app.db"))) {
    equal(readFileSync(folder.file(name)).includes(PERSON.slice(1)), false, name);
  }
  equal(JSON.stringify(logLines(lyftr.stdout())).includes(PERSON.slice(1)), false);
  match((await run(["verify"], { cwd: folder.path, env })).stdout, /nothing differs/);
});
