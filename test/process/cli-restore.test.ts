import { deepEqual, equal, match, ok } from "node:assert/strict";
import {
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename } from "node:path";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { refuseLeftBehind } from "../../src/store/sqlite/left-behind.ts";
import { run, temporaryFolder, valueIn } from "../support/cli.ts";
import { runLyftr, serve } from "../support/process.ts";
import { body, post } from "../support/service.ts";
import { NOT_OURS } from "../support/sqlite-states.ts";

type Folder = ReturnType<typeof temporaryFolder>;

/** A database of 3 messages, its backup, and 2 messages after it; the service was killed. */
async function killedAfterBackup(folder: Folder) {
  const env = { DATABASE_URL: `sqlite:///${folder.file("app.db")}` };
  await using service = await serve({ cwd: folder.path, env });
  for (const id of ["a", "b", "c"])
    equal((await post(service.url, body({ message_id: id }))).status, 200);
  equal((await run(["backup", "backup.db"], { cwd: folder.path, env })).code, 0);
  for (const id of ["d", "e"])
    equal((await post(service.url, body({ message_id: id }))).status, 200);
  service.child.kill("SIGKILL");
  await service.ended;
  ok(statSync(folder.file("app.db-wal")).size > 0, "the killed service left a write-ahead log");
  const restore = (...args: string[]) => run(["restore", ...args], { cwd: folder.path, env });
  return { env, restore };
}

/** Every file of the folder with its content, except the ones of Node's cache. */
function contentsOf({ path, file }: Folder): Readonly<Record<string, string>> {
  return Object.fromEntries(
    readdirSync(path).map((name) => [name, readFileSync(file(name), "latin1")]),
  );
}

const total = async (url: string) =>
  ((await (await fetch(`${url}/messages`)).json()) as { total: number }).total;

test("restore replaces the database of a killed service, keeps the previous one whole, and the service starts", async () => {
  using folder = temporaryFolder();
  const { env, restore } = await killedAfterBackup(folder);
  const { code, stdout, stderr } = await restore("--yes", "backup.db");
  equal(code, 0, stderr);
  match(stdout, /app\.db: 3 messages, [0-9.]+ MiB, restored from backup\.db, checked\n/);
  const [, kept = ""] = /kept as (.+)\n/.exec(stdout) ?? [];
  equal(statSync(folder.file("app.db")).mode & 0o777, 0o600);
  deepEqual(
    readdirSync(folder.path).filter((name) => /^app\.db-|restoring|lock-check/.test(name)),
    [],
  );
  {
    await using service = await serve({ cwd: folder.path, env });
    equal(await total(service.url), 3);
    equal((await post(service.url, body({ message_id: "d" }))).status, 200);
    equal(await total(service.url), 4);
  }
  const verified = await run(["verify"], { cwd: folder.path, env });
  equal(verified.code, 0, verified.stdout);
  // With its write-ahead log it has the messages after the backup.
  equal(valueIn(kept, "SELECT count(*) FROM lyftr_messages"), 5);
});

test("restore refuses while a service uses the database, and changes nothing", async () => {
  using folder = temporaryFolder();
  const { env, restore } = await killedAfterBackup(folder);
  await using service = await serve({ cwd: folder.path, env });
  const before = contentsOf(folder);
  const { code, stderr } = await restore("--yes", "backup.db");
  equal(code, 1);
  match(
    stderr,
    new RegExp(
      `^Nothing was restored: process ${service.child.pid} uses .*app\\.db: stop the service`,
    ),
  );
  deepEqual(Object.keys(contentsOf(folder)), Object.keys(before));
  equal(await total(service.url), 5);
  equal((await post(service.url, body({ message_id: "f" }))).status, 200);
});

test("restore refuses what is not a sound backup, and changes nothing", async () => {
  using folder = temporaryFolder();
  const { restore } = await killedAfterBackup(folder);
  const backup = readFileSync(folder.file("backup.db"));
  writeFileSync(
    folder.file("text.db"),
    "this is not a database, it is a text that is long enough to be none".repeat(20),
  );
  writeFileSync(folder.file("empty.db"), "");
  writeFileSync(
    folder.file("damaged.db"),
    Buffer.concat([backup.subarray(0, 8_192), Buffer.alloc(8_192, 7)]),
  );
  copyFileSync(folder.file("app.db"), folder.file("used.db"));
  copyFileSync(folder.file("app.db-wal"), folder.file("used.db-wal"));
  symlinkSync("app.db", folder.file("link.db"));
  const before = contentsOf(folder);
  for (const [args, code, reason] of [
    [["text.db"], 1, /^Nothing was restored: text\.db is not a SQLite database/],
    [["empty.db"], 1, /^Nothing was restored: empty\.db is empty\.\n$/],
    [["damaged.db"], 1, /damaged|malformed/],
    [["used.db"], 1, /used\.db is not a backup: it has a write-ahead log/],
    [["app.db"], 2, /is the database itself/],
    [["link.db"], 2, /is the database itself/],
    [["missing.db"], 2, /missing\.db does not exist/],
    [["."], 2, /is not a file/],
  ] as const) {
    const result = await restore("--yes", ...args);
    match(result.stderr, reason, args.join());
    deepEqual([result.code, result.stdout], [code, ""], result.stderr);
    deepEqual(contentsOf(folder), before, args.join());
  }
  await NOT_OURS["a database of another program"]?.[0](folder.file("other.db"));
  const otherProgram = { DATABASE_URL: `sqlite:///${folder.file("other.db")}` };
  const foreign = await run(["restore", "--yes", "backup.db"], {
    cwd: folder.path,
    env: otherProgram,
  });
  match(foreign.stderr, /other\.db belongs to another program/);
  equal(foreign.code, 1);
  rmSync(folder.file("other.db"));
  const unasked = await restore("backup.db");
  match(unasked.stderr, /cannot ask without a terminal, so nothing was restored/);
  deepEqual([unasked.code, contentsOf(folder)], [2, before]);
  const postgres = { DATABASE_URL: "postgres://lyftr@127.0.0.1/lyftr" };
  const other = await run(["restore", "backup.db"], { cwd: folder.path, env: postgres });
  match(other.stderr, /Use the restore of its server/);
  equal(other.code, 2);
});

test("restore puts a backup where there is no database or a destroyed one, and asks only if something could be lost", async () => {
  using folder = temporaryFolder();
  const { restore } = await killedAfterBackup(folder);
  const env = { DATABASE_URL: `sqlite:///${folder.file("new/app.db")}` };
  const fresh = await run(["restore", "backup.db"], { cwd: folder.path, env });
  equal(fresh.code, 0, fresh.stderr);
  equal(valueIn(folder.file("new/app.db"), "SELECT count(*) FROM lyftr_messages"), 3);
  writeFileSync(folder.file("app.db"), "nothing of it can be read");
  const over = await restore("--yes", "backup.db");
  equal(over.code, 0, over.stderr);
  equal(valueIn(folder.file("app.db"), "SELECT count(*) FROM lyftr_messages"), 3);
  const [, kept = ""] = /kept as (.+)\n/.exec(over.stdout) ?? [];
  equal(readFileSync(kept, "utf8"), "nothing of it can be read");
  ok(existsSync(`${kept}-wal`), basename(kept));
});

/**
 * Moments of a kill, from the beginning of the copy to after the end, on fast and slow machines.
 */
const KILLS = Number(process.env.RESTORE_KILLS ?? 10);

test("a restore that is killed at any moment leaves the previous database, the backup, or a start that is refused", async (t) => {
  using prepared = temporaryFolder();
  await killedAfterBackup(prepared);
  const found = new Map<string, number>();
  for (let kill = 0; kill < KILLS; kill++) {
    using folder = temporaryFolder();
    for (const name of readdirSync(prepared.path))
      copyFileSync(prepared.file(name), folder.file(name));
    const env = { DATABASE_URL: `sqlite:///${folder.file("app.db")}` };
    const killed = runLyftr(["restore", "--yes", "backup.db"], { cwd: folder.path, env });
    // The copy is its first trace. After that it takes only some milliseconds.
    while (
      killed.child.exitCode === null &&
      !readdirSync(folder.path).some((name) => name.includes(".restoring-"))
    )
      await setTimeout(1);
    await setTimeout(kill);
    killed.child.kill("SIGKILL");
    await killed.ended;
    const state = stateOf(folder);
    ok(["5 messages", "3 messages", "refused"].includes(state), state);
    found.set(state, (found.get(state) ?? 0) + 1);
    // Another restore succeeds from each of these states.
    if (state === "3 messages") continue;
    equal((await run(["restore", "--yes", "backup.db"], { cwd: folder.path, env })).code, 0);
    equal(stateOf(folder), "3 messages");
  }
  t.diagnostic(JSON.stringify(Object.fromEntries(found)));
});

/** What a start of the service would find. */
function stateOf({ file }: Folder): string {
  try {
    refuseLeftBehind(file("app.db"));
  } catch {
    return "refused";
  }
  return `${valueIn(file("app.db"), "SELECT count(*) FROM lyftr_messages")} messages`;
}

test("a backup beside the log of the previous database, as a kill may leave it, is refused by a start and repaired by restore", async () => {
  using folder = temporaryFolder();
  const { env, restore } = await killedAfterBackup(folder);
  copyFileSync(folder.file("backup.db"), folder.file("app.db"));
  const start = await run(["serve"], { cwd: folder.path, env: { ...env, PORT: "0" } });
  equal(start.code, 1);
  match(start.stderr, /is not the write-ahead log of .*app\.db/);
  equal((await restore("--yes", "backup.db")).code, 0);
  await using service = await serve({ cwd: folder.path, env });
  equal(await total(service.url), 3);
});
