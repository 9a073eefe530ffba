import { deepEqual, equal } from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Ledger } from "../support/ledger.ts";
import { Load } from "../support/load.ts";
import { pgbouncerFor } from "../support/pgbouncer.ts";
import { freshDatabase, unlessPostgres } from "../support/postgres.ts";
import { logLines, serve } from "../support/process.ts";
import { provesClean } from "../support/recovery.ts";
import { getJson } from "../support/service.ts";
import { unlessTool } from "../support/tools.ts";

const READS = [
  "/messages",
  "/messages?q=message",
  "/messages?from=%2B919876543210&since=2025-01-01&order=desc",
  "/messages/export",
  "/senders",
  "/stats",
  "/stats/timeline?bucket=hour",
];

test("behind PgBouncer in transaction mode, with fewer connections than it asks for: it migrates, stores, reads, and restarts", {
  skip: unlessPostgres() || unlessTool("pgbouncer"),
}, async (t) => {
  await using database = await freshDatabase({ kind: "postgres" });
  await using bouncer = await pgbouncerFor(database.url);
  const cwd = mkdtempSync(join(tmpdir(), "lyftr-pgbouncer-"));
  const ledger = new Ledger();
  for (const start of ["first", "second"]) {
    // Two at once, so that they share the connections.
    await using lyftr = await serve({ cwd, env: { DATABASE_URL: bouncer.url } });
    await using other = await serve({ cwd, env: { DATABASE_URL: bouncer.url } });
    await using load = new Load(ledger, lyftr.url);
    await using otherLoad = new Load(ledger, other.url);
    const loads = [load, otherLoad];
    for (const one of loads) await one.accepts(500);
    for (const url of [lyftr.url, other.url])
      for (const path of READS) equal((await fetch(url + path)).status, 200, `${start} ${path}`);
    for (const one of loads) await one.stop();
    deepEqual(
      loads.map(({ failed }) => failed),
      [0, 0],
    );
    deepEqual(await getJson(`${lyftr.url}/stats`), await getJson(`${other.url}/stats`));
    t.diagnostic(JSON.stringify(await provesClean(ledger, lyftr.url, database.url)));
    for (const one of [lyftr, other]) {
      one.child.kill("SIGTERM");
      equal(await one.ended, 0);
      const bad = logLines(one.stdout()).filter(
        ({ level, result }) =>
          ["ERROR", "CRITICAL"].includes(String(level)) && result !== "invalid_signature",
      );
      deepEqual(bad, []);
      equal(one.stderr(), "");
    }
  }
});
