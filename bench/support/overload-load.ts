import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { percentile } from "./figures.ts";
import { readFlags } from "./flags.ts";

// A load generator with minimal cost, in its own process. Requests are sent at a fixed rate whether
// answers come or not, each on a connection without a request under way. If there is none, because
// this process or its connections are at their limit, the request is not sent: it is counted as not
// offered. Everything is prepared beforehand, and only the status of an answer is read.

const flags = readFlags({
  url: "",
  messages: "",
  from: 0,
  rate: 1_000,
  seconds: 5,
  connections: 1_000,
});
const ANSWER_MS_MAX = 10_000;
const SLICE_MS = 100;
const { hostname, port } = new URL(flags.url);

const total = Math.round(flags.rate * flags.seconds);
const lines = readFileSync(flags.messages, "latin1")
  .split("\n", flags.from + total)
  .slice(flags.from);
const requests = lines.map((line) => {
  const body = line.slice(65);
  const head = `POST /webhook HTTP/1.1\r\nHost: b\r\nX-Signature: ${line.slice(0, 64)}\r\nContent-Length: ${body.length}\r\n\r\n`;
  return Buffer.from(head + body, "latin1");
});
if (requests.length < total) throw new Error(`${flags.messages} has too few messages`);

const latenciesMs = new Float64Array(total);
const accepted = new Uint8Array(total);
const acceptedIn = new Uint32Array(
  Math.ceil((1_000 * flags.seconds + ANSWER_MS_MAX) / SLICE_MS) + 1,
);
const counts = { accepted: 0, refused: 0, others: 0, notOffered: 0, broken: 0 };
const free: Socket[] = [];
const sentMs = new Map<Socket, number>();
const sentIndex = new Map<Socket, number>();
let startMs = 0;

const connections = Array.from({ length: flags.connections }, () => {
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  socket.on("connect", () => free.push(socket));
  socket.on("error", () => counts.broken++);
  socket.on("data", (chunk: Buffer) => answered(socket, chunk));
  return socket;
});
while (free.length + counts.broken < flags.connections) await sleep(10);
startMs = performance.now();
let due = 0;
while (due < total) {
  await sleep(1);
  const dueNow = Math.min(total, Math.floor(((performance.now() - startMs) * flags.rate) / 1_000));
  for (; due < dueNow; due++) send(due);
}
for (
  const deadline = performance.now() + ANSWER_MS_MAX;
  sentMs.size > 0 && performance.now() < deadline;
)
  await sleep(10);
for (const socket of connections) socket.destroy();
process.stdout.write(`${JSON.stringify(result())}\n`);

function send(index: number): void {
  const socket = free.pop();
  if (socket === undefined) {
    counts.notOffered++;
    return;
  }
  sentMs.set(socket, performance.now());
  sentIndex.set(socket, index);
  socket.write(requests[index] as Buffer);
}

/** The service sends an answer in one write, and it is too short to be split on the way. */
function answered(socket: Socket, chunk: Buffer): void {
  const nowMs = performance.now();
  const index = sentIndex.get(socket) ?? 0;
  latenciesMs[index] = nowMs - (sentMs.get(socket) ?? 0);
  sentMs.delete(socket);
  const status = chunk.toString("latin1", 9, 12);
  if (status === "200") {
    accepted[index] = 1;
    counts.accepted++;
    const slice = Math.floor((nowMs - startMs) / SLICE_MS);
    acceptedIn[slice] = (acceptedIn[slice] ?? 0) + 1;
  } else if (status === "503") counts.refused++;
  else counts.others++;
  free.push(socket);
}

function result() {
  const of = (is: 0 | 1) => latenciesMs.filter((ms, at) => ms > 0 && accepted[at] === is).sort();
  const good = of(1);
  return {
    ...counts,
    due: total,
    unanswered: sentMs.size,
    seconds: flags.seconds,
    acceptedInTime: acceptedIn
      .subarray(0, Math.ceil((1_000 * flags.seconds) / SLICE_MS))
      .reduce((sum, n) => sum + n, 0),
    acceptedP50Ms: percentile(good, 0.5),
    acceptedP99Ms: percentile(good, 0.99),
    refusedP50Ms: percentile(of(0), 0.5),
    refusedP99Ms: percentile(of(0), 0.99),
  };
}
