import { Load } from "../../test/support/load.ts";
import { ownServer, type PostgresServer } from "../../test/support/postgres-server.ts";
import { quiet } from "../../test/support/recovery.ts";
import type { RoundContext, RoundResult } from "../fault.ts";
import { Inbox } from "./inbox.ts";
import { Probe } from "./probe.ts";

const ACCEPTED_BETWEEN = 50;
/** No request may take longer, whatever its database does. */
const REQUEST_MS_MAX = 10_000;
/** How soon messages are accepted again when the server is there again. */
const HEAL_MS_MAX = 5_000;

export interface UnderLoad {
  readonly server: PostgresServer;
  readonly inbox: Inbox;
  readonly load: Load;
}

export interface PostgresFault {
  readonly settings?: Readonly<Record<string, string>>;
  /** Changes the server before the service starts. Returns the URL that the service uses. */
  readonly prepare?: (server: PostgresServer, inbox: Inbox) => Promise<string>;
  /** Breaks the server and mends it again. Returns broken promises. */
  readonly breaks: (parts: UnderLoad) => Promise<readonly string[]>;
  readonly times: number;
}

/**
 * The service under load on a PostgreSQL server of its own, which breaks several times. Liveness
 * answers all the time, every request ends in time, and the service recovers.
 */
export async function onOwnPostgres(
  context: RoundContext,
  { settings = {}, prepare, breaks, times }: PostgresFault,
): Promise<RoundResult> {
  await using server = await ownServer({ settings });
  await using inbox = await Inbox.create(context, server.url);
  const url = await prepare?.(server, inbox);
  await inbox.start(url === undefined ? {} : { DATABASE_URL: url });
  const live = new Probe(`${inbox.url}/health/live`);
  await using load = new Load(inbox.ledger, inbox.url);
  const broken: string[] = [];
  let healMsMax = 0;
  for (let time = 0; time < times; time++) {
    await load.accepts(context.random.between(1, ACCEPTED_BETWEEN));
    broken.push(...(await breaks({ server, inbox, load })));
    const startMs = performance.now();
    await load.accepts(1);
    healMsMax = Math.max(healMsMax, Math.round(performance.now() - startMs));
  }
  await load.accepts(ACCEPTED_BETWEEN);
  await load.stop();
  await live.stop();
  await quiet(inbox.databaseUrl);
  await inbox.ready();
  const slowestMs = Math.round(inbox.ledger.slowestMs);
  if (slowestMs > REQUEST_MS_MAX) broken.push(`a message waited ${slowestMs} ms`);
  if (healMsMax > HEAL_MS_MAX) broken.push(`it took ${healMsMax} ms to accept messages again`);
  broken.push(...live.broken());
  const { counts, broken: found } = await inbox.check();
  return {
    counts: {
      ...counts,
      times,
      failed: load.failed,
      healMsMax,
      slowestMsMax: slowestMs,
      liveP99MsMax: live.p99Ms,
    },
    broken: [...broken, ...found],
  };
}

/** Resolves with a broken promise if this many requests do not fail in time. */
export async function failsWithin(
  load: Load,
  requests: number,
  msMax: number,
): Promise<readonly string[]> {
  return load.fails(requests, msMax).then(
    () => [],
    () => [`fewer than ${requests} requests failed within ${msMax} ms: the fault was not noticed`],
  );
}

/** Resolves with a broken promise for each path that is not answered with 200. */
export async function readsFail(url: string, paths: readonly string[]): Promise<readonly string[]> {
  const broken: string[] = [];
  for (const path of paths) {
    const { status } = await fetch(url + path);
    if (status !== 200) broken.push(`${path} gets ${status}`);
  }
  return broken;
}
