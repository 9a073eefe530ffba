import { expectAccepted, settledTotals } from "./checks.ts";
import { writeSignedMessages } from "./messages.ts";
import { cpuSeconds, idleSeconds } from "./process-figures.ts";
import type { Target } from "./target.ts";
import { runWrk } from "./wrk.ts";

export interface IngestLoad {
  readonly connections: number;
  /** V8 keeps compiling for some 50,000 requests, and that cost is not the cost of a message. */
  readonly warmupSeconds: number;
  readonly seconds: number;
  /** Files of {@link writeSignedMessages}. */
  readonly messages: { readonly warmup: string; readonly measured: string };
}

export interface IngestRound {
  readonly messagesPerSecond: number;
  /** Of the service's processes. */
  readonly cpuMicros: number;
  /** Of the database server's processes; NaN when there are none on this machine. */
  readonly databaseCpuMicros: number;
  readonly p99Ms: number;
  /** Cores of the machine that were idle, on average. */
  readonly idleCores: number;
  /** Messages answered with 200, including the warm-up. */
  readonly accepted: number;
  /** Messages stored at the end. */
  readonly stored: number;
}

export interface IngestRoundOptions {
  /** The database server, when it is a process of its own. */
  readonly databasePid?: number | undefined;
  /** In effect from the end of the warm-up until the load has ended. */
  readonly whileMeasured?: (() => Disposable) | undefined;
}

/** Signs the messages of a run. `run` keeps the ids of two runs on one database apart. */
export function writeLoad(
  messages: IngestLoad["messages"],
  run: string,
  {
    seconds,
    warmupSeconds,
    messagesPerSecondMax,
  }: Record<"seconds" | "warmupSeconds" | "messagesPerSecondMax", number>,
): void {
  writeSignedMessages(
    messages.warmup,
    `${run}warm`,
    Math.ceil(warmupSeconds * messagesPerSecondMax),
  );
  writeSignedMessages(messages.measured, `${run}run`, Math.ceil(seconds * messagesPerSecondMax));
}

/**
 * Warms a server up, then measures it. Fails unless every accepted message is stored and counted.
 */
export async function ingestRound(
  name: string,
  { url, pid }: Target,
  { connections, warmupSeconds, seconds, messages }: IngestLoad,
  { databasePid, whileMeasured }: IngestRoundOptions = {},
): Promise<IngestRound> {
  const cpu = () =>
    [pid, databasePid].map((of) => (of === undefined ? Number.NaN : cpuSeconds(of)));
  const warmup =
    warmupSeconds > 0
      ? await runWrk({ url, connections, messages: messages.warmup, seconds: warmupSeconds })
      : undefined;
  const before = await settledTotals(url);
  const measured = whileMeasured?.();
  const [cpuBefore, idleBefore] = [cpu(), idleSeconds()];
  const load = await runWrk({ url, connections, messages: messages.measured, seconds });
  const used = cpu().map((after, at) => after - (cpuBefore[at] ?? 0));
  const idle = idleSeconds() - idleBefore;
  measured?.[Symbol.dispose]();
  const after = await settledTotals(url);
  expectAccepted(name, before, after, load.accepted, connections);
  const micros = used.map((cpuUsed) => (1e6 * cpuUsed) / (after.stored - before.stored));
  return {
    messagesPerSecond: load.accepted / load.seconds,
    cpuMicros: micros[0] ?? Number.NaN,
    databaseCpuMicros: micros[1] ?? Number.NaN,
    p99Ms: load.p99Ms,
    idleCores: idle / load.seconds,
    accepted: (warmup?.accepted ?? 0) + load.accepted,
    stored: after.stored,
  };
}
