import { setTimeout } from "node:timers/promises";
import { scrape, series } from "../../test/support/client.ts";
import { diskFaults } from "../../test/support/disk-faults.ts";
import { Load } from "../../test/support/load.ts";
import { logLines } from "../../test/support/process.ts";
import type { Fault, RoundContext, RoundResult } from "../fault.ts";
import { Inbox } from "../support/inbox.ts";
import { Probe, quantile } from "../support/probe.ts";

const SYNC_MS_MIN = 100;
const SYNC_MS_MAX = 400;
const LOADS = 2;
const LOAD_MS = { short: 3_000, long: 10_000 };
/** A message may wait for the fsync of the batch before its own, and for that of its own. */
const SYNCS_MAX = 3;
/** The rest is for a machine that is busy with other rounds. */
const BUSY_MS_MAX = 500;
/** Messages that share an fsync, on average. The load has 64 senders. */
const BATCH_ROWS_MIN = 4;

/** Every fsync takes long. */
export const slowDisk: Fault = {
  name: "slow-disk",
  what: "each fsync takes 100 to 400 ms longer, under the load of 64 senders",
  expected: "messages share an fsync; 99 % are answered within 3 times the delay; liveness answers",
  databases: ["sqlite"],
  rounds: { short: 1, long: 30 },
  controls: ["one-message-a-batch"],
  run: slowed,
};

async function slowed(context: RoundContext): Promise<RoundResult> {
  const syncMs = context.random.between(SYNC_MS_MIN, SYNC_MS_MAX);
  await using inbox = await Inbox.create(context);
  // The new file is created while the disk is fast.
  await inbox.run(["migrate"]).ended;
  const service = await inbox.start(diskFaults({ SYNC_MS: syncMs }));
  const live = new Probe(`${service.url}/health/live`);
  const loads = Array.from({ length: LOADS }, () => new Load(inbox.ledger, service.url));
  await setTimeout(context.isShort ? LOAD_MS.short : LOAD_MS.long);
  await Promise.all(loads.map((load) => load.stop()));
  await live.stop();
  const samples = series(await scrape(service));
  const batches = samples.get("commit_batch_rows_count") ?? Number.NaN;
  const accepted = loads.reduce((sum, load) => sum + load.accepted, 0);
  // Measured by the service itself, because the senders keep this process busy.
  const tookMs = logLines(service.stdout()).flatMap(({ path, status, latency_ms }) =>
    path === "/webhook" && status === 200 ? Number(latency_ms) : [],
  );
  const p99Ms = Math.round(quantile(tookMs, 0.99));
  const { counts, broken } = await inbox.check();
  const found = [...live.broken()];
  if (p99Ms > SYNCS_MAX * syncMs + BUSY_MS_MAX)
    found.push(`1 % of the messages took more than ${p99Ms} ms with ${syncMs} ms for an fsync`);
  if (!(accepted / batches >= BATCH_ROWS_MIN))
    found.push(`${accepted} messages took ${batches} batches`);
  return {
    counts: { ...counts, batches, p99MsMax: p99Ms, liveP99MsMax: live.p99Ms },
    broken: [...found, ...broken],
  };
}
