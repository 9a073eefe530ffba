import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type GeneratorOptions,
  generateMessages,
} from "../../src/cli/sending/message-generator.ts";
import { sign } from "../../src/providers/signature.ts";
import { percentile } from "./figures.ts";
import { readFlags } from "./flags.ts";
import { SECRET } from "./messages.ts";

// A load generator with an open loop, in its own process. Requests are sent at a fixed rate whether
// answers come or not, and the time of each counts from the moment it was due. A generator that
// waits for answers sends less exactly when the server is slow, and hides it. SIGTERM ends it
// early: it waits for the answers of sent requests.

const flags = readFlags({
  url: "",
  path: "/webhook",
  messages: "",
  rate: 1_000,
  seconds: 5,
  connections: 64,
  // Generated messages instead of a file, from this moment on.
  madeUpFromMs: 0,
  senders: 60,
  madeUpSeed: 2,
});
const ANSWER_MS_MAX = 10_000;
const { hostname, port } = new URL(flags.url);

/** One keep-alive connection with at most one request under way. */
class Connection {
  readonly #free: (connection: Connection) => void;
  #socket!: Socket;
  #received = "";
  #answered: ((status: number) => void) | undefined;

  constructor(free: (connection: Connection) => void) {
    this.#free = free;
    this.#open();
  }

  /** The server closes a connection that was idle for some seconds. */
  get isOpen(): boolean {
    return this.#socket.writable && this.#socket.readable;
  }

  send(request: string, answered: (status: number) => void): void {
    this.#answered = answered;
    this.#socket.write(request);
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Opens it again after the server has closed it. It is free when it is open. */
  reopen(): void {
    this.#socket.destroy();
    this.#open();
  }

  #open(): void {
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    this.#socket = socket;
    socket.setEncoding("latin1").on("connect", () => this.#free(this));
    // Requests under way get no answer, and are counted so at the end.
    socket.on("error", (error) => process.stderr.write(`${error.message}\n`));
    socket.on("data", (text: string) => {
      this.#received += text;
      if (!isWhole(this.#received)) return;
      const status = Number(this.#received.slice(9, 12));
      this.#received = "";
      this.#answered?.(status);
      this.#free(this);
    });
  }
}

/** Whether an answer, which has a content-length, has arrived completely. */
function isWhole(received: string): boolean {
  const headEnd = received.indexOf("\r\n\r\n");
  if (headEnd === -1) return false;
  const length = Number(/content-length: (\d+)/i.exec(received)?.[1]);
  return received.length >= headEnd + 4 + length;
}

let total = Math.round(flags.rate * flags.seconds);
const lines = flags.messages === "" ? [] : readFileSync(flags.messages, "utf8").split("\n", total);
const madeUp = flags.madeUpFromMs > 0 ? generateMessages(madeUpOptions()) : undefined;
// The first message takes long, because all words and senders are generated before it. So one
// message is always ready.
let nextMadeUp = madeUp?.next().value;
const latenciesMs = new Float64Array(total);
const latenessMs = new Float64Array(total);
const statuses: Record<string, number> = {};
const free: Connection[] = [];
let [due, sent, answers] = [0, 0, 0];

const connections = Array.from(
  { length: flags.connections },
  () =>
    new Connection((connection) => {
      free.push(connection);
      sendWhatIsDue();
    }),
);
while (free.length < flags.connections) await sleep(10);
process.once("SIGTERM", () => {
  total = Math.min(total, due);
});
const startMs = performance.now();
const dueMs = (index: number) => startMs + (1_000 * index) / flags.rate;
while (due < total) {
  // Sleeping instead of spinning leaves the core to the server. The extra millisecond, if any, is
  // part of the latency.
  await sleep(1);
  while (due < total && dueMs(due) <= performance.now()) due++;
  sendWhatIsDue();
}
for (
  const deadline = performance.now() + ANSWER_MS_MAX;
  answers < total && performance.now() < deadline;
)
  await sleep(10);
for (const connection of connections) connection.close();
process.stdout.write(`${JSON.stringify(result())}\n`);

/** Connections take turns. One that is idle for seconds would be closed, maybe while it sends. */
function sendWhatIsDue(): void {
  for (
    let connection = sent < due ? free.shift() : undefined;
    connection !== undefined;
    connection = sent < due ? free.shift() : undefined
  ) {
    if (!connection.isOpen) {
      connection.reopen();
      continue;
    }
    const index = sent++;
    latenessMs[index] = performance.now() - dueMs(index);
    connection.send(request(index), (status) => {
      latenciesMs[index] = performance.now() - dueMs(index);
      statuses[status] = (statuses[status] ?? 0) + 1;
      answers++;
    });
  }
}

function request(index: number): string {
  if (madeUp !== undefined) {
    const body = JSON.stringify(nextMadeUp);
    nextMadeUp = madeUp.next().value;
    return post(sign(SECRET, body), body);
  }
  const line = lines[index];
  if (line === undefined) return `GET ${flags.path} HTTP/1.1\r\nHost: bench\r\n\r\n`;
  return post(line.slice(0, 64), line.slice(65));
}

function post(signature: string, body: string): string {
  const head = `POST ${flags.path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nX-Signature: ${signature}`;
  return `${head}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

function madeUpOptions(): GeneratorOptions {
  const { madeUpFromMs, senders, seconds } = flags;
  const spanMs = 1_000 * seconds;
  return { seed: flags.madeUpSeed, count: total, senders, spanMs, nowMs: madeUpFromMs + spanMs };
}

function result() {
  // A missing answer counts as the slowest one. It is not left out.
  const sorted = latenciesMs
    .subarray(0, total)
    .map((ms) => ms || Number.MAX_VALUE)
    .sort();
  const at = (share: number) => percentile(sorted, share);
  return {
    sent: total,
    statuses,
    unanswered: total - answers,
    p50Ms: at(0.5),
    p90Ms: at(0.9),
    p99Ms: at(0.99),
    maxMs: at(1),
    sentLateP99Ms: percentile(latenessMs.subarray(0, total).sort(), 0.99),
  };
}
