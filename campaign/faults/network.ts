import { setTimeout } from "node:timers/promises";
import { Load } from "../../test/support/load.ts";
import { logLines } from "../../test/support/process.ts";
import { quiet } from "../../test/support/recovery.ts";
import { ownRedis } from "../../test/support/redis.ts";
import { type Mode, TcpProxy } from "../../test/support/tcp-proxy.ts";
import type { Fault, RoundContext, RoundResult } from "../fault.ts";
import { Inbox } from "../support/inbox.ts";
import { Probe } from "../support/probe.ts";

const MODES: readonly Mode[] = [
  "delay",
  "reset",
  "halfClose",
  "blackHole",
  "drip",
  "close",
  "refuse",
];
const LINKS = ["sender", "database", "redis", "reader"] as const;
type Link = (typeof LINKS)[number];
/** In a long round, longer than any request may take. */
const FAULT_MS = { short: 1_000, long: 12_000 };
const ACCEPTED_BETWEEN = 30;
const ACCEPTED_DURING = 10;
const REQUEST_MS_MAX = 10_000;
const READ_MS_MAX = 2_000;
/** A request may still wait on a connection that is dead. */
const HEAL_MS_MAX = 10_000;

/** A connection of the service breaks in one of seven ways. */
export const network: Fault = {
  name: "network",
  what: "a TCP proxy from the sender, from a reader, to PostgreSQL or to Redis delays, resets, half-closes, swallows, drips, closes or refuses",
  expected:
    "each request ends within 10 s, liveness answers, without Redis no request fails; no unhandled fault; recovers",
  // With it, there are all four links.
  databases: ["postgres"],
  rounds: { short: 1, long: 2 * MODES.length * LINKS.length },
  controls: ["answer-in-spite-of-failure"],
  controlRounds: 4,
  run: disturbed,
};

interface Parts {
  readonly context: RoundContext;
  readonly inbox: Inbox;
  readonly load: Load;
  readonly proxies: Readonly<Partial<Record<Link, TcpProxy>>>;
}

async function disturbed(context: RoundContext): Promise<RoundResult> {
  await using redis = await ownRedis();
  await using inbox = await Inbox.create(context);
  await using toRedis = await TcpProxy.to(redis.url);
  await using toDatabase =
    context.database === "postgres" ? await TcpProxy.to(inbox.databaseUrl) : undefined;
  const service = await inbox.start({
    REDIS_URL: toRedis.through(redis.url),
    RATE_LIMIT_PER_IP: "1000000/1s",
    DATABASE_URL: toDatabase?.through(inbox.databaseUrl) ?? inbox.databaseUrl,
  });
  await using sender = await TcpProxy.to(service.url);
  await using reader = await TcpProxy.to(service.url);
  const live = new Probe(`${service.url}/health/live`);
  await using load = new Load(inbox.ledger, sender.through(service.url).replace(/\/$/, ""));
  const proxies = { sender, reader, redis: toRedis, ...(toDatabase && { database: toDatabase }) };
  const faults = faultsOf(context, Object.keys(proxies) as readonly Link[]);
  const broken: string[] = [];
  for (const [link, mode] of faults) {
    const found = await disturb({ context, inbox, load, proxies }, link, mode);
    broken.push(...found.map((promise) => `${link}, ${mode}: ${promise}`));
  }
  await load.stop();
  await live.stop();
  broken.push(...live.broken());
  if (service.child.exitCode !== null) broken.push("the process ended");
  if (logLines(service.stdout()).some(({ level }) => level === "CRITICAL"))
    broken.push("the log has a line of level CRITICAL");
  if (context.database === "postgres") await quiet(inbox.databaseUrl);
  await inbox.ready();
  const { counts, broken: found } = await inbox.check();
  return {
    counts: { ...counts, disturbances: faults.length, failed: load.failed },
    broken: [...broken, ...found],
  };
}

/** In a short round each link is broken in one way; in a long one one link for longer. */
function faultsOf(
  { isShort, random, seed }: RoundContext,
  links: readonly Link[],
): readonly (readonly [Link, Mode])[] {
  if (isShort) return links.map((link) => [link, random.of(MODES)] as const);
  const link = links[seed % links.length] as Link;
  return [[link, MODES[Math.floor(seed / links.length) % MODES.length] as Mode]];
}

async function disturb(
  { context, inbox, load, proxies }: Parts,
  link: Link,
  mode: Mode,
): Promise<readonly string[]> {
  const broken: string[] = [];
  const proxy = proxies[link] as TcpProxy;
  const readerUrl = proxies.reader?.through(inbox.url) ?? inbox.url;
  await load.accepts(context.random.between(1, ACCEPTED_BETWEEN));
  const failedBefore = load.failed;
  proxy.set(mode);
  const endMs = performance.now() + (context.isShort ? FAULT_MS.short : FAULT_MS.long);
  // Neither Redis nor a reader concerns senders.
  if (link === "redis" || link === "reader")
    await load
      .accepts(ACCEPTED_DURING, REQUEST_MS_MAX)
      .catch(() => broken.push("messages are not accepted during the fault"));
  while (performance.now() < endMs) {
    await reads(readerUrl);
    await setTimeout(50);
  }
  if (link === "redis" || link === "reader") {
    if (load.failed > failedBefore) broken.push(`${load.failed - failedBefore} messages failed`);
  }
  // Senders whose connections are dead give up, as real ones do.
  if (link === "sender") proxy.set("reset");
  proxy.set("pass");
  await load.accepts(1, HEAL_MS_MAX).catch((error: Error) => broken.push(error.message));
  const deadline = performance.now() + HEAL_MS_MAX;
  while (!(await reads(readerUrl))) {
    if (performance.now() > deadline) {
      broken.push(`reads are not answered within ${HEAL_MS_MAX} ms after it`);
      break;
    }
  }
  return broken;
}

/** Whether a read is answered with 200. */
function reads(url: string): Promise<boolean> {
  return fetch(new URL("/messages?limit=1", url), {
    signal: AbortSignal.timeout(READ_MS_MAX),
  }).then(
    async (answer) => (await answer.arrayBuffer()) !== undefined && answer.status === 200,
    () => false,
  );
}
