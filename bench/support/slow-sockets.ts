import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { readFlags } from "./flags.ts";

// Many slow clients, in their own process: half of them send their headers byte by byte, the others
// a body. Reports when all are connected, and at the end how long the connections lasted, by kind.
// It ends on SIGTERM, or when all are cut off.

const flags = readFlags({ url: "", sockets: 5_000, dripMs: 1_000, seconds: 30 });
const CONNECTS_AT_ONCE = 100;
const { hostname, port } = new URL(flags.url);
const KINDS = {
  headers: { first: "POST /webhook HTTP/1.1\r\nHost: x\r\nX-Slow: ", drip: "x" },
  body: { first: "POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n", drip: "x" },
};

const lastedMs: Record<keyof typeof KINDS, number[]> = { headers: [], body: [] };
let open = 0;
for (let at = 0; at < flags.sockets; at++) {
  start(at % 2 === 0 ? "headers" : "body");
  if (at % CONNECTS_AT_ONCE === 0) await sleep(5);
}
for (const end = performance.now() + 5_000; open < flags.sockets && performance.now() < end; )
  await sleep(10);
process.stdout.write("connected\n");
const ended = () => lastedMs.headers.length + lastedMs.body.length;
for (
  const end = performance.now() + 1_000 * flags.seconds;
  ended() < open && performance.now() < end;
)
  await sleep(20);
const longest = (kind: keyof typeof KINDS) =>
  lastedMs[kind].reduce((most, ms) => Math.max(most, ms), 0);
process.stdout.write(
  `${JSON.stringify({ open, ended: ended(), headersMs: longest("headers"), bodyMs: longest("body") })}\n`,
);
process.exit(0);

function start(kind: keyof typeof KINDS): void {
  const { first, drip } = KINDS[kind];
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  let startMs = 0;
  let dripping: NodeJS.Timeout | undefined;
  socket.on("error", () => undefined).resume();
  socket.on("connect", () => {
    open++;
    startMs = performance.now();
    socket.write(first);
    dripping = setInterval(() => socket.write(drip), flags.dripMs);
  });
  const end = () => {
    if (dripping === undefined) return;
    clearInterval(dripping);
    dripping = undefined;
    lastedMs[kind].push(performance.now() - startMs);
    socket.destroy();
  };
  socket.on("end", end).on("close", end);
}
