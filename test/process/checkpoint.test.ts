import { deepEqual, equal, match, ok } from "node:assert/strict";
import { copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { diskFaults } from "../support/disk-faults.ts";
import { CLEAN, faultsIn, Ledger } from "../support/ledger.ts";
import { type LyftrProcess, logLines, runLyftr, serve } from "../support/process.ts";
import { body, getJson } from "../support/service.ts";
import { unlessTool } from "../support/tools.ts";

const SENDERS = 64;
const EXPORTS = 2;
/** The checkpoints before have copied a part of the log into the file without an fsync. */
const FAILS_AT = 2;
/** A slow machine needs minutes for that many pages. */
const LOAD_MS_MAX = 200_000;

/** Sends and reads until the process has ended by itself, or this time is over. */
async function load(lyftr: LyftrProcess & { readonly url: string }, ledger: Ledger): Promise<void> {
  const late = AbortSignal.timeout(LOAD_MS_MAX);
  const goesOn = () =>
    lyftr.child.exitCode === null && lyftr.child.signalCode === null && !late.aborted;
  let sent = 0;
  const sender = async () => {
    while (goesOn()) await ledger.send(lyftr.url, `m${++sent}`, { textCharacters: 4_000 });
  };
  const exporter = async () => {
    while (goesOn()) {
      const answer = await fetch(`${lyftr.url}/messages/export`).catch(() => undefined);
      await answer?.text().catch(() => undefined);
    }
  };
  await Promise.all([
    ...Array.from({ length: SENDERS }, sender),
    ...Array.from({ length: EXPORTS }, exporter),
  ]);
}

for (const file of ["app.db", "app.db-index"]) {
  test(`a failed fsync of ${file} in a checkpoint ends the process, and after a power cut nothing acknowledged is lost`, {
    skip: unlessTool("gcc"),
  }, async (t) => {
    const cwd = mkdtempSync(join(tmpdir(), "lyftr-checkpoint-"));
    const data = join(cwd, "data");
    const FILE = join(data, file);
    const COPY = join(cwd, "disk");
    {
      await using lyftr = await serve({ cwd });
      lyftr.child.kill("SIGTERM");
      equal(await lyftr.ended, 0);
    }
    copyFileSync(FILE, COPY);
    const ledger = new Ledger();
    {
      await using lyftr = await serve({
        cwd,
        env: diskFaults({ FILE, COPY, FAIL_SYNC: FAILS_AT }),
      });
      await load(lyftr, ledger);
      equal(await lyftr.ended, 1);
      equal(logLines(lyftr.stdout()).filter(({ level }) => level === "CRITICAL").length, 1);
    }
    // The power cut: only what was on disk remains of this file, and the shared memory is gone.
    if (file === "app.db") copyFileSync(COPY, FILE);
    for (const name of readdirSync(data)) if (name.endsWith("-shm")) rmSync(join(data, name));
    await using again = await serve({ cwd });
    const found = ledger.check(join(data, "app.db"));
    t.diagnostic(JSON.stringify(found));
    deepEqual(faultsIn(found), CLEAN);
    ok(found.acked > 1_000, "the load was too small to mean anything");
    equal((await getJson(`${again.url}/stats`)).total_messages, found.acked + found.recovered);
    const db = new DatabaseSync(join(data, "app.db"), { readOnly: true });
    deepEqual({ ...db.prepare("PRAGMA integrity_check").get() }, { integrity_check: "ok" });
    db.close();
  });
}

for (const [name, args] of [
  ["keys create", ["keys", "create", "--name", "reader", "--scope", "read"]],
  ["import", ["import", "messages.ndjson"]],
] as const) {
  test(`after a failed fsync of the log, lyftr ${name} ends with 1 and leaves the log to the next start`, {
    skip: unlessTool("gcc"),
  }, async () => {
    const cwd = mkdtempSync(join(tmpdir(), "lyftr-checkpoint-"));
    writeFileSync(join(cwd, "messages.ndjson"), `${body()}\n`);
    const env = { DATABASE_URL: "sqlite:///app.db" };
    equal(await runLyftr(["migrate"], { cwd, env }).ended, 0);
    const log = join(cwd, "app.db-wal");
    equal(existsSync(log), false, "a close in order leaves no log");
    const faults = diskFaults({ FILE: log, COPY: join(cwd, "disk"), FAIL_SYNC: 1 });
    await using lyftr = runLyftr(args, { cwd, env: { ...env, ...faults } });
    equal(await lyftr.ended, 1);
    match(lyftr.stderr(), /disk I\/O error/);
    equal(existsSync(log), true);
    equal(await runLyftr(args, { cwd, env }).ended, 0);
  });
}
