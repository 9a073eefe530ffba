import type { Readable } from "node:stream";
import { setTimeout } from "node:timers/promises";
import { BIN } from "../../test/support/cli.ts";
import { Load } from "../../test/support/load.ts";
import { freePort } from "../../test/support/server-folder.ts";
import type { Fault, RoundContext, RoundResult } from "../fault.ts";
import { Inbox } from "../support/inbox.ts";
import { Probe } from "../support/probe.ts";

const KINDS = ["closed", "stalled", "full"] as const;
type Kind = (typeof KINDS)[number];
const ACCEPTED_DURING = { short: 200, long: 3_000 };
const ACCEPTED_MS_MAX = 20_000;
const READY_MS_MAX = 20_000;
const END_MS_MAX = 10_000;

/** Standard output, which carries the log, cannot be written. */
export const log: Fault = {
  name: "log",
  what: "standard output is closed by its reader, not read any more, or a file on a full disk",
  expected: "no request fails, and SIGTERM ends the process with exit code 0",
  databases: ["sqlite"],
  rounds: { short: 1, long: 20 },
  controls: ["log-is-written-at-once"],
  run: unlogged,
};

async function unlogged(context: RoundContext): Promise<RoundResult> {
  await using inbox = await Inbox.create(context);
  const broken: string[] = [];
  for (const kind of KINDS) {
    const found = await runWithout(inbox, kind, context.isShort);
    broken.push(...found.map((promise) => `standard output is ${kind}: ${promise}`));
    if (broken.length > 0) return { counts: { processes: 1 }, broken };
  }
  await inbox.start();
  const { counts, broken: found } = await inbox.check();
  return { counts: { ...counts, processes: KINDS.length }, broken: [...broken, ...found] };
}

async function runWithout(inbox: Inbox, kind: Kind, isShort: boolean): Promise<readonly string[]> {
  const { url, child, ended } = kind === "full" ? await onFullDisk(inbox) : await inbox.start();
  const output = child.stdout as Readable;
  if (kind === "closed") output.destroy();
  if (kind === "stalled") output.pause();
  const live = new Probe(`${url}/health/live`);
  await using load = new Load(inbox.ledger, url);
  const broken: string[] = [];
  await load
    .accepts(isShort ? ACCEPTED_DURING.short : ACCEPTED_DURING.long, ACCEPTED_MS_MAX)
    .catch((error: Error) => broken.push(error.message));
  await load.stop();
  await live.stop();
  broken.push(...live.broken());
  if (load.failed > 0) broken.push(`${load.failed} requests failed`);
  const told = performance.now();
  child.kill("SIGTERM");
  // The reader must read again, or Node does not report that the process has ended.
  const resumed = setTimeout(END_MS_MAX).then(() => output.resume());
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const exit = child.exitCode ?? (await Promise.race([exited, resumed.then(() => "late")]));
  if (exit !== 0)
    broken.push(`the process ended with ${exit} after ${Math.round(performance.now() - told)} ms`);
  if (exit === "late") child.kill("SIGKILL");
  output.resume();
  await ended;
  return broken;
}

/** Starts the service with its log on a device that is always full. */
async function onFullDisk(inbox: Inbox) {
  const port = await freePort();
  const lyftr = inbox.run(
    ["serve"],
    {
      HOST: "127.0.0.1",
      PORT: String(port),
      WEBHOOK_SECRET: "testsecret",
    },
    ["sh", "-c", 'exec "$0" "$@" >/dev/full', process.execPath, BIN],
  );
  const url = `http://127.0.0.1:${port}`;
  const deadline = performance.now() + READY_MS_MAX;
  const isReady = () =>
    fetch(`${url}/health/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  while (!(await isReady())) {
    if (performance.now() > deadline) throw new Error("the service does not start");
    await setTimeout(50);
  }
  return { ...lyftr, url };
}
