import { balance } from "../../test/support/haproxy.ts";
import { Load } from "../../test/support/load.ts";
import { REPLICAS, Replicas } from "../../test/support/replicas.ts";
import type { Fault, RoundContext, RoundResult } from "../fault.ts";
import { Inbox } from "../support/inbox.ts";

const CYCLES = { short: 1, long: 4 };
const ACCEPTED_BETWEEN = { short: 100, long: 1_000 };

/** Three replicas are restarted one after the other. */
export const rollingRestart: Fault = {
  name: "rolling-restart",
  what: "three replicas behind HAProxy get SIGTERM and are started again, one after the other, under load",
  expected: "no request fails, and each replica ends with exit code 0",
  databases: ["postgres"],
  rounds: { short: 1, long: 10 },
  controls: ["drain-refuses"],
  // About every second round has a request at the moment that matters.
  controlRounds: 8,
  run: restarted,
};

async function restarted(context: RoundContext): Promise<RoundResult> {
  await using inbox = await Inbox.create(context);
  await using replicas = await Replicas.on(inbox.databaseUrl, context.env);
  await using balancer = await balance(replicas.ports, { again: true });
  await balancer.sees(REPLICAS);
  const cycles = context.isShort ? CYCLES.short : CYCLES.long;
  const accepted = context.isShort ? ACCEPTED_BETWEEN.short : ACCEPTED_BETWEEN.long;
  const broken: string[] = [];
  await using load = new Load(inbox.ledger, balancer.url);
  for (let restart = 0; restart < cycles * REPLICAS; restart++) {
    await load.accepts(accepted + context.random.between(0, accepted));
    const exit = await replicas.restart(restart % REPLICAS, "SIGTERM");
    if (exit !== 0) broken.push(`a replica ended with ${exit}`);
    await balancer.sees(REPLICAS);
  }
  await load.accepts(accepted);
  await load.stop();
  if (load.failed > 0) broken.push(`${load.failed} requests failed`);
  await inbox.start();
  const { counts, broken: found } = await inbox.check();
  return {
    counts: { ...counts, restarts: cycles * REPLICAS, failed: load.failed },
    broken: [...broken, ...found],
  };
}
