import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { KEYS_MAX } from "../../src/store/key-rules.ts";
import { openCredentials } from "../../src/store/open.ts";
import { KeyMaker } from "../support/api-keys.ts";
import { temporaryFolder } from "../support/cli.ts";

const LOOK_MS_MAX = 20;

test("no UPDATE, DELETE or REPLACE changes the audit of a SQLite database", async () => {
  using folder = temporaryFolder();
  const url = `sqlite:///${folder.file("app.db")}`;
  {
    await using maker = await KeyMaker.of(url);
    await maker.make({ name: "a" });
  }
  const db = new DatabaseSync(folder.file("app.db"));
  for (const change of [
    "UPDATE audit SET actor = 'another'",
    "DELETE FROM audit",
    "REPLACE INTO audit SELECT * FROM audit",
  ])
    throws(() => db.exec(change), /the audit is only added to/, change);
  equal(db.prepare("SELECT actor FROM audit").get()?.actor, "test");
  db.close();
});

test("with the maximum number of keys, none is added beyond, and detecting changes is still cheap", async (t) => {
  using folder = temporaryFolder();
  const url = `sqlite:///${folder.file("app.db")}`;
  await using maker = await KeyMaker.of(url);
  const one = await maker.make({ name: "one" });
  const db = new DatabaseSync(folder.file("app.db"));
  db.exec(`INSERT INTO api_keys (id, name, scope, hash, hint, created_at, revoked_at)
    WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < ${KEYS_MAX})
    SELECT 'id' || i, 'k' || i, 'read', hex(randomblob(32)), 'lyftr_abcd', '2025-01-01T00:00:00.000Z', '2025-01-02T00:00:00.000Z' FROM n`);
  db.close();
  const credentials = await openCredentials(url, "write");
  const by = { at: new Date().toISOString(), id: randomUUID(), actor: "test" };
  const next = { id: "next", hash: "x", hint: "lyftr_abcd", retiresAt: by.at };
  deepEqual(await credentials.keys.add({ ...one.key, id: "more", name: "more", hash: "y" }, by), {
    kind: "full",
  });
  deepEqual(await credentials.keys.rotate(one.key.id, next, by), { kind: "full" });
  equal(
    (await credentials.keys.revoke({ id: one.key.id }, by))?.length,
    1,
    "what there is can still be ended",
  );
  equal((await credentials.keys.all()).length, KEYS_MAX);
  const startMs = performance.now();
  for (let look = 0; look < 20; look++) await credentials.keys.version();
  const ms = (performance.now() - startMs) / 20;
  t.diagnostic(`${ms.toFixed(2)} ms a look`);
  ok(ms < LOOK_MS_MAX, `${ms} ms`);
  await credentials.close();
});
