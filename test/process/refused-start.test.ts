import { deepEqual, equal, match } from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { hasStackTrace, run, temporaryFolder, valueIn } from "../support/cli.ts";
import { runLyftr, serve } from "../support/process.ts";
import { body, getJson, post } from "../support/service.ts";
import { snapshotOf } from "../support/sqlite-states.ts";

type Folder = ReturnType<typeof temporaryFolder>;

const LOOSE_TABLE =
  "CREATE TABLE messages (message_id, from_msisdn, to_msisdn, ts, text, created_at)";
const ROW = "('m1', '+1', '+2', '2025-01-15T10:00:00Z', 'Hello', '2025-01-15T10:00:00Z')";
const OTHER_ROW = ROW.replace("m1", "m2");
const TWICE = `${LOOSE_TABLE}; INSERT INTO messages VALUES ${ROW}, ${ROW}`;

function database(path: string, sql: string): void {
  const db = new DatabaseSync(path);
  db.exec(sql);
  db.close();
}

/**
 * Leaves what a program that is killed in WAL mode leaves: rows in the log that are not in the
 * file.
 */
function killedInWalMode(path: string, sql: string): void {
  const program = `
    const { DatabaseSync } = require("node:sqlite");
    const db = new DatabaseSync(process.argv[1]);
    db.exec("PRAGMA journal_mode = WAL");
    db.exec(process.argv[2]);
    process.kill(process.pid, "SIGKILL");`;
  equal(spawnSync(process.execPath, ["-e", program, path, sql]).signal, "SIGKILL");
}

/** Leaves the log of a killed service, with three transactions and some changed bytes. */
function logWithDamage(path: string, damage: (log: Buffer) => void): void {
  killedInWalMode(
    path,
    `${LOOSE_TABLE}; INSERT INTO messages VALUES ${ROW}; INSERT INTO messages VALUES ${OTHER_ROW}`,
  );
  const log = readFileSync(`${path}-wal`);
  damage(log);
  writeFileSync(`${path}-wal`, log);
}

/** Leaves the rollback journal of a program that is killed in the middle of a transaction. */
function killedInTransaction(path: string, before: string): void {
  const program = `
    const { DatabaseSync } = require("node:sqlite");
    const db = new DatabaseSync(process.argv[1]);
    db.exec(process.argv[2] + "; PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN; CREATE TABLE big (x)");
    for (let row = 0; row < 200; row++) db.exec("INSERT INTO big VALUES (randomblob(4000))");
    process.kill(process.pid, "SIGKILL");`;
  equal(spawnSync(process.execPath, ["-e", program, path, before]).signal, "SIGKILL");
}

/** Starts it, and checks that it is refused with a sentence and the folder is unchanged. */
async function isRefused(
  folder: Folder,
  says: RegExp,
  {
    args = ["serve"],
    path = folder.file("app.db"),
  }: { args?: readonly string[]; path?: string } = {},
): Promise<void> {
  const before = snapshotOf(folder.path);
  const env = {
    DATABASE_URL: `sqlite:///${path}`,
    WEBHOOK_SECRET: "testsecret",
    HOST: "127.0.0.1",
    PORT: "0",
  };
  const { code, stderr } = await run(args, { cwd: "/", env });
  deepEqual([code, hasStackTrace(stderr)], [1, false], stderr);
  match(stderr, says);
  deepEqual(snapshotOf(folder.path), before);
}

const REFUSED: Readonly<
  Record<string, { make: (folder: Folder) => void; says: RegExp; args?: readonly string[] }>
> = {
  "a text file": {
    make: ({ file }) => writeFileSync(file("app.db"), "hello\n".repeat(100)),
    says: /app\.db is not a SQLite database/,
  },
  "a short text file": {
    make: ({ file }) => writeFileSync(file("app.db"), "x"),
    says: /app\.db is not a SQLite database/,
  },
  "a folder": { make: ({ file }) => mkdirSync(file("app.db")), says: /app\.db is no(t a)? file/ },
  "a named pipe": {
    make: ({ file }) => execFileSync("mkfifo", [file("app.db")]),
    says: /app\.db is no(t a)? file/,
  },
  "a database of another program": {
    make: ({ file }) => database(file("app.db"), "CREATE TABLE messages (id, subject)"),
    says: /"messages"/,
  },
  "a database of another program without messages": {
    make: ({ file }) => database(file("app.db"), "CREATE TABLE places (url)"),
    says: /places/,
  },
  "a database of another program in WAL mode": {
    make: ({ file }) =>
      database(file("app.db"), "PRAGMA journal_mode = WAL; CREATE TABLE places (url)"),
    says: /places/,
  },
  "a database of another program that was killed": {
    make: ({ file }) => killedInWalMode(file("app.db"), "CREATE TABLE messages (id, subject)"),
    says: /"messages"/,
  },
  "such a database without its -shm": {
    make: ({ file }) => {
      killedInWalMode(file("app.db"), "CREATE TABLE messages (id, subject)");
      rmSync(file("app.db-shm"));
    },
    says: /"messages"/,
  },
  "ids that are there twice": {
    make: ({ file }) => database(file("app.db"), TWICE),
    says: /more than once/,
  },
  "ids that are there twice, in WAL mode": {
    make: ({ file }) => database(file("app.db"), `PRAGMA journal_mode = WAL; ${TWICE}`),
    says: /more than once/,
  },
  "ids that are there twice, in the log of a killed service": {
    make: ({ file }) => killedInWalMode(file("app.db"), TWICE),
    says: /more than once/,
  },
  "a newer schema": {
    make: ({ file }) =>
      database(
        file("app.db"),
        "CREATE TABLE lyftr_migrations (version INTEGER PRIMARY KEY, name TEXT); INSERT INTO lyftr_migrations VALUES (999, 'x')",
      ),
    says: /schema 999/,
  },
  "no database, when none may be made": {
    make: () => undefined,
    says: /lyftr migrate/,
    args: ["serve", "--no-migrate"],
  },
  "an empty file, when none may be made": {
    make: ({ file }) => writeFileSync(file("app.db"), ""),
    says: /lyftr migrate/,
    args: ["serve", "--no-migrate"],
  },
  "an older service's database, when none may be made": {
    make: ({ file }) =>
      database(file("app.db"), `${LOOSE_TABLE}; INSERT INTO messages VALUES ${ROW}`),
    says: /lyftr migrate/,
    args: ["serve", "--no-migrate"],
  },
  "a missing file beside its log": {
    make: ({ file }) => {
      killedInWalMode(file("app.db"), `${LOOSE_TABLE}; INSERT INTO messages VALUES ${ROW}`);
      rmSync(file("app.db"));
    },
    says: /app\.db is missing, but .*app\.db-wal holds data .* Put the database file back/,
  },
  "an empty file beside its log": {
    make: ({ file }) => {
      killedInWalMode(file("app.db"), `${LOOSE_TABLE}; INSERT INTO messages VALUES ${ROW}`);
      truncateSync(file("app.db"));
    },
    says: /app\.db is empty, but .*app\.db-wal holds data/,
  },
  "a missing file beside its rollback journal": {
    make: ({ file }) => {
      killedInTransaction(file("app.db"), LOOSE_TABLE);
      rmSync(file("app.db"));
    },
    says: /app\.db is missing, but .*app\.db-journal holds data/,
  },
  "a missing file beside a read index": {
    make: ({ file }) => writeFileSync(file("app.db-index"), "something"),
    says: /app\.db is missing, but .*app\.db-index holds data/,
  },
  "a link to a missing file beside its log": {
    make: ({ file }) => {
      mkdirSync(file("disk"));
      killedInWalMode(file("disk/real.db"), LOOSE_TABLE);
      truncateSync(file("disk/real.db"));
      symlinkSync(file("disk/real.db"), file("app.db"));
    },
    says: /real\.db-wal holds data/,
  },
  "a log with a damaged byte": {
    make: ({ file }) => logWithDamage(file("app.db"), (log) => log.fill(0xff, 3_000, 3_001)),
    says: /app\.db-wal is damaged at byte 32, and more was committed after that.* Keep a copy .* wal_checkpoint/,
  },
  "a log with a damaged checksum": {
    make: ({ file }) => logWithDamage(file("app.db"), (log) => log.fill(0xff, 32 + 16, 32 + 24)),
    says: /app\.db-wal is damaged at byte 32, /,
  },
  "a log whose first pages are gone": {
    make: ({ file }) => logWithDamage(file("app.db"), (log) => log.fill(0, 32, 8_192)),
    says: /app\.db-wal is damaged at byte 32, /,
  },
  "a log with a damaged header": {
    make: ({ file }) => logWithDamage(file("app.db"), (log) => log.fill(0xff, 20, 21)),
    says: /app\.db-wal is damaged at byte 0, /,
  },
  "another database's log": {
    make: ({ file }) => {
      killedInWalMode(file("other.db"), `${LOOSE_TABLE}; INSERT INTO messages VALUES ${ROW}`);
      database(file("app.db"), `${LOOSE_TABLE}; INSERT INTO messages VALUES ${ROW}`);
      renameSync(file("other.db-wal"), file("app.db-wal"));
    },
    says: /app\.db-wal is not the write-ahead log of .*app\.db: the database file was last used without one.* move /,
  },
  "a folder that is a file": {
    make: ({ file }) => writeFileSync(file("data"), ""),
    says: /data is a file, and a folder is needed there/,
  },
};

for (const [what, { make, says, args = ["serve"] }] of Object.entries(REFUSED)) {
  test(`a start on ${what} is refused with a sentence and changes nothing`, async () => {
    using folder = temporaryFolder();
    make(folder);
    await isRefused(folder, says, {
      args,
      path: folder.file(what === "a folder that is a file" ? "data/app.db" : "app.db"),
    });
  });
}

test("a start that requires an API key on a database of the older service takes nothing over", async () => {
  using folder = temporaryFolder();
  database(folder.file("app.db"), `${LOOSE_TABLE}; INSERT INTO messages VALUES ${ROW}`);
  const before = snapshotOf(folder.path);
  const env = {
    DATABASE_URL: `sqlite:///${folder.file("app.db")}`,
    READ_AUTH: "required",
    PORT: "0",
  };
  const { code, stderr } = await run(["serve"], {
    cwd: "/",
    env: { ...env, WEBHOOK_SECRET: "testsecret" },
  });
  equal(code, 2, stderr);
  match(stderr, /no valid API key/);
  deepEqual(snapshotOf(folder.path), before);
});

test("a backup restored over an old write-ahead log is refused, and starts when the log is moved away", async () => {
  using folder = temporaryFolder();
  const path = folder.file("app.db");
  const env = { DATABASE_URL: `sqlite:///${path}` };
  {
    await using lyftr = await serve({ cwd: folder.path, env });
    equal((await post(lyftr.url, body({ message_id: "backed up" }))).status, 200);
    equal((await run(["backup", folder.file("backup.db")], { cwd: folder.path, env })).code, 0);
    equal((await post(lyftr.url, body({ message_id: "later" }))).status, 200);
    lyftr.child.kill("SIGKILL");
    await lyftr.ended;
  }
  copyFileSync(folder.file("backup.db"), path);
  await isRefused(
    folder,
    /app\.db-wal is not the write-ahead log of .* move .*app\.db-wal and .*app\.db-shm away/,
  );
  mkdirSync(folder.file("away"));
  for (const name of readdirSync(folder.path)) {
    if (name.startsWith("app.db-")) renameSync(folder.file(name), folder.file(`away/${name}`));
  }
  await using lyftr = await serve({ cwd: folder.path, env });
  equal((await getJson(`${lyftr.url}/stats`)).total_messages, 1);
});

test("a copy of a whole folder, restored over the log of a service that has grown since, is refused", async () => {
  using folder = temporaryFolder();
  const path = folder.file("app.db");
  const rows =
    "WITH n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 5000) INSERT INTO t SELECT 'x' || n FROM n";
  killedInWalMode(path, "CREATE TABLE t (a)");
  database(path, "SELECT 1");
  copyFileSync(path, folder.file("copy.db"));
  killedInWalMode(path, `${rows}; PRAGMA wal_checkpoint(TRUNCATE); ${rows}`);
  copyFileSync(folder.file("copy.db"), path);
  await isRefused(
    folder,
    /app\.db-wal is not the write-ahead log of .*some pages are in neither of the two files/,
  );
});

test("a start whose HOST is not an address of this machine makes no database and says so", async () => {
  for (const [HOST, says] of [
    ["203.0.113.9", /HOST is not an address of this machine/],
    [
      "lyftr.invalid",
      /HOST is "lyftr\.invalid", an unknown name\. .*0\.0\.0\.0 for all its addresses/,
    ],
    ["*", /HOST must be one address or name/],
  ] as const) {
    using folder = temporaryFolder();
    const before = snapshotOf(folder.path);
    const env = {
      DATABASE_URL: `sqlite:///${folder.file("app.db")}`,
      WEBHOOK_SECRET: "testsecret",
      HOST,
      PORT: "0",
    };
    const { stderr } = await run(["serve"], { cwd: "/", env });
    match(stderr, says);
    deepEqual(snapshotOf(folder.path), before);
  }
});

test("a start whose port is taken, for example by the older service, takes nothing over", async () => {
  using folder = temporaryFolder();
  const path = folder.file("app.db");
  database(path, `${LOOSE_TABLE}; INSERT INTO messages VALUES ${ROW}`);
  const older = createServer().listen(0, "127.0.0.1");
  await once(older, "listening");
  const before = snapshotOf(folder.path);
  const { port } = older.address() as AddressInfo;
  const env = {
    DATABASE_URL: `sqlite:///${path}`,
    WEBHOOK_SECRET: "testsecret",
    HOST: "127.0.0.1",
    PORT: String(port),
  };
  const { code, stderr } = await run(["serve"], { cwd: "/", env });
  older.close();
  deepEqual([code, snapshotOf(folder.path)], [1, before], stderr);
  match(stderr, new RegExp(`Port ${port} is taken`));
});

test("a start while an older service is in the middle of a write is refused, says which program may hold the file, and works afterwards", async () => {
  for (const begin of ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"]) {
    using folder = temporaryFolder();
    const path = folder.file("app.db");
    database(path, LOOSE_TABLE);
    // In a separate process: a process that reads and closes a file releases all its locks on it.
    const program = `
      const { DatabaseSync } = require("node:sqlite");
      const db = new DatabaseSync(process.argv[1]);
      db.exec(process.argv[2]);
      console.log("locked");
      process.stdin.once("end", () => db.exec("COMMIT")).resume();`;
    const older = spawn(process.execPath, [
      "-e",
      program,
      path,
      `${begin}; INSERT INTO messages VALUES ${ROW}`,
    ]);
    await once(older.stdout, "data");
    // Its rollback journal is beside the database, and is not compared here.
    const before = readFileSync(path);
    const { code, stderr } = await run(["migrate"], {
      cwd: folder.path,
      env: { DATABASE_URL: `sqlite:///${path}` },
    });
    deepEqual([code, readFileSync(path).equals(before)], [1, true], stderr);
    match(
      stderr,
      /database is locked\. Another program has locked it: stop that program \(an older service/,
    );
    older.stdin.end();
    await once(older, "close");
    equal(
      (await run(["migrate"], { cwd: folder.path, env: { DATABASE_URL: `sqlite:///${path}` } }))
        .code,
      0,
    );
    equal(valueIn(path, "SELECT count(*) FROM messages"), 1);
  }
});

test("a database whose program was killed before anything was in it can be started", async () => {
  using folder = temporaryFolder();
  const path = folder.file("app.db");
  // Its journal says that there was no page before.
  killedInTransaction(path, "SELECT 1");
  truncateSync(path);
  equal(
    (await run(["migrate"], { cwd: folder.path, env: { DATABASE_URL: `sqlite:///${path}` } })).code,
    0,
  );
  equal(valueIn(path, "SELECT count(*) FROM messages"), 0);
});

test("a killed service can be restarted: the log is its own, with its -shm and without", async () => {
  for (const withShm of [true, false]) {
    using folder = temporaryFolder();
    const path = folder.file("app.db");
    killedInWalMode(path, `${LOOSE_TABLE}; INSERT INTO messages VALUES ${ROW}`);
    if (!withShm) rmSync(`${path}-shm`);
    equal(
      (await run(["migrate"], { cwd: folder.path, env: { DATABASE_URL: `sqlite:///${path}` } }))
        .code,
      0,
    );
    equal(valueIn(path, "SELECT count(*) FROM messages"), 1);
  }
});

test("a log whose last transaction was not completely written can be started, as after a power cut", async () => {
  using folder = temporaryFolder();
  const path = folder.file("app.db");
  logWithDamage(path, (log) => log.fill(0, log.length - 100));
  await using lyftr = await serve({ cwd: folder.path, env: { DATABASE_URL: `sqlite:///${path}` } });
  equal((await getJson(`${lyftr.url}/stats`)).total_messages, 1);
});

test("files or a folder without write permission are named, with their owner and advice", async () => {
  const asRoot = process.getuid?.() === 0;
  const command: [string, ...string[]] = asRoot
    ? [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        process.execPath,
        "bin/lyftr.js",
      ]
    : [process.execPath, "bin/lyftr.js"];
  const cases = {
    "the file": {
      locked: ["app.db"],
      says: /app\.db may not be read and written by the user that Lyftr runs as \(uid \d+\): /,
    },
    "its log": { locked: ["app.db-wal"], says: /app\.db-wal may not be read and written/ },
    "the read index": {
      locked: ["app.db-index"],
      says: /app\.db-index may not be read and written/,
    },
    "the folder": {
      locked: ["."],
      says: /may not be read and written by the user that Lyftr runs as/,
    },
  };
  for (const [what, { locked, says }] of Object.entries(cases)) {
    using folder = temporaryFolder();
    killedInWalMode(folder.file("app.db"), `${LOOSE_TABLE}; INSERT INTO messages VALUES ${ROW}`);
    writeFileSync(folder.file("app.db-index"), "");
    const all = [".", ...readdirSync(folder.path)];
    for (const name of all) {
      const isLocked = locked.includes(name);
      if (asRoot && !isLocked) chownSync(folder.file(name), 65_534, 65_534);
      if (!asRoot && isLocked) chmodSync(folder.file(name), name === "." ? 0o500 : 0o400);
      else chmodSync(folder.file(name), name === "." ? 0o755 : 0o644);
    }
    const before = snapshotOf(folder.path);
    await using lyftr = runLyftr(["serve"], {
      cwd: process.cwd(),
      command,
      env: {
        DATABASE_URL: `sqlite:///${folder.file("app.db")}`,
        WEBHOOK_SECRET: "testsecret",
        PORT: "0",
      },
    });
    equal(await lyftr.ended, 1, what);
    match(lyftr.stderr(), says);
    match(
      lyftr.stderr(),
      asRoot
        ? /it belongs to uid 0\. Give it to that user: chown 65534:65534 /
        : /Allow it: chmod u\+rwX/,
    );
    deepEqual(snapshotOf(folder.path), before);
    chmodSync(folder.path, 0o700);
  }
});
