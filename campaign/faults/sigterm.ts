import { setTimeout } from "node:timers/promises";
import { Load } from "../../test/support/load.ts";
import type { Fault, RoundContext, RoundResult } from "../fault.ts";
import { Inbox } from "../support/inbox.ts";

const LOADS = 2;
const AFTER_MS_MIN = 50;
const AFTER_MS_MAX = 1_000;
const TIMES = { short: 2, long: 10 };
const END_MS_MAX = 10_000;

/** The process is told to end under load, several times. */
export const sigterm: Fault = {
  name: "sigterm",
  what: "SIGTERM at a random moment under the load of 64 senders, then a restart, several times",
  expected: "exit code 0 within 10 s; each request that was received is answered",
  databases: ["sqlite", "postgres"],
  rounds: { short: 1, long: 50 },
  controls: ["drain-does-not-wait"],
  run: terminated,
};

async function terminated(context: RoundContext): Promise<RoundResult> {
  await using inbox = await Inbox.create(context);
  const times = context.isShort ? TIMES.short : TIMES.long;
  const broken: string[] = [];
  let endMsMax = 0;
  for (let time = 0; time < times; time++) {
    const { url } = await inbox.start();
    const loads = Array.from({ length: LOADS }, () => new Load(inbox.ledger, url));
    await loads[0]?.accepts(1);
    await setTimeout(context.random.between(AFTER_MS_MIN, AFTER_MS_MAX));
    const startMs = performance.now();
    const exit = await inbox.end("SIGTERM");
    endMsMax = Math.max(endMsMax, Math.round(performance.now() - startMs));
    if (exit !== 0) broken.push(`the process ended with ${exit}`);
    await Promise.all(loads.map((load) => load.stop()));
  }
  if (endMsMax > END_MS_MAX) broken.push(`an end took ${endMsMax} ms`);
  // A sender without an answer whose message is stored: the request was received.
  const { recovered } = await inbox.findings();
  if (recovered > 0) broken.push(`${recovered} messages were stored and not answered`);
  await inbox.start();
  const { counts, broken: found } = await inbox.check();
  return { counts: { ...counts, terminations: times, endMsMax }, broken: [...broken, ...found] };
}
