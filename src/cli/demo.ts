import { randomBytes } from "node:crypto";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command, Option } from "commander";
import { type App, type LogSink, startApp } from "../app.ts";
import { type Environment, readConfig } from "../config.ts";
import { wholeNumber } from "./arguments.ts";
import { bulk } from "./demo/bulk.ts";
import { demoReport } from "./demo/demo-report.ts";
import { demoTraffic } from "./demo/demo-traffic.ts";
import { untilEnded } from "./endings.ts";
import { interruption } from "./interrupt.ts";
import { startProgressBar } from "./progress-bar.ts";
import { sendAll } from "./sending/send-all.ts";
import { SendTally } from "./sending/send-tally.ts";
import { complain, say } from "./terminal.ts";

const MESSAGES_DEFAULT = 3_000;
const MESSAGES_MAX = 20_000_000;
/** So many go over HTTP, with all that befalls messages on their way: it takes some seconds. The rest is put straight into the database. */
const HTTP_MESSAGES_MAX = 20_000;
const CONCURRENCY = 32;
const SECRET_BYTES = 32;

const HELP = `
Nothing is kept: the database, the secret and the log are made for this run, in a temporary folder. PORT chooses another port
than 8000. It listens on this machine only, unless HOST is set.

The last 20,000 messages go over HTTP, some of them twice, forged or wrong. What is beyond is put straight into the database before.

Examples:
  $ lyftr demo
  $ PORT=8001 lyftr demo --messages 1000000
`;

/** `lyftr demo`: the service with something in it, to look around. */
export function demoCommand(env: Environment, exit: (code: number) => void): Command {
  return new Command("demo")
    .description("Run the service on a throw-away database, full of made-up messages.")
    .addOption(
      new Option("--messages <n>", "how many").argParser(wholeNumber(1, MESSAGES_MAX)).default(MESSAGES_DEFAULT),
    )
    .addHelpText("after", HELP)
    .action(async ({ messages }: { readonly messages: number }) => exit(await demo(env, messages)));
}

async function demo(env: Environment, messages: number): Promise<number> {
  const interrupted = interruption();
  const folder = mkdtempSync(join(tmpdir(), "lyftr-demo-"));
  // However the process ends, short of a kill, nothing stays behind.
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const secret = randomBytes(SECRET_BYTES).toString("hex");
  const logPath = join(folder, "log.ndjson");
  const log = openSync(logPath, "a");
  const databaseUrl = `sqlite:///${join(folder, "app.db")}`;
  const config = readConfig({
    HOST: env.HOST || "127.0.0.1",
    PORT: env.PORT,
    PORT_FILE: env.PORT_FILE,
    WEBHOOK_SECRET: secret,
    DATABASE_URL: databaseUrl,
  });
  const sink = fileSink(log);
  const nowMs = Date.now();
  const overHttp = Math.min(messages, HTTP_MESSAGES_MAX);
  const report: string[] = [];
  if (messages > overHttp) {
    // That the port is taken is better said now than when the database is full.
    await (await startApp(config, sink)).close();
    const speed = await bulk({ databaseUrl, messages: messages - overHttp, nowMs, signal: interrupted });
    if (speed === undefined) return 0;
    report.push(speed);
  }
  const app = await startApp(config, sink);
  if (interrupted.aborted) return app.close().then(() => 0);
  const stopped = new AbortController();
  const ended = untilEnded(app, config.drainMs).finally(() => stopped.abort());
  const speed = await fill(app, { secret, messages: overHttp, nowMs, signal: stopped.signal });
  if (speed !== undefined) {
    report.push(speed);
    say(await demoReport({ url: app.url, secret, speed: report.join("\n"), logPath, nowMs: Date.now() }));
  }
  const code = await ended;
  closeSync(log);
  if (code !== 0) complain("The service could not go on.\n");
  return code;
}

interface FillOptions {
  readonly secret: string;
  readonly messages: number;
  readonly nowMs: number;
  readonly signal: AbortSignal;
}

/** Sends the messages, over HTTP as anybody would. Resolves with how fast it went, or undefined when the service was stopped meanwhile. */
async function fill(app: App, { secret, messages, nowMs, signal }: FillOptions): Promise<string | undefined> {
  complain(`The service runs at ${app.url}\n`);
  const tally = new SendTally();
  const bar = startProgressBar({ label: "sending", total: messages, unit: "messages" });
  await sendAll(demoTraffic({ messages, nowMs }), {
    url: app.url,
    secret,
    concurrency: CONCURRENCY,
    tally,
    signal,
    // It is aborted when the service has closed.
    graceMs: 0,
    done: ({ progress }) => bar.update(progress),
  });
  bar.stop();
  return signal.aborted ? undefined : tally.speed();
}

/** A log in a file; it blocks, which a demonstration may, and gives up lines when the disk is full. */
function fileSink(file: number): LogSink {
  let dropped = 0;
  return {
    write: (line) => {
      try {
        writeSync(file, line);
      } catch {
        dropped++;
      }
    },
    dropped: () => dropped,
  };
}
