import { deepEqual, equal, match, ok } from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { scrape } from "../support/client.ts";
import { freshDatabase, unlessPostgres } from "../support/postgres.ts";
import { type LyftrProcess, serve } from "../support/process.ts";
import { RawConnection, rawRequest } from "../support/raw-http.ts";
import { body, post } from "../support/service.ts";
import { someWithin } from "../support/some-within.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";

const folder = () => mkdtempSync(join(tmpdir(), "lyftr-bounds-"));
const HEAD = "POST /webhook HTTP/1.1\r\nHost: x\r\n";

/** What the sockets of clients have sent that then neither read nor close. */
const DEAF: Readonly<Record<string, string>> = {
  nothing: "",
  "half of the headers": HEAD,
  "half of a body": `${HEAD}Content-Length: 1000\r\n\r\n{"mes`,
  "an announced body after Expect": `${HEAD}Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n`,
  CONNECT: "CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n",
  "a request, then CONNECT":
    "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\nCONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n",
  "CONNECT with half of a body": "CONNECT x:80 HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc",
  "an upgrade":
    "GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
  "bytes that are not HTTP": "nonsense\r\n\r\n",
  "many lists that are not read": "GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n".repeat(200),
};

function deaf(port: number, bytes: string, sockets: DisposableStack): Socket {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  sockets.defer(() => socket.destroy());
  socket.on("error", () => socket.destroy()).pause();
  if (bytes !== "") socket.write(bytes, "latin1");
  return socket;
}

/** Sends SIGTERM and resolves with the exit code and the time until the end. */
async function terminated({ child, ended }: LyftrProcess, signal: NodeJS.Signals = "SIGTERM") {
  const startMs = performance.now();
  child.kill(signal);
  const code = await ended;
  return { code, ms: performance.now() - startMs };
}

for (const drainMs of [0, 1_500]) {
  test(`the process has ended ${drainMs} ms and a second after SIGTERM, whatever clients hold open`, async () => {
    await someWithin(drainMs + 1_000, async () => {
      await using lyftr = await serve({
        cwd: folder(),
        env: { DRAIN_TIMEOUT_MS: String(drainMs) },
      });
      using sockets = new DisposableStack();
      for (const bytes of Object.values(DEAF)) {
        for (let at = 0; at < 3; at++) deaf(Number(new URL(lyftr.url).port), bytes, sockets);
      }
      const open = async () => /^connections_open (\d+)$/m.exec(await scrape(lyftr))?.[1];
      while (Number(await open()) < 3 * 6) await sleep(20);
      const { code, ms } = await terminated(lyftr);
      equal(code, 0);
      return ms;
    });
  });
}

test("connections on which CONNECT was refused do not delay a shutdown", async () => {
  await using lyftr = await serve({ cwd: folder(), env: { DRAIN_TIMEOUT_MS: "30000" } });
  using sockets = new DisposableStack();
  deaf(Number(new URL(lyftr.url).port), DEAF.CONNECT ?? "", sockets);
  equal((await fetch(`${lyftr.url}/health/live`)).status, 200);
  const { code, ms } = await terminated(lyftr);
  ok(ms < 4_000, `it took ${ms} ms`);
  equal(code, 0);
});

test("connections between two requests, and new ones, are closed cleanly: a request sent just then does not cause a reset", async () => {
  await using lyftr = await serve({ cwd: folder() });
  const port = Number(new URL(lyftr.url).port);
  await using opened = new AsyncDisposableStack();
  const live = rawRequest("GET /health/live HTTP/1.1", ["Host: x"]);
  const connections: RawConnection[] = [];
  for (let at = 0; at < 40; at++) {
    const connection = opened.use(await RawConnection.open(port));
    connections.push(connection);
    if (at % 2 === 0) continue;
    await connection.write(live);
    await connection.answered(1);
  }
  lyftr.child.kill("SIGTERM");
  const endings = connections.map((connection) => connection.ending());
  // Each sends one request, whether the end has come or not, like a client that has not seen it.
  for (let round = 0; round < 5; round++) {
    for (const [at, connection] of connections.entries()) {
      if (at % 5 === round) connection.write(live).catch(() => undefined);
    }
    await sleep(5);
  }
  deepEqual(new Set(await Promise.all(endings)), new Set(["closed"]));
  equal(await lyftr.ended, 0);
});

test("SIGHUP drains like SIGTERM", async () => {
  await using lyftr = await serve({ cwd: folder() });
  equal((await post(lyftr.url, body())).status, 200);
  equal((await terminated(lyftr, "SIGHUP")).code, 0);
  match(lyftr.stdout(), /"msg":"shutting down","signal":"SIGHUP"/);
});

test("SIGUSR1 opens no debugger", async () => {
  await using lyftr = await serve({ cwd: folder() });
  lyftr.child.kill("SIGUSR1");
  await lyftr.line(({ msg }) => /^SIGUSR1 is ignored/.test(String(msg)));
  equal(lyftr.stderr(), "");
  equal((await terminated(lyftr)).code, 0);
});

for (const workers of [1, 3]) {
  test(`a database that hangs does not delay the shutdown of ${workers} processes, nor do clients`, {
    skip: unlessPostgres(),
  }, async () => {
    const drainMs = 1_000;
    await someWithin(drainMs + 1_000, async () => {
      await using database = await freshDatabase({ kind: "postgres" });
      await using network = await TcpProxy.to(database.url);
      await using lyftr = await serve({
        cwd: folder(),
        env: {
          DATABASE_URL: network.through(database.url),
          DRAIN_TIMEOUT_MS: String(drainMs),
          WORKERS: String(workers),
        },
      });
      using sockets = new DisposableStack();
      equal((await post(lyftr.url, body())).status, 200);
      network.set("blackHole");
      for (let at = 0; at < 6; at++) {
        post(lyftr.url, body({ message_id: `hangs-${at}` })).catch(() => undefined);
        fetch(`${lyftr.url}/messages?from=+${at}`).catch(() => undefined);
        deaf(Number(new URL(lyftr.url).port), DEAF.CONNECT ?? "", sockets);
      }
      equal((await fetch(`${lyftr.url}/health/live`)).status, 200);
      return (await terminated(lyftr)).ms;
    });
  });
}
