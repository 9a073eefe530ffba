import { deepEqual, equal } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Recording } from "../../campaign/power-cut/recording.ts";
import { Random } from "../../campaign/support/random.ts";
import { unlessTool } from "../support/tools.ts";

const PROGRAM = fileURLToPath(new URL("../support/failing-checkpoint.ts", import.meta.url));
const MS_MAX = 60_000;

/** What the failed checkpoint follows, and what continues in another thread. */
const CAUSES = [
  { first: "deletion", cause: "a deletion", next: "inserts" },
  { first: "insert", cause: "an insert", next: "deletions" },
] as const;

for (const { first, cause, next } of CAUSES) {
  test(`after a failed fsync in a checkpoint that follows ${cause}, and a power cut, nothing acknowledged is lost, although ${next} continued`, {
    skip: unlessTool("gcc"),
  }, () => {
    const folder = mkdtempSync(join(tmpdir(), "lyftr-checkpoint-race-"));
    const marker = join(folder, "marker");
    const data = join(folder, "data");
    mkdirSync(data);
    const path = join(data, "app.db");
    using recording = new Recording(data);
    const { stdout, stderr, signal } = spawnSync(process.execPath, [PROGRAM, path, marker, first], {
      env: { ...process.env, ...recording.failing({ name: "/app.db", marker }) },
      encoding: "utf8",
      timeout: MS_MAX,
      killSignal: "SIGTERM",
    });
    equal(signal, "SIGKILL", stderr);
    equal(existsSync(marker), false, "no fsync has failed");
    const acked: string[] = JSON.parse(stdout);
    recording.cut(new Random(1), { share: 0 });
    const db = new DatabaseSync(path, { readOnly: true });
    deepEqual({ ...db.prepare("PRAGMA integrity_check(1)").get() }, { integrity_check: "ok" });
    const stored = new Set(db.prepare("SELECT message_id AS id FROM messages").all().map(idOf));
    const deleted = db.prepare("SELECT 1 FROM tombstones").all().length;
    db.close();
    equal(acked.filter((id) => !stored.has(id)).length, deleted);
  });
}

function idOf({ id }: Readonly<Record<string, unknown>>): string {
  return String(id);
}
