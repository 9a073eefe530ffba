import { deepEqual, equal, ok } from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Recording } from "../../campaign/power-cut/recording.ts";
import { Random } from "../../campaign/support/random.ts";
import { CLEAN, faultsIn, Ledger } from "../support/ledger.ts";
import { serve } from "../support/process.ts";
import { unlessTool } from "../support/tools.ts";

// The simulated disk of the fault campaign. Its power cuts mean something only if it records every
// change.

const MESSAGES = 50;
const skip = unlessTool("gcc");

/** A hash of the content of each file. */
function contentsOf(folder: string): ReadonlyMap<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => statSync(join(folder, name)).isFile() && !name.endsWith("-shm"))
    .sort();
  return new Map(names.map((name) => [name, hashOf(join(folder, name))]));
}

function hashOf(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

test("a disk that has written everything is the same as the folder, also after kill -9", {
  skip,
}, async () => {
  const cwd = mkdtempSync(join(tmpdir(), "lyftr-power-cut-"));
  const random = new Random(1);
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    using recording = new Recording(cwd);
    await using lyftr = await serve({ cwd, env: recording.env });
    const ledger = new Ledger();
    for (let n = 0; n < MESSAGES; n++) equal(await ledger.send(lyftr.url, `${signal}${n}`), "ok");
    lyftr.child.kill(signal);
    await lyftr.ended;
    const before = contentsOf(cwd);
    ok(before.size >= 2, "there are no files to compare");
    recording.cut(random, { share: 1 });
    deepEqual(contentsOf(cwd), before);
  }
});

test("a power cut that takes everything without an fsync takes no acknowledged message, even of a new database in a new folder", {
  skip,
}, async () => {
  const cwd = mkdtempSync(join(tmpdir(), "lyftr-power-cut-"));
  const ledger = new Ledger();
  {
    using recording = new Recording(cwd);
    await using lyftr = await serve({ cwd, env: recording.env });
    for (let n = 0; n < MESSAGES; n++) equal(await ledger.send(lyftr.url, `m${n}`), "ok");
    lyftr.child.kill("SIGKILL");
    await lyftr.ended;
    recording.cut(new Random(1), { share: 0 });
  }
  await using again = await serve({ cwd });
  const found = ledger.check(join(cwd, "data", "app.db"));
  deepEqual([again.child.exitCode, found.acked, faultsIn(found)], [null, MESSAGES, CLEAN]);
});
