import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { StoreRefused } from "../../src/domain/errors.ts";
import { readMigrations } from "../../src/store/migrate.ts";
import { SqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { temporaryFolder } from "../support/cli.ts";

const TABLE = `CREATE TABLE messages (message_id TEXT PRIMARY KEY, from_msisdn TEXT NOT NULL, to_msisdn TEXT NOT NULL,
  ts TEXT NOT NULL, text TEXT, created_at TEXT NOT NULL)`;
const LOOSE_TABLE =
  "CREATE TABLE messages (message_id, from_msisdn, to_msisdn, ts, text, created_at)";
const row = (id: string, createdAt = "'2025-01-15T10:00:00.123456Z'") =>
  `(${id}, '+1', '+2', '2025-01-15T10:00:00Z', 'Hello', ${createdAt})`;

function database(path: string, sql: string): void {
  const db = new DatabaseSync(path, { enableForeignKeyConstraints: false });
  db.exec(sql);
  db.close();
}

function rowsOf(path: string, sql: string): readonly unknown[] {
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    return db
      .prepare(sql)
      .all()
      .map((each) => Object.values(each));
  } finally {
    db.close();
  }
}

/** The log lines of the upgrade, after the migrations. */
async function takeOver(path: string): Promise<readonly string[]> {
  const store = await SqliteStore.open(path);
  await store.close();
  return store.upgrades.filter((upgrade) => !upgrade.startsWith("applied "));
}

test("tables of older services that were created in other ways are taken over completely", async (t) => {
  const tables = {
    "a table spelt Messages":
      "CREATE TABLE Messages (Message_ID TEXT PRIMARY KEY, FROM_MSISDN, to_msisdn, ts, text, created_at)",
    "a table WITHOUT ROWID": `${TABLE} WITHOUT ROWID`,
    "a table WITHOUT ROWID with a composite key": `CREATE TABLE messages (message_id TEXT, from_msisdn TEXT, to_msisdn TEXT,
      ts TEXT, text TEXT, created_at TEXT, PRIMARY KEY (from_msisdn, message_id)) WITHOUT ROWID`,
    "a STRICT table": `${TABLE} STRICT`,
    "a table without types": LOOSE_TABLE,
    "a table with indexes whose names Lyftr uses": `${TABLE}; CREATE INDEX messages_key ON messages (ts);
      CREATE UNIQUE INDEX Messages_By_Instant ON messages (message_id, ts)`,
    "a file with a broken view of something else": `${TABLE}; CREATE VIEW report AS SELECT a FROM nowhere`,
  };
  for (const [what, sql] of Object.entries(tables)) {
    await t.test(what, async () => {
      using folder = temporaryFolder();
      const path = folder.file("app.db");
      database(
        path,
        `${sql}; INSERT INTO messages VALUES ${["'b'", "'a'", "'c'"].map((id) => row(id)).join(", ")}`,
      );
      const [taken] = await takeOver(path);
      equal(taken, "took over 3 messages of the Python service");
      deepEqual(
        rowsOf(
          path,
          "SELECT message_id, from_msisdn, to_msisdn, ts, text, created_at FROM messages ORDER BY message_id",
        ),
        ["a", "b", "c"].map((id) => [
          id,
          "+1",
          "+2",
          "2025-01-15T10:00:00Z",
          "Hello",
          "2025-01-15T10:00:00.123456Z",
        ]),
      );
      deepEqual(
        rowsOf(
          path,
          "SELECT name FROM sqlite_schema WHERE name IN ('messages_before_lyftr', 'lyftr_old_rows')",
        ),
        [],
      );
    });
  }
});

test("rows with large gaps, or numbers beyond JavaScript's integers, are taken over at once and in order", async () => {
  using folder = temporaryFolder();
  const path = folder.file("app.db");
  const numbers = [
    "-9223372036854775808",
    "-5",
    "0",
    "1",
    "1000000000001",
    "9007199254740993",
    "9223372036854775807",
  ];
  database(
    path,
    `${TABLE}; ${numbers
      .map(
        (
          number,
        ) => `INSERT INTO messages (rowid, message_id, from_msisdn, to_msisdn, ts, text, created_at)
      VALUES (${number}, 'm${number}', '+1', '+2', '2025-01-15T10:00:00Z', NULL, '2025-01-15')`,
      )
      .join(";")}`,
  );
  const startMs = performance.now();
  deepEqual(await takeOver(path), ["took over 7 messages of the Python service"]);
  deepEqual(
    rowsOf(path, "SELECT seq, message_id FROM lyftr_messages ORDER BY seq"),
    numbers.map((number, at) => [at + 1, `m${number}`]),
  );
  // Scanning the numbers between them would take years.
  equal(performance.now() - startMs < 10_000, true);
});

test("numbers and bytes in the old table become the texts that the old service returned", async () => {
  using folder = temporaryFolder();
  const path = folder.file("app.db");
  database(
    path,
    `${LOOSE_TABLE}; INSERT INTO messages VALUES (17, 919876543210, x'2b32', '2025-01-15T10:00:00Z', x'4869', 1736935200)`,
  );
  await takeOver(path);
  deepEqual(rowsOf(path, "SELECT * FROM messages"), [
    ["17", "919876543210", "+2", "2025-01-15T10:00:00Z", "Hi", "2025-01-15T10:00:00.000Z"],
  ]);
});

test("created_at has one spelling after a takeover, and an unreadable one becomes the time of the takeover, which the log says", async () => {
  using folder = temporaryFolder();
  const path = folder.file("app.db");
  const values = [
    "'2025-01-15 10:00:00'",
    "1736935200",
    "1736935200123.0",
    "'2025-01-15T15:30:00+05:30'",
    "NULL",
    "'yesterday'",
    `'${"9".repeat(5_000)}'`,
  ];
  database(
    path,
    `${LOOSE_TABLE}; INSERT INTO messages VALUES ${values.map((value, at) => row(`'m${at}'`, value)).join(", ")}`,
  );
  const before = new Date().toISOString();
  const [taken, note] = await takeOver(path);
  equal(taken, "took over 7 messages of the Python service");
  match(
    note ?? "",
    /^3 of these messages had no readable created_at: they count as received now, at 2/,
  );
  const created = rowsOf(path, "SELECT created_at FROM lyftr_messages ORDER BY seq")
    .flat()
    .map(String);
  deepEqual(created.slice(0, 4), [
    "2025-01-15T10:00:00.000Z",
    "2025-01-15T10:00:00.000Z",
    "2025-01-15T10:00:00.123Z",
    "2025-01-15T10:00:00.000Z",
  ]);
  for (const standIn of created.slice(4))
    equal(standIn >= before && standIn <= new Date().toISOString(), true, standIn);
});

test("retention deletes messages received before a moment, however the older service wrote that", async () => {
  using folder = temporaryFolder();
  const path = folder.file("app.db");
  const old = [
    "'2025-01-15 09:59:59'",
    "'2025-01-15T14:59:59+05:00'",
    "1736935199",
    "'2025-01-15T09:59:59.999999'",
  ];
  const young = [
    "'2025-01-15 10:00:00.000001'",
    "'2025-01-15 05:00:00-05:00'",
    "1736935200000",
    "'2025-01-15T10:00:00'",
    "NULL",
  ];
  const rows = [
    ...old.map((value, at) => row(`'old${at}'`, value)),
    ...young.map((value, at) => row(`'young${at}'`, value)),
  ];
  database(path, `${LOOSE_TABLE}; INSERT INTO messages VALUES ${rows.join(", ")}`);
  const store = await SqliteStore.open(path);
  try {
    const step = {
      receivedBefore: "2025-01-15T10:00:00.000Z",
      tombstonesUntil: "2026-01-01T00:00:00.000Z",
      rowsMax: 500,
      everywhere: true,
    };
    for (
      let position: string | undefined, first = true;
      first || position !== undefined;
      first = false
    ) {
      ({ position } = await store.retention.expire({ ...step, position }));
    }
  } finally {
    await store.close();
  }
  deepEqual(
    rowsOf(path, "SELECT message_id FROM messages ORDER BY message_id").flat(),
    young.map((_, at) => `young${at}`),
  );
});

test("an old table with more than Lyftr knows is kept under another name, and the log says so", async (t) => {
  const tables = {
    'the column "id"': `CREATE TABLE messages (id INTEGER PRIMARY KEY AUTOINCREMENT, message_id TEXT NOT NULL UNIQUE,
      from_msisdn TEXT, to_msisdn TEXT, ts TEXT, text TEXT, created_at TEXT)`,
    'the column "length"': LOOSE_TABLE.replace(")", ", length AS (length(text)) VIRTUAL)"),
    'the trigger "counts"': `${LOOSE_TABLE}; CREATE TABLE seen (n); CREATE TRIGGER counts AFTER INSERT ON messages
      BEGIN INSERT INTO seen VALUES (NEW.message_id); END`,
    'the view "latest"': `${LOOSE_TABLE}; CREATE VIEW latest AS SELECT message_id FROM messages ORDER BY ts DESC LIMIT 10`,
    'a foreign key of the table "reads"': `${TABLE}; CREATE TABLE reads (message_id TEXT REFERENCES Messages ON DELETE CASCADE);
      INSERT INTO reads VALUES ('m1')`,
    'a foreign key to the table "people"': `CREATE TABLE people (msisdn TEXT PRIMARY KEY);
      ${LOOSE_TABLE.replace("from_msisdn", "from_msisdn REFERENCES people")}`,
    'the table "search"': `${LOOSE_TABLE}; CREATE VIRTUAL TABLE search USING fts5(text, content='messages')`,
  };
  for (const [unknown, sql] of Object.entries(tables)) {
    await t.test(unknown, async () => {
      using folder = temporaryFolder();
      const path = folder.file("app.db");
      const columns = "(message_id, from_msisdn, to_msisdn, ts, text, created_at)";
      database(
        path,
        `${sql}; INSERT INTO messages ${columns} VALUES ${row("'m1'")}, ${row("'m2'")}`,
      );
      const before = rowsOf(path, "SELECT * FROM messages");
      const [taken, note = ""] = await takeOver(path);
      equal(taken, "took over 2 messages of the Python service");
      equal(
        note.includes(`because it has content that Lyftr does not know: ${unknown}`),
        true,
        note,
      );
      match(note, /^kept the table of the Python service as messages_before_lyftr/);
      deepEqual(rowsOf(path, "SELECT * FROM messages_before_lyftr"), before);
      deepEqual(rowsOf(path, "SELECT message_id FROM messages ORDER BY 1").flat(), ["m1", "m2"]);
      const store = await SqliteStore.open(path);
      const left = await store.retention.scrub();
      await store.close();
      equal(
        left.some((sentence) => sentence.startsWith("The table messages_before_lyftr has")),
        true,
      );
      if (unknown.includes("reads")) deepEqual(rowsOf(path, "SELECT * FROM reads"), [["m1"]]);
      if (unknown.includes("latest")) equal(rowsOf(path, "SELECT * FROM latest").length, 2);
    });
  }
});

test("a table that cannot be taken over is refused with advice, and nothing is changed", async (t) => {
  const refused: Readonly<Record<string, { sql: string; says: RegExp }>> = {
    "an id twice": {
      sql: `${LOOSE_TABLE}; INSERT INTO messages VALUES ${row("'m1'")}, ${row("'m1'")}, ${row("x'6d31'")}, ${row("'m2'")}`,
      says: /1 message_id occurs more than once \(to see the rows: SELECT .* HAVING count\(\*\) > 1.*Correct or delete them/,
    },
    "no id": {
      sql: `${TABLE}; INSERT INTO messages VALUES ${row("NULL")}, ${row("NULL")}, ${row("'m1'")}`,
      says: /2 rows have no message_id \(to see them: SELECT \* FROM "messages" WHERE message_id IS NULL\)/,
    },
    "no sender and no ts": {
      sql: `${LOOSE_TABLE}; INSERT INTO messages VALUES ('m1', NULL, '+2', NULL, NULL, NULL)`,
      says: /1 row has no from_msisdn .*; 1 row has no ts /,
    },
    "a view": {
      sql: `${LOOSE_TABLE.replace("messages", "inbox")}; CREATE VIEW messages AS SELECT * FROM inbox`,
      says: /"messages" is a view there.*name another file/,
    },
    "a virtual table": {
      sql: LOOSE_TABLE.replace("CREATE TABLE messages", "CREATE VIRTUAL TABLE messages USING fts5"),
      says: /"messages" is a virtual table there/,
    },
    "columns of something else": {
      sql: "CREATE TABLE messages (id, subject)",
      says: /message_id, from_msisdn, to_msisdn, ts, text, created_at missing/,
    },
    "a broken view beside a table that would be kept": {
      sql: `${LOOSE_TABLE.replace(")", ", extra)")}; CREATE VIEW report AS SELECT a FROM nowhere`,
      says: /its view "report" is broken .*DROP VIEW "report"/,
    },
    "the name of a table of Lyftr": {
      sql: `${LOOSE_TABLE}; CREATE TABLE Audit (what)`,
      says: /it has a table "Audit" of another program, and Lyftr needs that name. Free it \(ALTER TABLE "Audit" RENAME TO …\)/,
    },
    "the name of an index of Lyftr": {
      sql: `${LOOSE_TABLE}; CREATE TABLE other (a); CREATE INDEX messages_key ON other (a)`,
      says: /it has an index "messages_key" .*DROP INDEX "messages_key"/,
    },
    "the name of the table that would be kept": {
      sql: `${LOOSE_TABLE}; CREATE TABLE messages_before_lyftr (a)`,
      says: /it has a table "messages_before_lyftr"/,
    },
  };
  for (const [what, { sql, says }] of Object.entries(refused)) {
    await t.test(what, async () => {
      using folder = temporaryFolder();
      const path = folder.file("app.db");
      database(path, sql);
      const schema = rowsOf(path, "SELECT sql FROM sqlite_schema");
      await rejects(
        SqliteStore.open(path),
        (error: Error) => error instanceof StoreRefused && says.test(error.message),
      );
      deepEqual(rowsOf(path, "SELECT sql FROM sqlite_schema"), schema);
    });
  }
});

test("databases that earlier versions of Lyftr have taken over are upgraded: the name messages refuses writes, created_at has one spelling", async (t) => {
  const folderOfMigrations = new URL("../../src/store/sqlite/migrations/", import.meta.url);
  const migrations = readMigrations(folderOfMigrations);
  for (const version of [1, 2, 3, 4, 5]) {
    await t.test(`schema ${version}`, async () => {
      using folder = temporaryFolder();
      const path = folder.file("app.db");
      const made = migrations.slice(0, version);
      database(
        path,
        `${made.map(({ sql }) => sql).join(";")}; CREATE TABLE lyftr_migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL);
         INSERT INTO lyftr_migrations VALUES ${made.map((each) => `(${each.version}, '${each.name}')`).join(", ")};
         INSERT INTO ${version < 5 ? "messages" : "lyftr_messages"} (source, message_id, from_msisdn, to_msisdn, ts, instant, text, created_at) VALUES
           ('native', 'a', '+1', '+2', '2025-01-15T10:00:00Z', '2025-01-15T10:00:00', 'A', '2025-01-15 10:00:00'),
           ('native', 'b', '+1', '+2', '2025-01-15T10:00:00Z', '2025-01-15T10:00:00', 'B', '2025-01-15T10:00:00.123Z'),
           ('native', 'c', '+1', '+2', '2025-01-15T10:00:00Z', '2025-01-15T10:00:00', 'C', 'yesterday');
         CREATE VIEW report AS SELECT source, count(*) AS n FROM ${version < 5 ? "messages" : "lyftr_messages"} GROUP BY source`,
      );
      const notes = await takeOver(path);
      equal(
        notes[0],
        "rewrote the created_at of 1 messages as UTC, so that retention compares them correctly",
      );
      match(notes[1] ?? "", /^1 messages had no readable created_at/);
      deepEqual(
        rowsOf(
          path,
          "SELECT message_id, created_at FROM messages WHERE message_id < 'c' ORDER BY 1",
        ),
        [
          ["a", "2025-01-15T10:00:00.000Z"],
          ["b", "2025-01-15T10:00:00.123Z"],
        ],
      );
      deepEqual(rowsOf(path, "SELECT * FROM report"), [["native", 3]]);
      const db = new DatabaseSync(path);
      const sql = `INSERT INTO messages VALUES ${row("'d'")}`;
      // SQLITE_ERROR, which Python calls an OperationalError; a constraint would be 19 in its
      // lowest byte.
      for (const refused of [sql, `${sql} RETURNING message_id`, `${sql} ON CONFLICT DO NOTHING`]) {
        let code: unknown;
        try {
          db.prepare(refused).all();
        } catch (error) {
          code = (error as { errcode?: unknown }).errcode;
        }
        equal(code, 1, refused);
      }
      db.close();
      deepEqual(await takeOver(path), []);
    });
  }
});
