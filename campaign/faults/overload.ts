import { execFile } from "node:child_process";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { holdToShare } from "../../bench/support/core-share.ts";
import { SECRET, writeSignedMessages } from "../../bench/support/messages.ts";
import { peakRssMib } from "../../bench/support/process-figures.ts";
import type { Fault, RoundContext, RoundResult } from "../fault.ts";
import { Inbox } from "../support/inbox.ts";

const GENERATOR = fileURLToPath(new URL("../../bench/support/overload-load.ts", import.meta.url));
/** The generator has to offer ten times what the service can take, on the same cores. */
const CORE_SHARE = 0.25;
const PEAK_RATE = 8_000;
const PEAK_CONNECTIONS = 64;
const CONNECTIONS = 500;
const SECONDS = { short: 1, long: 5 };
const FACTORS = [2, 5, 10];
const RECOVERY_MS = 2_000;
const RSS_MIB_MAX = 300;
/** Measured with a process that is stopped most of the time. */
/** The short campaign runs two faults at a time. */
const P99_MS_MAX = { short: 10_000, long: 2_000 };

/** More messages arrive than the service can store. */
export const overload: Fault = {
  name: "overload",
  what: "2, 5 and 10 times its capacity arrive at a fixed rate, then half of it",
  expected:
    "each request gets 200 or 503, each 200 is stored; nothing is refused 2 s later; at most 300 MiB",
  databases: ["sqlite"],
  rounds: { short: 1, long: 20 },
  controls: ["refusals-reset"],
  run: overloaded,
};

interface Figures {
  readonly accepted: number;
  readonly acceptedInTime: number;
  readonly refused: number;
  readonly others: number;
  readonly unanswered: number;
  readonly broken: number;
  readonly acceptedP99Ms: number;
}

async function overloaded(context: RoundContext): Promise<RoundResult> {
  await using inbox = await Inbox.create(context);
  const { child, url } = await inbox.start({ MAX_CONNECTIONS: "10000", WEBHOOK_SECRET: SECRET });
  const seconds = context.isShort ? SECONDS.short : SECONDS.long;
  const pid = Number(child.pid);
  const held = holdToShare([pid], CORE_SHARE);
  const all: Figures[] = [];
  const load = async (rate: number, connections: number) => {
    const messages = join(context.folder, `messages-${all.length}`);
    const figures = await offer({ url, messages, rate: Math.ceil(rate), seconds, connections });
    all.push(figures);
    return figures;
  };
  const peak = (await load(PEAK_RATE, PEAK_CONNECTIONS)).acceptedInTime / seconds;
  const over = [];
  for (const factor of FACTORS) over.push(await load(factor * peak, CONNECTIONS));
  await setTimeout(RECOVERY_MS);
  const after = await load(peak / 2, PEAK_CONNECTIONS);
  held[Symbol.dispose]();
  const sum = (count: keyof Figures) => all.reduce((total, figures) => total + figures[count], 0);
  const broken: string[] = [];
  const wrong = sum("others") + sum("unanswered") + sum("broken");
  if (wrong > 0) broken.push(`${wrong} requests got neither 200 nor 503`);
  if (after.refused > 0) broken.push(`${after.refused} requests are refused after the overload`);
  const p99Ms = Math.round(Math.max(...over.map(({ acceptedP99Ms }) => acceptedP99Ms)));
  if (p99Ms > (context.isShort ? P99_MS_MAX.short : P99_MS_MAX.long))
    broken.push(`1 % of what was accepted took more than ${p99Ms} ms`);
  const rssMib = Math.round(peakRssMib(pid));
  if (rssMib > RSS_MIB_MAX) broken.push(`the service took ${rssMib} MiB`);
  const [row] = await inbox.rows("SELECT count(*) AS count FROM messages");
  if (row?.count !== sum("accepted"))
    broken.push(`${row?.count} messages are stored, ${sum("accepted")} were acknowledged`);
  broken.push(...(await inbox.verify()));
  return {
    counts: {
      accepted: sum("accepted"),
      refused: sum("refused"),
      p99MsMax: p99Ms,
      rssMibMax: rssMib,
    },
    broken,
  };
}

async function offer(flags: {
  readonly url: string;
  readonly messages: string;
  readonly rate: number;
  readonly seconds: number;
  readonly connections: number;
}): Promise<Figures> {
  writeSignedMessages(flags.messages, flags.messages.slice(-1), flags.rate * flags.seconds);
  const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const { stdout } = await promisify(execFile)(process.execPath, [GENERATOR, ...args]);
  return JSON.parse(stdout);
}
