import { randomBytes } from "node:crypto";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command, Option } from "commander";
import { type App, type LogSink, startApp } from "../app.ts";
import { type Environment, readConfig } from "../config.ts";
import { wholeNumber } from "./arguments.ts";
import { showBanner } from "./banner.ts";
import { bulk } from "./demo/bulk.ts";
import { demoReport } from "./demo/demo-report.ts";
import { demoTraffic } from "./demo/demo-traffic.ts";
import { type CommandHelp, withHelp } from "./help.ts";
import { interruption, untilEnded } from "./lifecycle.ts";
import { startProgressBar } from "./progress-bar.ts";
import { sendAll } from "./sending/send-all.ts";
import { SendTally } from "./sending/send-tally.ts";
import { writeStderr, writeStdout } from "./terminal.ts";

const MESSAGES_DEFAULT = 3_000;
const MESSAGES_MAX = 20_000_000;
/**
 * This many are sent over HTTP, which takes some seconds. The rest is written to the database
 * directly.
 */
const HTTP_MESSAGES_MAX = 20_000;
const CONCURRENCY = 32;
const SECRET_BYTES = 32;

const HELP: CommandHelp = {
  notes: [
    "Nothing is kept: the database, the secret and the log of this run are in a temporary folder. PORT " +
      "chooses another port than 8000. The demo listens on this machine only, unless HOST is set.",
    "The last 20,000 messages are sent over HTTP. Some are sent twice, or have a wrong signature or content. The " +
      "messages before them are written to the database directly.",
  ],
  examples: ["lyftr demo", "PORT=8001 lyftr demo --messages 1000000"],
};

/** `lyftr demo`: the service with generated messages, for a first look. */
export function demoCommand(env: Environment, exit: (code: number) => void): Command {
  return withHelp(new Command("demo"), HELP)
    .description("Run the service on a temporary database with generated messages.")
    .addOption(
      new Option("--messages <n>", "the number of messages")
        .argParser(wholeNumber(1, MESSAGES_MAX))
        .default(MESSAGES_DEFAULT),
    )
    .action(async ({ messages }: { readonly messages: number }) => exit(await demo(env, messages)));
}

async function demo(env: Environment, messages: number): Promise<number> {
  const interrupted = interruption();
  const folder = mkdtempSync(join(tmpdir(), "lyftr-demo-"));
  // Removes the folder however the process ends, except by SIGKILL.
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
    // A port that is taken is reported now, not after the database is filled.
    await (await startApp(config, sink)).close();
    const speed = await bulk({
      databaseUrl,
      messages: messages - overHttp,
      nowMs,
      signal: interrupted,
    });
    if (speed === undefined) return 0;
    report.push(speed);
  }
  const app = await startApp(config, sink);
  showBanner(app.listeningInfo, config.databaseUrl);
  if (interrupted.aborted) return app.close().then(() => 0);
  const stopped = new AbortController();
  const ended = untilEnded(app, config.drainMs).finally(() => stopped.abort());
  const speed = await fill(app, { secret, messages: overHttp, nowMs, signal: stopped.signal });
  if (speed !== undefined) {
    report.push(speed);
    writeStdout(
      await demoReport({
        url: app.url,
        secret,
        speed: report.join("\n"),
        logPath,
        nowMs: Date.now(),
      }),
    );
  }
  const code = await ended;
  closeSync(log);
  if (code !== 0) writeStderr("The service failed.\n");
  return code;
}

interface FillOptions {
  readonly secret: string;
  readonly messages: number;
  readonly nowMs: number;
  readonly signal: AbortSignal;
}

/**
 * Sends the messages over HTTP. Resolves with the speed, or undefined when the service was stopped
 * before the end.
 */
async function fill(
  app: App,
  { secret, messages, nowMs, signal }: FillOptions,
): Promise<string | undefined> {
  if (!process.stderr.isTTY) writeStderr(`The service runs at ${app.url}\n`);
  const tally = new SendTally();
  const bar = startProgressBar({ label: "sending", total: messages, unit: "messages" });
  await sendAll(demoTraffic({ messages, nowMs }), {
    url: app.url,
    secret,
    concurrency: CONCURRENCY,
    tally,
    signal,
    // Aborted when the service has closed, because then no answer comes.
    graceMs: 0,
    done: ({ progress }) => bar.update(progress),
  });
  bar.stop();
  return signal.aborted ? undefined : tally.speed();
}

/** A log in a file. Writes block, which a demo may do. Lines are dropped when the disk is full. */
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
