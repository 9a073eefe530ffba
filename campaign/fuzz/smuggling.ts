import { connect } from "node:net";
import { setTimeout } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import { startNginx } from "../../test/support/nginx.ts";
import { logLines } from "../../test/support/process.ts";
import type { LogLine } from "../../test/support/service.ts";
import type { Fault, RoundContext, RoundResult } from "../fault.ts";
import { Inbox } from "../support/inbox.ts";
import { type Attack, attackOf } from "./smuggling/attacks.ts";
import { startLoggingHaproxy } from "./smuggling/haproxy.ts";

const ATTACKS = { short: 60, long: 5_000 };
const AT_A_TIME = 16;
/** A parser that waits for the rest of a body is left alone after this. */
const PATIENCE_MS = 1_500;
const LOGGED_MS_MAX = 10_000;
const BROKEN_MAX = 10;
/** As deploy/ intends: the proxies are on this machine. */
const BEHIND = { TRUST_PROXY: "127.0.0.1/32", RATE_LIMIT_FAILED_AUTH: "off" };

/** Requests that two parsers in a row could read as one or as two. */
export const smuggling: Fault = {
  name: "smuggling",
  what: "requests hidden in the bodies of others, with lengths and codings that parsers read differently, sent directly and through nginx and HAProxy with the shipped configurations",
  expected:
    "an ambiguous request executes nothing; through a proxy, the service handles no webhook that the proxy did not pass on as one",
  databases: ["sqlite"],
  rounds: { short: 1, long: 10 },
  controls: ["lenient-parser"],
  run: smuggled,
};

/** A way to the service, and how many webhooks it passed on. */
interface Way extends AsyncDisposable {
  readonly name: string;
  readonly port: number;
  readonly isTls: boolean;
  /** Undefined without a proxy. */
  readonly passedOn: (() => number) | undefined;
}

async function smuggled(context: RoundContext): Promise<RoundResult> {
  const counts = { attacks: 0, refused: 0, executed: 0 };
  const broken: string[] = [];
  for (const start of [direct, throughNginx, throughHaproxy]) {
    await using inbox = await Inbox.create(context);
    const { url } = await inbox.start(BEHIND);
    await using way = await start(Number(new URL(url).port));
    const attacks = await attackAll(context, way);
    const found = await judged(inbox, way, attacks);
    counts.attacks += attacks.length;
    counts.refused += attacks.length - found.executed;
    counts.executed += found.executed;
    broken.push(...found.broken.slice(0, BROKEN_MAX));
    await inbox.end("SIGTERM");
  }
  return { counts, broken };
}

async function attackAll(context: RoundContext, way: Way): Promise<readonly Attack[]> {
  const count = context.isShort ? ATTACKS.short : ATTACKS.long;
  const attacks = Array.from({ length: count }, (_, n) =>
    attackOf(context.random, `${way.name}${n}`),
  );
  const waiting = [...attacks];
  const client = async () => {
    for (let attack = waiting.pop(); attack !== undefined; attack = waiting.pop())
      await send(way, attack.bytes);
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, client));
  return attacks;
}

/** Resolves when the other side has closed the connection, or after a while. */
async function send({ port, isTls }: Way, bytes: Buffer): Promise<void> {
  const socket = isTls
    ? connectTls({ port, host: "127.0.0.1", servername: "lyftr.example.com" })
    : connect({ port, host: "127.0.0.1" });
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  socket.on("error", () => socket.destroy());
  socket.resume();
  socket.write(bytes);
  await Promise.race([closed, setTimeout(PATIENCE_MS)]);
  socket.destroy();
}

async function judged(
  inbox: Inbox,
  way: Way,
  attacks: readonly Attack[],
): Promise<{ readonly executed: number; readonly broken: readonly string[] }> {
  const rows = await inbox.rows("SELECT message_id FROM messages");
  const stored = new Set(rows.map(({ message_id }) => String(message_id)));
  const executed = attacks.filter(({ hiddenId }) => stored.has(hiddenId));
  // A proxy may read an ambiguous request in one way and pass both on. Then it logs both.
  const broken = executed
    .filter(({ isAmbiguous }) => way.passedOn === undefined || !isAmbiguous)
    .map(({ name }) => `${way.name}: the hidden message of ${name} is stored`);
  if (way.passedOn === undefined) return { executed: executed.length, broken };
  const handled = logLines(inbox.service.stdout()).filter(isWebhook).length;
  const deadline = performance.now() + LOGGED_MS_MAX;
  // The proxies write their logs a moment later.
  while (way.passedOn() < handled && performance.now() < deadline) await setTimeout(50);
  const passedOn = way.passedOn();
  const smuggledIn =
    passedOn < handled
      ? [`${way.name} passed on ${passedOn} webhooks, the service handled ${handled}`]
      : [];
  return { executed: executed.length, broken: [...broken, ...smuggledIn] };
}

function isWebhook({ method, path }: LogLine): boolean {
  return method === "POST" && path === "/webhook";
}

async function direct(port: number): Promise<Way> {
  const end = async () => {};
  return { name: "direct", port, isTls: false, passedOn: undefined, [Symbol.asyncDispose]: end };
}

async function throughNginx(servicePort: number): Promise<Way> {
  const nginx = await startNginx([servicePort]);
  // The log format of deploy/nginx.conf: the fields after the address, which is "-" without one.
  const passed = / POST \/webhook [0-9]{3} [0-9.]+ 127\.0\.0\.1:/;
  return {
    name: "nginx",
    port: nginx.port,
    isTls: true,
    passedOn: () =>
      nginx
        .log()
        .split("\n")
        .filter((line) => passed.test(line)).length,
    [Symbol.asyncDispose]: () => nginx[Symbol.asyncDispose](),
  };
}

async function throughHaproxy(servicePort: number): Promise<Way> {
  const haproxy = await startLoggingHaproxy(servicePort);
  const passed = / replicas\/replica-1 .* POST \/webhook$/;
  return {
    name: "haproxy",
    port: haproxy.port,
    isTls: false,
    passedOn: () =>
      haproxy
        .log()
        .split("\n")
        .filter((line) => passed.test(line)).length,
    [Symbol.asyncDispose]: () => haproxy[Symbol.asyncDispose](),
  };
}
