import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { readFlags } from "./flags.ts";

// Another process on the database: it holds the write lock, or reads every row again and again.

const flags = readFlags({ path: "", mode: "lock", seconds: 1 });
const db = new DatabaseSync(flags.path, { timeout: 5_000 });
if (flags.mode === "lock") {
  db.exec("BEGIN IMMEDIATE");
  await sleep(1_000 * flags.seconds);
  db.exec("ROLLBACK");
} else {
  const scan = db.prepare(
    "SELECT count(*) AS found FROM lyftr_messages WHERE text LIKE '%never in a text%'",
  );
  let scans = 0;
  for (const end = performance.now() + 1_000 * flags.seconds; performance.now() < end; scans++)
    scan.get();
  process.stdout.write(`${scans}\n`);
}
db.close();
