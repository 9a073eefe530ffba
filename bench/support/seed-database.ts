import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { PYTHON } from "./target.ts";

export const SEED_APP = fileURLToPath(
  new URL("../../../shared/baseline/seed_app.py", import.meta.url),
);

/**
 * Why the first design, a FastAPI application at `seedApp`, cannot be started here, or undefined
 * when it can.
 */
export function whatFirstDesignLacks(seedApp: string): string | undefined {
  if (!existsSync(seedApp)) return `${seedApp} is not there (--seed-app PATH)`;
  try {
    execFileSync(PYTHON, ["-c", "import fastapi, uvicorn, uvloop, httptools"], { stdio: "ignore" });
    return undefined;
  } catch {
    return `${PYTHON} lacks its libraries (Debian: apt-get install python3-fastapi python3-uvicorn python3-uvloop python3-httptools)`;
  }
}

/**
 * Converts our database into that of the first design: the same messages, in the order in which
 * they were stored.
 */
export function copyForFirstDesign(from: string, to: string): void {
  const db = new DatabaseSync(to);
  // A failed copy is discarded, so nothing of it has to be safe.
  db.exec("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -500000");
  db.exec(`CREATE TABLE messages (message_id TEXT PRIMARY KEY, from_msisdn TEXT NOT NULL,
    to_msisdn TEXT NOT NULL, ts TEXT NOT NULL, text TEXT, created_at TEXT NOT NULL)`);
  db.prepare("ATTACH ? AS ours").run(`file:${from}?mode=ro`);
  db.exec(`INSERT INTO messages SELECT message_id, from_msisdn, to_msisdn, ts, text, created_at
    FROM ours.messages ORDER BY rowid`);
  db.close();
}
