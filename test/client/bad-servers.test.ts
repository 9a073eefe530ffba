import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Socket } from "node:net";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import {
  type Fetch,
  LyftrClient,
  LyftrError,
  type LyftrErrorKind,
  nodeFetch,
} from "../../client/client.ts";
import { type BadServer, badServer } from "../support/bad-server.ts";

const MESSAGE = {
  message_id: "m1",
  from: "+919876543210",
  to: "+14155550100",
  ts: "2025-01-15T10:00:00Z",
  text: "Hello",
};
const DEADLINE_MS = 3_000;
/**
 * An immediate failure is retried after 50, 150, 350, 750 and 1,550 ms: never so late that the
 * deadline would cut it short on a busy machine.
 */
const OPTIONS = {
  secret: "testsecret",
  deadlineMs: DEADLINE_MS,
  attemptMs: 1_200,
  random: () => 0.5,
};
/** What a busy machine may add to a deadline. */
const LATE_MS_MAX = 1_500;
const CLOSED_MS_MAX = 2_000;

const OK =
  'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 15\r\n\r\n{"status":"ok"}';

/** Each failure is the same with the platform's fetch() and with the client's. */
async function withEach(check: (fetch: Fetch | undefined) => Promise<void>): Promise<void> {
  await Promise.all([check(undefined), check(nodeFetch())]);
}

interface Expected {
  readonly kind: LyftrErrorKind;
  readonly retried: boolean;
}

/**
 * Sends, and expects this kind of failure before the deadline and every connection closed after it.
 */
async function fails(
  server: BadServer,
  { kind, retried }: Expected,
  fetch?: Fetch,
): Promise<LyftrError> {
  const startMs = performance.now();
  const client = new LyftrClient({ ...OPTIONS, url: server.url, fetch });
  const error = await client.send(MESSAGE).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  const tookMs = performance.now() - startMs;
  ok(error instanceof LyftrError, `${error}`);
  equal(error.kind, kind, `${fetch === undefined ? "fetch" : "nodeFetch"}: ${error.message}`);
  ok(tookMs < DEADLINE_MS + LATE_MS_MAX, `${tookMs} ms`);
  equal(error.attempts > 1, retried, `${error.attempts} attempts: ${error.message}`);
  for (const endMs = performance.now() + CLOSED_MS_MAX; server.open() > 0; await delay(10))
    ok(performance.now() < endMs, `${server.open()} connections are still open`);
  return error;
}

const BOMB = gzipSync(Buffer.alloc(64 * 1024 * 1024));

const CASES: readonly {
  readonly name: string;
  readonly answer: (socket: Socket) => void;
  readonly kind: LyftrErrorKind;
  readonly retried: boolean;
}[] = [
  {
    name: "garbage instead of HTTP",
    answer: (socket) => void socket.write("SSH-2.0-OpenSSH_9.2\r\n"),
    kind: "protocol",
    retried: false,
  },
  {
    name: "binary garbage",
    answer: (socket) => void socket.write(Buffer.from([0, 255, 254, 1, 2, 3, 10, 13, 0])),
    kind: "protocol",
    retried: false,
  },
  { name: "no answer at all", answer: () => undefined, kind: "timeout", retried: true },
  {
    name: "a connection that is closed without an answer",
    answer: (socket) => void socket.end(),
    kind: "network",
    retried: true,
  },
  {
    name: "a connection that is reset",
    answer: (socket) => void socket.resetAndDestroy(),
    kind: "network",
    retried: true,
  },
  {
    name: "half a head",
    answer: (socket) => void socket.end("HTTP/1.1 200 OK\r\ncontent-le"),
    kind: "network",
    retried: true,
  },
  {
    name: "half an answer, and then the end",
    answer: (socket) => void socket.end(OK.slice(0, -4)),
    kind: "network",
    retried: true,
  },
  {
    name: "half an answer, and then nothing",
    answer: (socket) => void socket.write(OK.slice(0, -4)),
    kind: "timeout",
    retried: true,
  },
  {
    name: "a length that is too short",
    answer: (socket) => void socket.write(OK.replace("15", "5")),
    kind: "protocol",
    retried: false,
  },
  {
    name: "a length that is not a number",
    answer: (socket) => void socket.write(OK.replace("15", "many")),
    kind: "protocol",
    retried: false,
  },
  {
    name: "an endless body of a good answer",
    answer: (socket) => flood(socket, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n"),
    kind: "protocol",
    retried: false,
  },
  {
    name: "a gigantic declared length",
    answer: (socket) => flood(socket, "HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n"),
    kind: "protocol",
    retried: false,
  },
  {
    name: "an endless body of a refusal that says to try again",
    answer: (socket) => flood(socket, "HTTP/1.1 503 Busy\r\n\r\n"),
    kind: "unavailable",
    retried: true,
  },
  {
    name: "an endless head",
    answer: (socket) => flood(socket, "HTTP/1.1 200 OK\r\nx: "),
    kind: "protocol",
    retried: false,
  },
  {
    name: "a body that drips for ever",
    answer: (socket) => drip(socket, "HTTP/1.1 200 OK\r\n\r\n"),
    kind: "timeout",
    retried: true,
  },
  {
    name: "a head that drips for ever",
    answer: (socket) => drip(socket, "HTTP/1.1 200 OK\r\nx: "),
    kind: "timeout",
    retried: true,
  },
  {
    name: "a page of another server",
    answer: (socket) =>
      void socket.end("HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n<html>Hi</html>"),
    kind: "protocol",
    retried: false,
  },
  {
    name: "JSON of another service",
    answer: (socket) =>
      void socket.end('HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\n{"status":42}'),
    kind: "protocol",
    retried: false,
  },
  {
    name: "404: the path is wrong",
    answer: (socket) => void socket.end("HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n"),
    kind: "protocol",
    retried: false,
  },
  {
    name: "a redirect, which is not followed",
    answer: (socket) =>
      void socket.end(
        "HTTP/1.1 307 Away\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0\r\n\r\n",
      ),
    kind: "protocol",
    retried: false,
  },
  {
    name: "a compressed bomb without a request for it",
    answer: (socket) => {
      socket.write("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n");
      socket.write(BOMB);
    },
    kind: "protocol",
    retried: false,
  },
  {
    name: "a body that is not compressed as it says",
    answer: (socket) => flood(socket, "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n"),
    kind: "protocol",
    retried: false,
  },
];

/** Writes for as long as the other side reads. */
function flood(socket: Socket, head: string): void {
  const chunk = Buffer.alloc(65_536, "x");
  const more = () => {
    while (socket.writable && socket.write(chunk));
  };
  socket.on("drain", more);
  socket.write(head);
  more();
}

function drip(socket: Socket, head: string): void {
  socket.write(head);
  const timer = setInterval(() => socket.write("x"), 50);
  socket.on("close", () => clearInterval(timer));
}

for (const { name, answer, ...expected } of CASES) {
  test(`${name}: a typed error before the deadline, and no connection is left`, async () => {
    await withEach(async (fetch) => {
      await using server = await badServer(answer);
      await fails(server, expected, fetch);
    });
  });
}

test("a refused connection: retried until the deadline", async () => {
  await withEach(async (fetch) => {
    const server = await badServer(() => undefined);
    await server[Symbol.asyncDispose]();
    const { code } = await fails(server, { kind: "network", retried: true }, fetch);
    equal(code, "ECONNREFUSED");
  });
});

test("a host that does not exist: retried until the deadline", async () => {
  const client = new LyftrClient({ ...OPTIONS, url: "http://lyftr.invalid" });
  await rejects(
    client.send(MESSAGE),
    (error) => error instanceof LyftrError && ["network", "timeout"].includes(error.kind),
  );
});

test("an invalid URL is refused before anything is sent, and errors repeat no key", () => {
  const wrong = [
    "",
    "lyftr.example.com",
    "ftp://example.com",
    "file:///etc/passwd",
    "http://",
    "http://u:p@host",
    "http://h/?q",
  ];
  for (const url of wrong) throwsUsage(() => new LyftrClient({ url }));
  const url = "http://127.0.0.1:1";
  for (const other of [
    { apiKey: "" },
    { apiKey: "a\nb" },
    { secret: " " },
    { deadlineMs: 0 },
    { deadlineMs: Number.NaN },
    { deadlineMs: Number.POSITIVE_INFINITY },
    { attemptMs: -1 },
    { concurrency: 0 },
    { concurrency: 1.5 },
    { concurrency: 1_000_000 },
    { attemptsMax: 0 },
    { attemptsMax: 1.5 },
  ])
    throwsUsage(() => new LyftrClient({ url, ...other }));
  throwsUsage(() => nodeFetch({ connectionsMax: 0 }));
});

function throwsUsage(make: () => unknown): void {
  try {
    make();
  } catch (error) {
    ok(error instanceof LyftrError);
    equal(error.kind, "usage");
    ok(!error.message.includes("a\nb"));
    return;
  }
  throw new Error("it was taken");
}

test("an abort ends the current request at once, and closes its connection", async () => {
  await withEach(async (fetch) => {
    await using server = await badServer(() => undefined);
    const client = new LyftrClient({ url: server.url, secret: "testsecret", fetch });
    const controller = new AbortController();
    const sent = client.send(MESSAGE, { signal: controller.signal });
    while (server.requests() === 0) await delay(5);
    controller.abort();
    await rejects(sent, { kind: "aborted" });
    for (const endMs = performance.now() + CLOSED_MS_MAX; server.open() > 0; await delay(10))
      ok(performance.now() < endMs);
    await rejects(client.send(MESSAGE, { signal: controller.signal }), { kind: "aborted" });
    equal(server.requests(), 1);
  });
});

/** What a separate process does once its call has failed: it ends by itself, soon. */
test("after a failure nothing keeps a process alive", async () => {
  const client = fileURLToPath(new URL("../../client/client.ts", import.meta.url));
  for (const [name, msMax, answer] of [
    ["never answers", 500, () => undefined],
    ["drips", 500, (socket: Socket) => drip(socket, "HTTP/1.1 200 OK\r\n\r\n")],
    ["floods", 60_000, (socket: Socket) => flood(socket, "HTTP/1.1 200 OK\r\n\r\n")],
    ["answers", 60_000, (socket: Socket) => void socket.write(OK)],
  ] as const) {
    await using server = await badServer(answer);
    const program = `
      import { LyftrClient } from ${JSON.stringify(client)};
      const client = new LyftrClient({ url: ${JSON.stringify(server.url)}, secret: "testsecret", deadlineMs: ${msMax}, attemptMs: ${msMax} });
      await client.send(${JSON.stringify(MESSAGE)}).catch(() => undefined);
      process.stdout.write("done");`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    const doneMs = performance.now();
    deepEqual(await once(child, "close"), [0, null], name);
    ok(
      performance.now() - doneMs < 1_500,
      `${name}: it continued for ${Math.round(performance.now() - doneMs)} ms`,
    );
  }
});
