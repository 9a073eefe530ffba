import { deepEqual, equal, match, ok } from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { openStore } from "../../src/store/open.ts";
import type { Store } from "../../src/store/store.ts";
import { message, query } from "../store/exercise.ts";
import { hasStackTrace, run, temporaryFolder, valueIn } from "../support/cli.ts";
import { freshDatabase, unlessPostgres } from "../support/postgres.ts";
import { runLyftr } from "../support/process.ts";
import { sql } from "../support/sql.ts";

const skip = unlessPostgres();

/** Rows with everything that two databases may treat differently. */
function rows(count: number, prefix = "m") {
  const texts = ["Hello", "", null, "ÜBER 100%_\\", "\u{1F600}\ufffd", "Straße οδός"];
  return Array.from({ length: count }, (_, at) =>
    message(`${prefix}${at}`, {
      from: `+${at % 7}`,
      to: `+${at % 3}`,
      text: texts[at % texts.length] ?? null,
      source: at % 5 ? "native" : "b",
      ts: `2025-01-15T10:00:${String(at % 60).padStart(2, "0")}.${at}Z`,
    }),
  );
}

async function withStore<T>(url: string, work: (store: Store) => Promise<T>): Promise<T> {
  const store = await openStore(url);
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

async function everything(url: string) {
  return withStore(url, async (store) => {
    const page = await store.findMessages({ ...query(), limit: 100_000 });
    return {
      messages: page.messages.map((row) => ({ ...row })),
      stats: JSON.stringify(await store.stats()),
    };
  });
}

test("a copy to PostgreSQL and back has every message, field by field, and says so", {
  skip,
}, async () => {
  using folder = temporaryFolder();
  await using database = await freshDatabase();
  const [first, back] = ["first.db", "back.db"].map((name) => `sqlite:///${folder.file(name)}`) as [
    string,
    string,
  ];
  await withStore(first, (store) => store.insertMessages(rows(5_000)));
  const there = await run(["copy", "--from", first, "--to", database.url], { cwd: folder.path });
  equal(there.code, 0, there.stderr);
  match(there.stdout, /^copied {5}5000\nduplicates 0\nconflicts {2}0\nrefused {4}0\n/);
  const [, source, target] =
    /source {5}5000 messages, checksum (\w+)\ntarget {5}5000 of them, checksum (\w+)/.exec(
      there.stdout,
    ) ?? [];
  ok(source !== undefined && source === target, there.stdout);
  const returned = await run(["copy", "--from", database.url, "--to", back], { cwd: folder.path });
  equal(returned.code, 0, returned.stderr);
  deepEqual(await everything(database.url), await everything(first));
  deepEqual(await everything(back), await everything(first));
});

test("a copy continues where the last one stopped, and includes messages that arrived in between", {
  skip,
}, async () => {
  using folder = temporaryFolder();
  await using database = await freshDatabase();
  const from = `sqlite:///${folder.file("app.db")}`;
  await withStore(from, (store) => store.insertMessages(rows(3_000)));
  equal((await run(["copy", "--from", from, "--to", database.url], { cwd: folder.path })).code, 0);
  await withStore(from, (store) => store.insertMessages(rows(10, "late")));
  const again = await run(["copy", "--from", from, "--to", database.url, "--no-verify"], {
    cwd: folder.path,
  });
  deepEqual(
    [again.code, again.stdout],
    [0, "copied     10\nduplicates 0\nconflicts  0\nrefused    0\n"],
  );
  match(again.stderr, /Continuing where/);
});

test("a killed copy is finished by the next one, while the source keeps receiving", {
  skip,
}, async () => {
  using folder = temporaryFolder();
  await using database = await freshDatabase();
  const from = `sqlite:///${folder.file("app.db")}`;
  await withStore(from, (store) => store.insertMessages(rows(40_000)));
  await using copying = runLyftr(["copy", "--from", from, "--to", database.url], {
    cwd: folder.path,
  });
  const copied = async () =>
    Number(
      (await sql(database.url, "SELECT count(*) AS n FROM messages").catch(() => []))[0]?.n ?? 0,
    );
  while ((await copied()) < 4_000)
    ok(copying.child.exitCode === null, "it ended before it was killed");
  copying.child.kill("SIGKILL");
  await copying.ended;
  ok((await copied()) < 40_000, "there was nothing left to copy");
  const store = await openStore(from);
  const receiving = (async () => {
    for (let at = 0; at < 50; at++) await store.insertMessages(rows(20, `late${at}-`));
  })();
  const next = await run(["copy", "--from", from, "--to", database.url], { cwd: folder.path });
  equal(next.code, 0, next.stdout + next.stderr);
  await receiving;
  await store.close();
  equal((await run(["copy", "--from", from, "--to", database.url], { cwd: folder.path })).code, 0);
  deepEqual(await everything(database.url), await everything(from));
});

test("the comparison notices what is missing in the target, and the next copy adds it", {
  skip,
}, async () => {
  using folder = temporaryFolder();
  await using database = await freshDatabase();
  const args = ["copy", "--from", `sqlite:///${folder.file("app.db")}`, "--to", database.url];
  await withStore(args[2] as string, (store) => store.insertMessages(rows(100)));
  equal((await run(args, { cwd: folder.path })).code, 0);
  await sql(database.url, "DELETE FROM messages WHERE message_id = 'm7'");
  const differing = await run(args, { cwd: folder.path });
  equal(differing.code, 1);
  match(differing.stdout, /source {5}100 messages, .*\ntarget {5}99 of them/);
  match(differing.stderr, /The databases differ\. Run the same command again/);
  equal((await run(args, { cwd: folder.path })).code, 0);
  await sql(database.url, "UPDATE messages SET text = 'forged' WHERE message_id = 'm8'");
  const forged = await run(args, { cwd: folder.path });
  equal(forged.code, 1);
  match(forged.stdout, /target {5}100 of them/);
});

test("messages that PostgreSQL cannot store are named and left out, and conflicts are counted", {
  skip,
}, async () => {
  using folder = temporaryFolder();
  await using database = await freshDatabase();
  const from = `sqlite:///${folder.file("app.db")}`;
  await withStore(from, (store) => store.insertMessages(rows(10)));
  const db = new DatabaseSync(folder.file("app.db"));
  // The older service accepted what is refused today.
  db.exec(`INSERT INTO lyftr_messages (source, message_id, from_msisdn, to_msisdn, ts, text, created_at, instant)
    VALUES ('native', 'nul', '+1', '+2', 'yesterday', 'a' || char(0) || 'b', 'x', 'yesterday'),
           ('native', 'odd', '', 'x', 'yesterday', NULL, 'x', 'yesterday')`);
  db.close();
  await withStore(database.url, (store) =>
    store.insertMessages([message("m1", { text: "another" })]),
  );
  const { code, stdout, stderr } = await run(["copy", "--from", from, "--to", database.url], {
    cwd: folder.path,
  });
  equal(code, 1);
  match(stdout, /^copied {5}10\nduplicates 0\nconflicts {2}1 .*\nrefused {4}1 /);
  match(stderr, /not copied: "nul": /);
  equal(hasStackTrace(stderr), false);
  const [odd] = await sql(database.url, "SELECT ts FROM messages WHERE message_id = 'odd'");
  equal(odd?.ts, "yesterday");
});

test("the URLs of a copy, including passwords, can come from the environment or from files", {
  skip,
}, async () => {
  using folder = temporaryFolder();
  await using database = await freshDatabase();
  const own = `sqlite:///${folder.file("own.db")}`;
  await withStore(own, (store) => store.insertMessages(rows(3)));
  const url = new URL(database.url);
  url.password ||= "hunter2";
  writeFileSync(folder.file("to"), `${url.href}\n`, { mode: 0o600 });
  const copied = await run(["copy"], {
    cwd: folder.path,
    env: { COPY_FROM: own, COPY_TO_FILE: folder.file("to") },
  });
  deepEqual([copied.code, /^copied {5}3\n/.test(copied.stdout)], [0, true], copied.stderr);
  equal((copied.stdout + copied.stderr).includes(url.password), false);
  const wrong: [Record<string, string>, string[], RegExp][] = [
    [
      {},
      ["--to", own],
      /^--from is missing: name the database with --from, or in the environment with COPY_FROM or COPY_FROM_FILE/,
    ],
    [
      { COPY_FROM: own, COPY_FROM_FILE: folder.file("to") },
      ["--to", own],
      /^COPY_FROM: .*COPY_FROM_FILE/,
    ],
    [
      { COPY_FROM_FILE: folder.file("nothing") },
      ["--to", own],
      /^COPY_FROM: .*COPY_FROM_FILE=.*nothing/,
    ],
    [{ COPY_FROM: "postgres://lyftr:hunter2@db" }, ["--to", own], /^COPY_FROM: it must look like/],
  ];
  for (const [env, args, said] of wrong) {
    const { code, stderr } = await run(["copy", ...args], { cwd: folder.path, env });
    equal(code, 2, stderr);
    match(stderr, said);
    equal(stderr.includes("hunter2"), false);
  }
});

test("copies from or to a file that is not a database, or to the same one, are refused with one line", {
  skip,
}, async () => {
  using folder = temporaryFolder();
  await using database = await freshDatabase();
  const own = `sqlite:///${folder.file("own.db")}`;
  await withStore(own, (store) => store.insertMessages(rows(1)));
  const wrong: [string[], RegExp][] = [
    [["--from", own], /--to/],
    [["--from", "sqlite:///missing.db", "--to", own], /^--from: .*missing\.db does not exist/],
    [["--from", own, "--to", "mysql://x/y"], /^--to: it must look like/],
    [["--from", own, "--to", own], /same database/],
    [["--from", database.url, "--to", own], /^--from: .*run lyftr migrate/],
    [
      ["--from", own, "--to", "postgres://unknown@127.0.0.1:1/x"],
      /^--to: it names a server that does not answer/,
    ],
  ];
  for (const [args, expected] of wrong) {
    const { code, stderr } = await run(["copy", ...args], { cwd: folder.path });
    equal(code, 2, `${args}: ${stderr}`);
    match(stderr, expected);
    equal(hasStackTrace(stderr), false);
  }
  equal(valueIn(folder.file("own.db"), "SELECT count(*) FROM lyftr_messages"), 1);
});
