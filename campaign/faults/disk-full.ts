import { rmSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { diskFaults } from "../../test/support/disk-faults.ts";
import { Load } from "../../test/support/load.ts";
import type { Fault, RoundContext, RoundResult } from "../fault.ts";
import { Inbox } from "../support/inbox.ts";

const ERRORS = ["ENOSPC", "EDQUOT", "EFBIG"] as const;
const TIMES = { short: 2, long: 10 };
const READS = ["/messages", "/messages?q=message", "/stats", "/health/live", "/health/ready"];
const ACCEPTED_BETWEEN = 30;
const REFUSED = 40;
/** The log may still have room for a few messages. */
const REFUSE_MS_MAX = 5_000;
/** A sender of the load pauses up to 0.1 s after a refusal. */
const HEAL_MS_MAX = 1_200;

/** The disk is full for a while, several times. */
export const diskFull: Fault = {
  name: "disk-full",
  what: "files cannot grow (ENOSPC, EDQUOT or EFBIG) until there is room again, several times under load",
  expected:
    "503 and no 200 without its row; reads go on; accepts again within 1 s without a restart",
  databases: ["sqlite"],
  rounds: { short: 1, long: 50 },
  controls: ["answer-in-spite-of-failure"],
  run: filled,
};

async function filled(context: RoundContext): Promise<RoundResult> {
  const { random, folder, isShort } = context;
  await using inbox = await Inbox.create(context);
  const full = join(folder, "full");
  const { child, url } = await inbox.start(diskFaults({ FULL: full }));
  await using load = new Load(inbox.ledger, url);
  const broken: string[] = [];
  const times = isShort ? TIMES.short : TIMES.long;
  let healMsMax = 0;
  for (let time = 0; time < times; time++) {
    await load.accepts(random.between(1, ACCEPTED_BETWEEN));
    const error = random.of(ERRORS);
    writeFileSync(full, String(constants.errno[error]));
    await load.fails(REFUSED, REFUSE_MS_MAX).catch((error: Error) => broken.push(error.message));
    for (const path of READS) {
      const { status } = await fetch(url + path);
      if (status !== 200) broken.push(`${path} gets ${status} while the disk is full (${error})`);
    }
    rmSync(full);
    const startMs = performance.now();
    await load.accepts(1);
    healMsMax = Math.max(healMsMax, Math.round(performance.now() - startMs));
  }
  await load.stop();
  if (healMsMax > HEAL_MS_MAX) broken.push(`it took ${healMsMax} ms to accept messages again`);
  if (child.exitCode !== null) broken.push(`the process ended with ${child.exitCode}`);
  const { counts, broken: found } = await inbox.check();
  return {
    counts: { ...counts, times, refused: load.failed, healMsMax },
    broken: [...broken, ...found],
  };
}
