import { deepEqual, equal, ok } from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { scrape, series } from "../support/client.ts";
import { body, post, type Service, startService } from "../support/service.ts";

/** SECURITY.md: 15 s for a whole request, and the time to notice and to close. */
const GONE_MS_MAX = 15_000 + 500 + 1_000 + 1_500;
const SOCKETS_A_KIND = 20;
/** Those that the honest requests of the test keep open. */
const HONEST_MAX = 5;

const HEAD = "POST /webhook HTTP/1.1\r\nHost: x\r\n";
/** What clients send that then ignore everything, even the end of the connection. */
const KINDS: Readonly<Record<string, string>> = {
  "nothing at all": "",
  "half of the headers": HEAD,
  "half of a body": `${HEAD}Content-Length: 1000\r\n\r\n{"mes`,
  "half of a chunked body": `${HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n`,
  "an announced body after Expect": `${HEAD}Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n`,
  CONNECT: "CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n",
  "CONNECT with half of a body": "CONNECT x:80 HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc",
  "an upgrade":
    "GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: upgrade, close\r\nUpgrade: websocket\r\n\r\n",
  "bytes that are not HTTP": "nonsense\r\n\r\n",
  "too many headers": `${HEAD}X: ${"x".repeat(20_000)}\r\n`,
  "the last request of a connection":
    "GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
  "two Host headers": "GET /health/live HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
};

test("the connection of a client that never closes it and never reads is free after 15 s, whatever it sent", {
  timeout: 40_000,
}, async () => {
  await using service = await startService();
  using sockets = new DisposableStack();
  const startMs = performance.now();
  for (const bytes of Object.values(KINDS)) {
    for (let at = 0; at < SOCKETS_A_KIND; at++) deaf(service.port, bytes, sockets);
  }
  while ((await open(service)) < Object.keys(KINDS).length) await sleep(50);
  for (let honest = 0; (await open(service)) > HONEST_MAX; honest++) {
    equal((await post(service.url, body({ message_id: `honest-${honest}` }))).status, 200);
    ok(performance.now() - startMs < GONE_MS_MAX, `${await open(service)} are open`);
    await sleep(250);
  }
});

test("a connection that needs no waiting is free two seconds after the answer", async () => {
  await using service = await startService();
  using sockets = new DisposableStack();
  const atOnce = [
    "CONNECT",
    "bytes that are not HTTP",
    "too many headers",
    "two Host headers",
    "an upgrade",
  ];
  const startMs = performance.now();
  for (const kind of atOnce) {
    for (let at = 0; at < SOCKETS_A_KIND; at++) deaf(service.port, KINDS[kind] ?? "", sockets);
  }
  while ((await open(service)) > HONEST_MAX || performance.now() - startMs < 500) {
    ok(performance.now() - startMs < 3_000, `${await open(service)} are open`);
    await sleep(50);
  }
});

test("a client that keeps sending after a refusal stores nothing and is cut off", async () => {
  await using service = await startService();
  using sockets = new DisposableStack();
  const socket = deaf(service.port, "nonsense\r\n\r\n", sockets);
  const startMs = performance.now();
  while (!socket.destroyed) {
    socket.write("GET /stats HTTP/1.1\r\nHost: x\r\n\r\n");
    ok(performance.now() - startMs < 4_000, "it is not cut");
    await sleep(20);
  }
  deepEqual(
    service.lines.filter(({ method }) => method !== undefined).map(({ status }) => status),
    [400],
  );
});

/** A client that sends, and then neither reads nor closes. */
function deaf(port: number, bytes: string, sockets: DisposableStack): Socket {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  sockets.defer(() => socket.destroy());
  socket.on("error", () => socket.destroy()).pause();
  if (bytes !== "") socket.write(bytes, "latin1");
  return socket;
}

/** The open connections, including the one of this request. */
async function open(service: Service): Promise<number> {
  return series(await scrape(service)).get("connections_open") ?? Number.NaN;
}
