import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { LyftrClient, type Message } from "../../client/client.ts";
import { expectWithin } from "./checks.ts";
import { sqliteUrl } from "./fill.ts";
import { messageBody, SECRET } from "./messages.ts";
import { startLyftr, type Target } from "./target.ts";

const SAMPLE_MS = 500;
/** The service is down for some seconds at a time, and longer on a busy machine. */
const DEADLINE_MS = 120_000;

export interface KillsOptions {
  readonly messages: number;
  readonly kills: number;
  readonly concurrency: number;
}

export interface KillsFigures {
  readonly seconds: number;
  readonly attempts: number;
  readonly kills: number;
  /** Resident bytes of this process, twice a second. */
  readonly memory: readonly number[];
}

/**
 * Sends through one client while the service is killed at equal distances. Fails unless each
 * message is stored exactly once.
 */
export async function clientKills(folder: string, options: KillsOptions): Promise<KillsFigures> {
  const path = join(folder, "kills.db");
  let target = await startLyftr(sqliteUrl(path), { env: { WEBHOOK_SECRET: SECRET } });
  const client = new LyftrClient({
    url: target.url,
    secret: SECRET,
    deadlineMs: DEADLINE_MS,
    ...options,
  });
  const memory: number[] = [];
  const sampling = setInterval(() => memory.push(process.memoryUsage.rss()), SAMPLE_MS);
  const startMs = performance.now();
  let sent = 0;
  const sending = client.sendMany(messages(options.messages), {
    onProgress: (now) => (sent = now.sent),
  });
  let ended = false;
  const end = () => {
    ended = true;
  };
  sending.then(end, end);
  let kills = 0;
  while (!ended && kills < options.kills) {
    if (sent < ((kills + 1) * options.messages) / (options.kills + 1)) await sleep(5);
    else {
      target = await killedAndStarted(target, path);
      process.stderr.write(`kill ${++kills}: ${sent} messages sent\n`);
    }
  }
  const result = await sending;
  const seconds = (performance.now() - startMs) / 1_000;
  clearInterval(sampling);
  await target[Symbol.asyncDispose]();
  expectWithin("kills", kills, options.kills, options.kills);
  expectWithin("messages sent", result.sent, options.messages, options.messages);
  expectEachOnce(path, options.messages);
  return { seconds, attempts: result.attempts, kills, memory };
}

function* messages(count: number): Generator<Message> {
  for (let at = 0; at < count; at++) yield JSON.parse(messageBody("kills", at)) as Message;
}

async function killedAndStarted(target: Target, path: string): Promise<Target> {
  process.kill(target.pid, "SIGKILL");
  await target[Symbol.asyncDispose]();
  const port = Number(new URL(target.url).port);
  return startLyftr(sqliteUrl(path), { env: { WEBHOOK_SECRET: SECRET }, port });
}

/** The text of each message has its number. */
function expectEachOnce(path: string, count: number): void {
  const times = new Uint8Array(count);
  const db = new DatabaseSync(path, { readOnly: true });
  let rows = 0;
  for (const { text } of db.prepare("SELECT text FROM messages").iterate()) {
    const at = Number(/^Message ([0-9]+):/.exec(String(text))?.[1]);
    times[at] = (times[at] ?? 0) + 1;
    rows++;
  }
  db.close();
  expectWithin("rows", rows, count, count);
  const once = times.reduce((sum, one) => sum + (one === 1 ? 1 : 0), 0);
  expectWithin("messages that are stored once", once, count, count);
}
