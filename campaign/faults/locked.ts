import { DatabaseSync } from "node:sqlite";
import { setTimeout } from "node:timers/promises";
import { Load } from "../../test/support/load.ts";
import type { Fault, RoundContext, RoundResult } from "../fault.ts";
import { failureOf } from "../power-cut/during-work.ts";
import { importFile, messages } from "../power-cut/fill.ts";
import { Inbox } from "../support/inbox.ts";
import { Probe } from "../support/probe.ts";

/** Shorter than the service waits for a lock. */
const SHORT_LOCK_MS = 1_000;
const LONG_LOCK_MS = { short: 4_000, long: 30_000 };
const LOCK_WAIT_MS_MAX = 10_000;
const ACCEPTED_BETWEEN = 50;
/** 2 s for the lock; a message may have waited for the batch before its own too. */
const REQUEST_MS_MAX = 10_000;
const HEAL_MS_MAX = 3_000;
/** More than one batch of an import. */
const LINES = 3_000;
/** A kept response may miss what the import has just stored, and would need no lock. */
const UNCACHED = { CACHE_TTL_MS: "0" };

/** Another process holds the write lock of the database. */
export const locked: Fault = {
  name: "locked",
  what: "another process holds BEGIN IMMEDIATE for 1 s, then for 30 s (4 s in a short round), when an import begins",
  expected:
    "messages wait for the short lock and get 503 during the long one; liveness and reads answer; accepts again after it; the import, perhaps run again, stores each line",
  databases: ["sqlite"],
  rounds: { short: 1, long: 20 },
  controls: ["wait-for-locks", "import-skips-a-batch"],
  run: lock,
};

async function lock(context: RoundContext): Promise<RoundResult> {
  await using inbox = await Inbox.create(context);
  const { url } = await inbox.start(UNCACHED);
  await using load = new Load(inbox.ledger, url);
  await load.accepts(ACCEPTED_BETWEEN);
  const probes = ["/health/live", "/stats"].map((path) => new Probe(url + path));
  await hold(inbox.path, SHORT_LOCK_MS);
  await load.accepts(ACCEPTED_BETWEEN);
  const broken = load.failed > 0 ? [`${load.failed} messages did not wait for a short lock`] : [];
  const lockMs = context.isShort ? LONG_LOCK_MS.short : LONG_LOCK_MS.long;
  const before = load.failed;
  const lines = messages(LINES, "line");
  const args = ["import", importFile(context, "messages.ndjson", lines)];
  const importing = inbox.run(args);
  await hold(inbox.path, lockMs);
  const refused = load.failed - before;
  if (refused === 0) broken.push(`no message was refused within ${lockMs} ms`);
  const startMs = performance.now();
  await load.accepts(1);
  const healMs = Math.round(performance.now() - startMs);
  if (healMs > HEAL_MS_MAX) broken.push(`it took ${healMs} ms to accept messages again`);
  await load.accepts(ACCEPTED_BETWEEN);
  await load.stop();
  // During a long lock it gives up. Then it continues where it stopped.
  if ((await importing.ended) !== 0) broken.push(...(await failureOf(inbox, args)));
  for (const { id, payload } of lines) inbox.ledger.stored(id, payload);
  await Promise.all(probes.map((probe) => probe.stop()));
  broken.push(...probes.flatMap((probe) => probe.broken()));
  const slowestMs = Math.round(inbox.ledger.slowestMs);
  if (slowestMs > REQUEST_MS_MAX) broken.push(`a message waited ${slowestMs} ms`);
  const { counts, broken: found } = await inbox.check();
  return {
    counts: {
      ...counts,
      locks: 2,
      refused,
      healMsMax: healMs,
      slowestMsMax: slowestMs,
      liveP99MsMax: probes[0]?.p99Ms ?? 0,
    },
    broken: [...broken, ...found],
  };
}

/** Holds the lock from this process, which is another one than the service. */
async function hold(path: string, ms: number): Promise<void> {
  const db = new DatabaseSync(path, { timeout: LOCK_WAIT_MS_MAX });
  try {
    db.exec("BEGIN IMMEDIATE");
    await setTimeout(ms);
    db.exec("ROLLBACK");
  } finally {
    db.close();
  }
}
