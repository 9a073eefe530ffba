import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { Load } from "../../test/support/load.ts";
import { logLines } from "../../test/support/process.ts";
import type { Fault, RoundContext, RoundResult } from "../fault.ts";
import { Inbox } from "../support/inbox.ts";
import { removeClock } from "../support/interruption.ts";
import { Probe } from "../support/probe.ts";

const JUMPS = ["+3d", "-1h", "+0", "+3d", "-3d"] as const;
const SHORT_JUMPS = 3;
const ACCEPTED_BETWEEN = 40;
const ACCEPTED_MS_MAX = 10_000;
const AFTER_MS_MAX = 500;
const REQUEST_MS_MAX = 10_000;

/** The wall clock of the process jumps; its monotonic clock does not. Needs libfaketime. */
export const clock: Fault = {
  name: "clock",
  what: "the wall clock of the service jumps by 3 days and by an hour, forwards and back, under load",
  expected: "no request fails, and durations are those of the monotonic clock",
  databases: ["sqlite", "postgres"],
  rounds: { short: 1, long: 20 },
  controls: ["durations-by-wall-clock"],
  run: jumped,
};

async function jumped(context: RoundContext): Promise<RoundResult> {
  using after = new DisposableStack();
  // Disposed of before, so the service has ended then.
  await using inbox = await Inbox.create(context);
  const file = join(context.folder, "faketime");
  writeFileSync(file, "+0");
  const service = await inbox.start({
    LD_PRELOAD: faketimeLibrary(),
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_NO_CACHE: "1",
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
    DONT_FAKE_MONOTONIC: "1",
  });
  after.defer(() => removeClock(Number(service.child.pid)));
  const live = new Probe(`${service.url}/health/live`);
  await using load = new Load(inbox.ledger, service.url);
  const broken: string[] = [];
  const jumps = JUMPS.slice(0, context.isShort ? SHORT_JUMPS : JUMPS.length);
  for (const jump of jumps) {
    await load.accepts(context.random.between(1, ACCEPTED_BETWEEN));
    writeFileSync(file, jump);
    await load
      .accepts(ACCEPTED_BETWEEN, ACCEPTED_MS_MAX)
      .catch((error: Error) => broken.push(`after ${jump}: ${error.message}`));
    await setTimeout(context.random.between(0, AFTER_MS_MAX));
  }
  await load.stop();
  await live.stop();
  broken.push(...live.broken(), ...live.failures.slice(0, 3));
  if (load.failed > 0) broken.push(`${load.failed} requests failed`);
  const times = new Set<string>();
  for (const { ts, latency_ms } of logLines(service.stdout())) {
    times.add(String(ts).slice(0, "2025-01-15".length));
    const ms = Number(latency_ms ?? 0);
    if (ms < 0 || ms > REQUEST_MS_MAX) broken.push(`a request is logged with ${ms} ms`);
  }
  if (times.size < 2) broken.push("the clock of the service did not jump");
  const { counts, broken: found } = await inbox.check();
  return {
    counts: { ...counts, jumps: jumps.length, failed: load.failed },
    broken: [...new Set(broken)].slice(0, 10).concat(found),
  };
}

function faketimeLibrary(): string {
  const name = "faketime/libfaketimeMT.so.1";
  const paths = readdirSync("/usr/lib", { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join("/usr/lib", entry.name, name));
  const path = paths.find((candidate) => existsSync(candidate));
  if (path === undefined)
    throw new Error("libfaketime is not on this machine: apt-get install faketime");
  return path;
}
