import { execFile, execFileSync } from "node:child_process";
import { connect, type Socket } from "node:net";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { BIN } from "../../test/support/cli.ts";
import { Load } from "../../test/support/load.ts";
import type { Fault, RoundContext, RoundResult } from "../fault.ts";
import { Inbox } from "../support/inbox.ts";
import { Probe } from "../support/probe.ts";

const SLOW_SOCKETS = fileURLToPath(new URL("../../bench/support/slow-sockets.ts", import.meta.url));
const SOCKETS = { short: 1_000, long: 5_000 };
const SECONDS_MAX = 35;
/** The honest senders are slow too: the round takes half a minute. */
const PAUSE_BETWEEN_MS = 50;
const DRIP_MS = 500;
/** The limits are 10 and 15 s, checked every second. On a busy machine it took up to 25 s. */
const HEADERS_MS_MAX = 25_000;
const BODY_MS_MAX = 30_000;
const FILES_MAX = 120;
const FEW_FILES = 40;
const ACCEPTED_BETWEEN = 40;
const WITHOUT_FILES_MS = 1_000;
const HEAL_MS_MAX = 10_000;

/** Many clients send their requests byte by byte. */
export const slowClients: Fault = {
  name: "slow-clients",
  what: "5,000 connections (1,000 in a short round) send headers or bodies byte by byte",
  expected: "they are closed at the time limits; honest requests are answered",
  databases: ["sqlite"],
  rounds: { short: 1, long: 20 },
  controls: ["no-time-limits"],
  run: slowed,
};

interface Slow {
  readonly open: number;
  readonly ended: number;
  readonly headersMs: number;
  readonly bodyMs: number;
}

async function slowed(context: RoundContext): Promise<RoundResult> {
  await using inbox = await Inbox.create(context);
  const { url } = await inbox.start({ MAX_CONNECTIONS: "10000" });
  const live = new Probe(`${url}/health/live`);
  await using load = new Load(inbox.ledger, url, PAUSE_BETWEEN_MS);
  const flags = {
    url,
    sockets: context.isShort ? SOCKETS.short : SOCKETS.long,
    "drip-ms": DRIP_MS,
    seconds: SECONDS_MAX,
  };
  const { stdout } = await promisify(execFile)(process.execPath, [
    SLOW_SOCKETS,
    ...Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]),
  ]);
  const slow: Slow = JSON.parse(stdout.slice(stdout.indexOf("{")));
  await load.accepts(1);
  await load.stop();
  await live.stop();
  const broken = [...live.broken(), ...live.failures.slice(0, 3)];
  if (load.failed > 0) broken.push(`${load.failed} honest requests failed`);
  if (slow.open < flags.sockets) broken.push(`only ${slow.open} slow clients could connect`);
  if (slow.ended < slow.open) broken.push(`${slow.open - slow.ended} slow clients stay connected`);
  if (slow.headersMs > HEADERS_MS_MAX) broken.push(`slow headers lasted ${slow.headersMs} ms`);
  if (slow.bodyMs > BODY_MS_MAX) broken.push(`a slow body lasted ${slow.bodyMs} ms`);
  const { counts, broken: found } = await inbox.check();
  return {
    counts: {
      ...counts,
      slow: slow.open,
      headersMsMax: Math.round(slow.headersMs),
      bodyMsMax: Math.round(slow.bodyMs),
      slowestMsMax: Math.round(inbox.ledger.slowestMs),
    },
    broken: [...broken, ...found],
  };
}

/** The process can open no more files. */
export const fileDescriptors: Fault = {
  name: "file-descriptors",
  what: "with 120 open files at most, 480 clients connect; then the limit falls below what is open",
  expected: "the process lives, and accepts messages again when there are files",
  databases: ["sqlite"],
  rounds: { short: 1, long: 20 },
  controls: ["no-unique-key"],
  run: withoutFiles,
};

async function withoutFiles(context: RoundContext): Promise<RoundResult> {
  await using inbox = await Inbox.create(context);
  const limited = `ulimit -S -n ${FILES_MAX}; exec "$0" "$@"`;
  const { url, child } = await inbox.start({}, ["sh", "-c", limited, process.execPath, BIN]);
  const limit = (files: number) =>
    execFileSync("prlimit", ["--pid", String(child.pid), `--nofile=${files}:`]);
  await using load = new Load(inbox.ledger, url);
  await load.accepts(ACCEPTED_BETWEEN);
  const broken: string[] = [];
  const clients = Array.from({ length: 4 * FILES_MAX }, () => silentClient(url));
  await load
    .accepts(ACCEPTED_BETWEEN, HEAL_MS_MAX)
    .catch((error: Error) => broken.push(`among many clients: ${error.message}`));
  for (const client of clients) client.destroy();
  limit(FEW_FILES);
  const more = Array.from({ length: FEW_FILES }, () => silentClient(url));
  await setTimeout(WITHOUT_FILES_MS);
  for (const client of more) client.destroy();
  limit(FILES_MAX);
  await load
    .accepts(ACCEPTED_BETWEEN, HEAL_MS_MAX)
    .catch((error: Error) => broken.push(`with files again: ${error.message}`));
  await load.stop();
  if (child.exitCode !== null) broken.push(`the process ended with ${child.exitCode}`);
  const { counts, broken: found } = await inbox.check();
  return {
    counts: { ...counts, clients: clients.length + more.length, failed: load.failed },
    broken: [...broken, ...found],
  };
}

/** A client that connects and sends nothing. */
function silentClient(url: string): Socket {
  const { hostname, port } = new URL(url);
  return connect({ host: hostname, port: Number(port) }).on("error", () => undefined);
}
