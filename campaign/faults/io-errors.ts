import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { BIN } from "../../test/support/cli.ts";
import type { Fault, RoundContext, RoundResult } from "../fault.ts";
import { addCounts } from "../results.ts";
import { Inbox } from "../support/inbox.ts";

const CALLS = ["fsync", "pwrite64", "ftruncate"] as const;
type Call = (typeof CALLS)[number];
/** Between these is the K of a short round, so that it hits a process that has begun to answer. */
const SHORT_K: Readonly<Record<Call, readonly [min: number, max: number]>> = {
  fsync: [10, 25],
  pwrite64: [80, 250],
  ftruncate: [1, 2],
};
/** The writer thread calls pwrite64 some 400 times, so the last rounds hit nothing. */
const LONG_K_MAX = 500;
const BATCHES = 20;
const BATCH_ROWS = 8;
const END_MS_MAX = 2_000;
const MS_PER_S = 1_000;

/** The K-th call of every thread fails. Long rounds sweep K: the round with seed N tries N + 1. */
export const ioErrors: Fault = {
  name: "io-errors",
  what: "the K-th fsync, pwrite64 or ftruncate of each thread fails with EIO, from the first start on",
  expected:
    "no 200 for a message that is not stored; the process ends within 2 s after a failed fsync; the next start finds everything",
  databases: ["sqlite"],
  rounds: { short: 1, long: LONG_K_MAX },
  controls: ["answer-in-spite-of-failure", "continue-after-io-error"],
  controlRounds: 2,
  run: failing,
};

async function failing(context: RoundContext): Promise<RoundResult> {
  const results: RoundResult[] = [];
  for (const call of CALLS) {
    const k = context.isShort
      ? context.random.between(...SHORT_K[call])
      : 1 + (context.seed % LONG_K_MAX);
    results.push(await failOnce(context, call, k));
  }
  return { counts: addCounts(results), broken: results.flatMap(({ broken }) => broken) };
}

async function failOnce(context: RoundContext, call: Call, k: number): Promise<RoundResult> {
  const folder = join(context.folder, call);
  mkdirSync(folder);
  await using inbox = await Inbox.create({ ...context, folder });
  const trace = join(folder, "trace");
  const calls = call === "fsync" ? "fsync,fdatasync" : call;
  const { answered, toldMs, endedMs } = await runUnderStrace(inbox, trace, [
    "-e",
    `trace=${calls}`,
    "-e",
    `inject=${calls}:error=EIO:when=${k}`,
  ]);
  const errors = errorsIn(readFileSync(trace, "utf8"));
  const broken: string[] = [];
  const first = errors[0];
  // While the process closes its files anyway, it need not end sooner.
  const fatal = errors.find((error) => isFatal(error) && error.atMs < toldMs);
  const tookMs = fatal === undefined ? 0 : Math.round(endedMs - fatal.atMs);
  if (tookMs > END_MS_MAX) broken.push(`the process ended ${tookMs} ms after a failed fsync`);
  if (fatal !== undefined && endedMs > toldMs)
    broken.push("the process continued after a failed fsync until it was told to end");
  await inbox.start();
  const checked = await inbox.check();
  const where = `${call} number ${k} (${first?.path ?? "not reached"})`;
  return {
    counts: {
      ...checked.counts,
      processes: 1,
      errors: errors.length,
      [`${call}NotReached`]: errors.length === 0 ? 1 : 0,
      startsRefused: answered ? 0 : 1,
      endMsMax: tookMs,
    },
    broken: [...broken, ...checked.broken].map((promise) => `${where}: ${promise}`),
  };
}

interface InjectedError {
  readonly atMs: number;
  readonly call: string;
  readonly path: string;
}

/** The errors that strace has injected. */
function errorsIn(trace: string): readonly InjectedError[] {
  return trace.split("\n").flatMap((line) => {
    if (!line.includes("(INJECTED)")) return [];
    const [, seconds, call, path] = /([0-9]+\.[0-9]+) (\w+)\([0-9]+<([^>]*)>/.exec(line) ?? [];
    if (seconds === undefined) return [];
    return [{ atMs: Number(seconds) * MS_PER_S, call: String(call), path: String(path) }];
  });
}

/** After a failed fsync of a file, nothing may be built on what that file has. */
function isFatal({ call, path }: InjectedError): boolean {
  return call.endsWith("sync") && /app\.db(-index)?(-wal)?$/.test(path);
}

interface Run {
  /** Whether the service began to answer. */
  readonly answered: boolean;
  /** When it was told to end, or Infinity. */
  readonly toldMs: number;
  readonly endedMs: number;
}

/** Starts the service, sends messages and ends it. */
async function runUnderStrace(
  inbox: Inbox,
  trace: string,
  options: readonly string[],
): Promise<Run> {
  // -D: the service is the child of this process and strace is not, so signals reach the service.
  const command = [
    "strace",
    "-D",
    "-f",
    "-q",
    "--seccomp-bpf",
    "-ttt",
    "-y",
    "-o",
    trace,
    ...options,
    process.execPath,
    BIN,
  ] as const;
  const service = await inbox.start({}, command).catch(() => undefined);
  if (service === undefined) return { answered: false, toldMs: Infinity, endedMs: Date.now() };
  let endedMs = 0;
  const ended = service.ended.then(() => {
    endedMs = Date.now();
  });
  for (let batch = 0; batch < BATCHES && endedMs === 0; batch++) {
    const ids = Array.from({ length: BATCH_ROWS }, (_, row) => `m${batch}-${row}`);
    await Promise.all(ids.map((id) => inbox.ledger.send(inbox.url, id)));
  }
  let toldMs = Infinity;
  if (endedMs === 0) {
    // An error that happened just now may still end the process.
    if (errorsIn(readFileSync(trace, "utf8")).some(isFatal))
      await Promise.race([ended, setTimeout(END_MS_MAX)]);
    toldMs = Date.now();
    service.child.kill("SIGTERM");
  }
  await ended;
  return { answered: true, toldMs, endedMs };
}
