import { deepEqual, equal, ok } from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Store } from "../../src/store/store.ts";
import { bareServer } from "../support/bare-server.ts";
import { listMessages, macOf, scrape, series } from "../support/client.ts";
import { RawConnection, rawRequest } from "../support/raw-http.ts";
import { body, post, startService } from "../support/service.ts";

const HEADERS_MS_MAX = 10_000;
const REQUEST_MS_MAX = 15_000;
/** Checked every second; the rest is for a machine that is busy with other tests. */
const LATE_MS_MAX = 4_000;
const SOCKETS_A_KIND = 60;
const DRIP_MS = 400;

interface Kind {
  /** Sent at once. */
  readonly first: string;
  /** Sent byte by byte after it, for as long as the connection lasts. */
  readonly drip: string;
  readonly msMax: number;
}

const PAYLOAD = body({ message_id: "whole" });
const WHOLE = `POST /webhook HTTP/1.1\r\nHost: x\r\nX-Signature: ${macOf(PAYLOAD)}\r\nContent-Length: ${PAYLOAD.length}\r\n\r\n${PAYLOAD}`;
const HEAD = "POST /webhook HTTP/1.1\r\nHost: x\r\n";
const KINDS: Readonly<Record<string, Kind>> = {
  "nothing at all": { first: "", drip: "", msMax: HEADERS_MS_MAX },
  "half a request line": { first: "POST /web", drip: "", msMax: HEADERS_MS_MAX },
  "half of the headers": { first: HEAD, drip: "", msMax: HEADERS_MS_MAX },
  "headers byte by byte": {
    first: HEAD,
    drip: `X-Slow: ${"x".repeat(100)}`,
    msMax: HEADERS_MS_MAX,
  },
  "half of a body": {
    first: `${HEAD}Content-Length: 1000\r\n\r\n{"mes`,
    drip: "",
    msMax: REQUEST_MS_MAX,
  },
  "a body byte by byte": {
    first: `${HEAD}Content-Length: 1000\r\n\r\n`,
    drip: "x".repeat(100),
    msMax: REQUEST_MS_MAX,
  },
  "a chunked body byte by byte": {
    first: `${HEAD}Transfer-Encoding: chunked\r\n\r\n`,
    drip: "1\r\nx\r\n".repeat(30),
    msMax: REQUEST_MS_MAX,
  },
  "a good request, then a second whose headers never end": {
    first: WHOLE + HEAD,
    drip: "",
    msMax: HEADERS_MS_MAX,
  },
  "a good request, then a second whose body never ends": {
    first: `${WHOLE}${HEAD}Content-Length: 1000\r\n\r\n`,
    drip: "x".repeat(100),
    msMax: REQUEST_MS_MAX,
  },
};

test("slow clients of every kind are cut off in time, and honest requests are answered during that", {
  timeout: 60_000,
}, async () => {
  await using service = await startService();
  using sockets = new DisposableStack();
  const startMs = performance.now();
  const ends = Object.entries(KINDS).flatMap(([name, kind]) =>
    Array.from({ length: SOCKETS_A_KIND }, () =>
      lasts(slowClient(service.port, kind, sockets)).then((ms) => [name, ms] as const),
    ),
  );
  let honest = 0;
  let over = false;
  const all = Promise.all(ends).finally(() => (over = true));
  while (!over) {
    equal((await post(service.url, body({ message_id: `honest-${honest++}` }))).status, 200);
    await sleep(100);
    ok(performance.now() - startMs < REQUEST_MS_MAX + 20_000, "they are not cut");
  }
  const latest: Record<string, number> = {};
  for (const [name, ms] of await all) latest[name] = Math.max(latest[name] ?? 0, ms);
  for (const [name, kind] of Object.entries(KINDS)) {
    ok((latest[name] ?? 0) <= kind.msMax + LATE_MS_MAX, `${name}: ${latest[name]}`);
    ok((latest[name] ?? 0) > kind.msMax / 2, `${name} was cut at once: ${latest[name]}`);
  }
  equal((await listMessages(service)).total, honest + 1);
  const samples = series(await scrape(service));
  ok(
    (samples.get("connections_open") ?? Number.NaN) < 20,
    `${samples.get("connections_open")} are open`,
  );
  equal(samples.get("connections_refused_total"), 0);
});

function slowClient(port: number, { first, drip }: Kind, sockets: DisposableStack): Socket {
  const socket = connect(port, "127.0.0.1");
  sockets.defer(() => socket.destroy());
  socket.on("error", () => undefined).resume();
  if (first !== "") socket.write(first);
  let at = 0;
  const dripping = setInterval(
    () => (at < drip.length ? socket.write(drip[at++] ?? "") : undefined),
    DRIP_MS,
  );
  socket.once("close", () => clearInterval(dripping));
  return socket;
}

/** Resolves with the duration of the connection. */
function lasts(socket: Socket): Promise<number> {
  const startMs = performance.now();
  return new Promise((resolve) => {
    const ended = () => {
      socket.destroy();
      resolve(performance.now() - startMs);
    };
    socket.once("end", ended).once("close", ended);
  });
}

test("a client that reads its answers not at all, or too slowly, is cut off, and its memory is freed", {
  timeout: 30_000,
}, async () => {
  const text = "😀".repeat(4_096);
  const message = {
    messageId: "m",
    from: "+1",
    to: "+1",
    ts: "",
    text,
    createdAt: "",
    source: "native",
  };
  const page = {
    messages: Array.from({ length: 100 }, () => message),
    total: 100,
    next: null,
    previous: null,
  };
  const store = { findMessages: async () => page } as unknown as Store;
  await using service = await bareServer({ store, answerMsMax: 1_500 });
  const asks = rawRequest("GET /messages?limit=100 HTTP/1.1", ["Host: x"]);
  for (const reading of [false, true]) {
    await using connection = await RawConnection.open(service.port, { reading: false });
    // More than the kernel buffers for a client.
    await connection.write(Buffer.concat(Array.from({ length: 20 }, () => asks)));
    const startMs = performance.now();
    const open = async () => (await scrape(service)).match(/^connections_open (\d+)$/m)?.[1];
    const before = service.lines.length;
    const ended = () =>
      service.lines
        .slice(before)
        .some(({ path, status }) => path === "/messages" && status === 499);
    while (!ended()) {
      if (reading) connection.take(1_000);
      await sleep(50);
      ok(performance.now() - startMs < 10_000, "it is not cut");
    }
    ok(performance.now() - startMs > 1_000);
    ok(Number(await open()) <= 2, "its connection is closed");
  }
  deepEqual(new Set(service.lines.map(({ status }) => status)), new Set([200, 499]));
});
