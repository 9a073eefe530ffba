import { deepEqual, equal, ok } from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { CLEAN, faultsIn, Ledger, listedIds } from "../support/ledger.ts";
import { serve } from "../support/process.ts";

const KILLS = Number(process.env.LEDGER_KILLS ?? 50);
const SENDERS = 64;
const COLUMNS = "source, message_id, from_msisdn, to_msisdn, ts, instant, text, created_at";

test(`${KILLS} times kill -9 under load: no acknowledged message is lost or stored twice`, async (t) => {
  const cwd = mkdtempSync(join(tmpdir(), "lyftr-kill-"));
  const databasePath = join(cwd, "data", "app.db");
  const ledger = new Ledger();
  let sent = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    await using lyftr = await serve({ cwd });
    const killed = AbortSignal.timeout(50 + Math.floor(Math.random() * 350));
    killed.addEventListener("abort", () => lyftr.child.kill("SIGKILL"));
    const sender = async () => {
      while (!killed.aborted)
        await ledger.send(lyftr.url, `m${++sent}`, { forged: sent % 50 === 0 });
    };
    await Promise.all(Array.from({ length: SENDERS }, sender));
    equal(await lyftr.ended, "SIGKILL");
  }
  const found = ledger.check(databasePath);
  t.diagnostic(JSON.stringify(found));
  deepEqual(faultsIn(found), CLEAN);
  ok(found.acked > KILLS, "the load was too small to mean anything");

  await using lyftr = await serve({ cwd });
  const before = await listedIds(lyftr.url);
  equal(before.agree, true);
  equal(before.ids.length, found.acked + found.recovered);
  equal(new Set(before.ids).size, before.ids.length);
  // Acknowledged messages that are sent again must change nothing; unknown ones must end
  // acknowledged.
  for (const id of ledger.ids("ok").slice(0, 500)) equal(await ledger.send(lyftr.url, id), "ok");
  equal((await listedIds(lyftr.url)).ids.length, before.ids.length);
  for (const id of ledger.ids("unknown")) equal(await ledger.send(lyftr.url, id), "ok");
  deepEqual(faultsIn(ledger.check(databasePath)), CLEAN);
});

test("the ledger's checker detects a lost, a corrupted, an unexpected and a phantom message", async () => {
  const cwd = mkdtempSync(join(tmpdir(), "lyftr-control-"));
  const databasePath = join(cwd, "data", "app.db");
  const ledger = new Ledger();
  await using lyftr = await serve({ cwd });
  for (const id of ["a", "b", "c"]) equal(await ledger.send(lyftr.url, id), "ok");
  equal(await ledger.send(lyftr.url, "forged", { forged: true }), "reject");
  deepEqual(faultsIn(ledger.check(databasePath)), CLEAN);
  const db = new DatabaseSync(databasePath);
  const row = (id: string) =>
    `'native', '${id}', '+1', '+2', '2025-01-15T10:00:00Z', '2025-01-15T10:00:00', 'x', ''`;
  db.exec(`DELETE FROM lyftr_messages WHERE message_id = 'a'; UPDATE lyftr_messages SET text = 'other' WHERE message_id = 'b';
    INSERT INTO lyftr_messages VALUES (NULL, ${row("never sent")}), (NULL, ${row("forged")});
    DROP INDEX messages_key;
    INSERT INTO lyftr_messages (${COLUMNS}) SELECT ${COLUMNS} FROM lyftr_messages WHERE message_id = 'c'`);
  db.close();
  deepEqual(faultsIn(ledger.check(databasePath)), {
    lost: 1,
    duplicated: 1,
    unexpected: 1,
    phantom: 1,
    corrupted: 2,
  });
});
