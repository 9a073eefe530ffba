import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { freshDatabase } from "../../test/support/postgres.ts";
import type { Fault, RoundContext, RoundResult } from "../fault.ts";

const RUN = fileURLToPath(new URL("./run.ts", import.meta.url));
const CALLS = { short: 250, long: 1_000 };
/** For a machine that is busy with other work; usually a round takes less than half a minute. */
const ROUND_MS_MAX = 1_200_000;
const execute = promisify(execFile);

/** One seed makes the same calls for both databases. */
export const differential: Fault = {
  name: "differential",
  what: "random calls: inserts, lists, searches, counts, deletions and restarts, in any order",
  expected: "SQLite, PostgreSQL and a plain list in memory give the same answers, to the byte",
  databases: ["sqlite", "postgres"],
  rounds: { short: 1, long: 100 },
  controls: ["cursor-repeats-a-row", "counts-outlive-a-deletion", "wrong-tie-break"],
  run: compared,
};

async function compared(context: RoundContext): Promise<RoundResult> {
  if (context.database === "sqlite")
    return compare(`sqlite:///${join(context.folder, "app.db")}`, context);
  await using database = await freshDatabase();
  return await compare(database.url, context);
}

/** In a process of its own, which a control can build wrong. */
async function compare(url: string, { env, seed, isShort }: RoundContext): Promise<RoundResult> {
  const calls = isShort ? CALLS.short : CALLS.long;
  const { stdout } = await execute(process.execPath, [RUN, url, String(seed), String(calls)], {
    env: { ...process.env, ...env },
    timeout: ROUND_MS_MAX,
  });
  return JSON.parse(stdout);
}
