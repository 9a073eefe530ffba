import { readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { Load } from "../../test/support/load.ts";
import type { Fault, RoundContext, RoundResult } from "../fault.ts";
import { Inbox } from "../support/inbox.ts";

const LOADS = 2;
const KILL_MS_MIN = 50;
const KILL_MS_MAX = 1_500;
const KILLS = { short: 3, long: 10 };
/**
 * A start after a kill, without the time that its main thread waited for a processor. The other
 * threads of a start wait too, and the short campaign runs on machines that do other things.
 */
const READY_MS_MAX = { short: 15_000, long: 2_000 };

const KILL = {
  what: "kill -9 at a random moment under the load of 64 senders, then a restart, several times",
  expected: "nothing acknowledged is lost; ready within 2 s",
  rounds: { short: 1, long: 100 },
  run: killed,
};

/** The process is killed under load at a random moment, and started again. */
export const kill: Fault = {
  ...KILL,
  name: "kill",
  databases: ["sqlite"],
  controls: ["answer-before-commit"],
  controlRounds: 8,
};

/**
 * The same on PostgreSQL. Its server commits what it was sent, even if the sender is killed. So an
 * answer before the commit would rarely be noticed here.
 */
export const killOnPostgres: Fault = {
  ...KILL,
  name: "kill-on-postgres",
  databases: ["postgres"],
  controls: ["no-unique-key"],
};

async function killed(context: RoundContext): Promise<RoundResult> {
  await using inbox = await Inbox.create(context);
  const kills = context.isShort ? KILLS.short : KILLS.long;
  let readyMsMax = 0;
  for (let done = 0; done < kills; done++) {
    const startMs = performance.now();
    const { url, child, ended } = await inbox.start();
    const tookMs = performance.now() - startMs - waitedMs(Number(child.pid));
    readyMsMax = Math.max(readyMsMax, Math.round(tookMs));
    const loads = Array.from({ length: LOADS }, () => new Load(inbox.ledger, url));
    await setTimeout(context.random.between(KILL_MS_MIN, KILL_MS_MAX));
    child.kill("SIGKILL");
    await ended;
    await Promise.all(loads.map((load) => load.stop()));
  }
  await inbox.start();
  const { counts, broken } = await inbox.check();
  const isLate = readyMsMax > (context.isShort ? READY_MS_MAX.short : READY_MS_MAX.long);
  return {
    counts: { ...counts, kills, readyMsMax },
    broken: isLate ? [...broken, `a start took ${readyMsMax} ms`] : broken,
  };
}

/** For how long the main thread could run, but other threads had the processors. */
function waitedMs(pid: number): number {
  const [, waitedNanos] = readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ");
  return Number(waitedNanos) / 1e6;
}
