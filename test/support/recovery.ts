import { deepEqual, equal, ok } from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { scrape, series } from "./client.ts";
import { CLEAN, type Findings, faultsIn, type Ledger, listedIds } from "./ledger.ts";
import { sql } from "./sql.ts";

/** No request may take longer, whatever its database does. */
export const REQUEST_MS_MAX = 10_000;
/** How soon a service is ready again after its database is. */
export const HEAL_MS_MAX = 5_000;
const AGAIN = 300;

/** Resolves when the service says that it can take messages. */
export async function ready(url: string, msMax: number = HEAL_MS_MAX): Promise<void> {
  const deadline = performance.now() + msMax;
  while ((await fetch(`${url}/health/ready`)).status !== 200) {
    ok(performance.now() < deadline, `not ready within ${msMax} ms`);
    await setTimeout(20);
  }
}

/**
 * After a fault: no message is lost, stored twice, or made up. Accepted messages are duplicates
 * when they are sent again, unknown ones end accepted. The lists and the statistics agree with the
 * rows. `databaseUrl` is read directly.
 */
export async function provesClean(
  ledger: Ledger,
  url: string,
  databaseUrl: string,
): Promise<Findings> {
  ok(ledger.slowestMs < REQUEST_MS_MAX, `a request took ${Math.round(ledger.slowestMs)} ms`);
  await ready(url);
  await quiet(databaseUrl);
  const found = await ledger.checkPostgres(databaseUrl);
  deepEqual(faultsIn(found), CLEAN);
  const before = await listedIds(url);
  equal(before.agree, true, "lists and statistics disagree");
  equal(before.ids.length, found.acked + found.recovered);
  equal(new Set(before.ids).size, before.ids.length);

  const again = ledger.ids("ok").slice(-AGAIN);
  const unknown = ledger.ids("unknown");
  const results = await resultsOf(url);
  for (const id of again) equal(await ledger.send(url, id), "ok");
  deepEqual(await since(results, url), { created: 0, duplicate: again.length, conflict: 0 });
  await inParallel(unknown, async (id) => equal(await ledger.send(url, id), "ok"));
  const created = unknown.length - found.recovered;
  deepEqual(await since(results, url), {
    created,
    duplicate: again.length + found.recovered,
    conflict: 0,
  });

  const after = await ledger.checkPostgres(databaseUrl);
  deepEqual(faultsIn(after), CLEAN);
  deepEqual([after.acked, after.recovered], [found.acked + unknown.length, 0]);
  equal((await listedIds(url)).agree, true);
  return found;
}

type Results = Readonly<Record<"created" | "duplicate" | "conflict", number>>;

async function resultsOf(url: string): Promise<Results> {
  const samples = series(await scrape({ url }));
  const of = (result: string) => samples.get(`webhook_requests_total{result="${result}"}`) ?? 0;
  return { created: of("created"), duplicate: of("duplicate"), conflict: of("conflict") };
}

async function since(before: Results, url: string): Promise<Results> {
  const { created, duplicate, conflict } = await resultsOf(url);
  return {
    created: created - before.created,
    duplicate: duplicate - before.duplicate,
    conflict: conflict - before.conflict,
  };
}

/**
 * Resolves when the server has nothing under way: requests from before a fault may still be
 * executed after it.
 */
export async function quiet(databaseUrl: string): Promise<void> {
  const deadline = performance.now() + REQUEST_MS_MAX;
  const busy = `SELECT count(*)::int AS count FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle' AND application_name = 'lyftr'`;
  while ((await sql(databaseUrl, busy))[0]?.count !== 0) {
    ok(performance.now() < deadline, "the server is busy for ever");
    await setTimeout(20);
  }
}

async function inParallel(
  ids: readonly string[],
  work: (id: string) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async () => {
    for (let id = ids[next++]; id !== undefined; id = ids[next++]) await work(id);
  };
  await Promise.all(Array.from({ length: 16 }, worker));
}
