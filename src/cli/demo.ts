import { randomBytes } from "node:crypto";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command, Option } from "commander";
import { type App, type LogSink, startApp } from "../app.ts";
import { type Environment, readConfig, settingsOf } from "../config.ts";
import { systemClock } from "../domain/clock.ts";
import { wholeNumber } from "./arguments.ts";
import { showBanner } from "./banner.ts";
import { bulk } from "./demo/bulk.ts";
import { makeDemoKey } from "./demo/demo-key.ts";
import { type DemoReportOptions, demoReport } from "./demo/demo-report.ts";
import { demoTraffic } from "./demo/demo-traffic.ts";
import { LIVE_MESSAGES_MAX, liveTraffic } from "./demo/live-traffic.ts";
import { type CommandHelp, withHelp } from "./help.ts";
import { interruption, untilEnded } from "./lifecycle.ts";
import { startProgressBar } from "./progress-bar.ts";
import { sendAll } from "./sending/send-all.ts";
import { SendTally } from "./sending/send-tally.ts";
import { writeStderr, writeStdout } from "./terminal.ts";

const MESSAGES_DEFAULT = 3_000;
const MESSAGES_MAX = 20_000_000;
/**
 * The newest messages are sent over HTTP, and were written seconds ago. The ones before them are
 * written to the database directly, because the service would note that it received them days late.
 */
const HTTP_MESSAGES_MAX = 60;
const HTTP_SPAN_MS = 10_000;
const CONCURRENCY = 32;
const SECRET_BYTES = 32;

const HELP: CommandHelp = {
  notes: [
    "Nothing is kept: the database, the secrets, the API key and the log of this run are in a temporary folder. PORT " +
      "chooses another port than 8000. The demo listens on this machine only, unless HOST is set.",
    `The last ${HTTP_MESSAGES_MAX} messages are sent over HTTP. Some are sent twice, or have a wrong signature or content. ` +
      "The messages before them are written to the database directly.",
    `When all are there, one or two a second follow, ${LIVE_MESSAGES_MAX.toLocaleString("en")} at most, so that the dashboard shows something new. ` +
      "Its link signs you in as an administrator. Reading needs no key.",
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
  const own = {
    HOST: env.HOST || "127.0.0.1",
    PORT: env.PORT,
    PORT_FILE: env.PORT_FILE,
    WEBHOOK_SECRET: secret,
    // For webhook secrets that are added on the page Sources.
    MASTER_KEY: randomBytes(SECRET_BYTES).toString("hex"),
    DATABASE_URL: databaseUrl,
    READ_AUTH: "open",
  };
  const config = readConfig(own);
  const settings = settingsOf(config, { env: own, outside: own });
  const sink = fileSink(log);
  const overHttp = Math.min(messages, HTTP_MESSAGES_MAX);
  const report: string[] = [];
  if (messages > overHttp) {
    // A port that is taken is reported now, not after the database is filled.
    await (await startApp(config, sink, { settings })).close();
    const speed = await bulk({
      databaseUrl,
      messages: messages - overHttp,
      nowMs: Date.now() - HTTP_SPAN_MS,
      signal: interrupted,
    });
    if (speed === undefined) return 0;
    report.push(speed);
  }
  const key = await makeDemoKey(databaseUrl);
  const app = await startApp(config, sink, { settings });
  showBanner(app.listeningInfo, config);
  if (interrupted.aborted) return app.close().then(() => 0);
  const stopped = new AbortController();
  const ended = untilEnded(app, config.drainMs).finally(() => stopped.abort());
  const speed = await fill(app, { secret, messages: overHttp, signal: stopped.signal });
  if (speed !== undefined) {
    report.push(speed);
    const told = { url: app.url, secret, key, speed: report.join("\n"), logPath };
    await tell({ ...told, nowMs: Date.now() }, interrupted);
    await sendLive(app, { secret, signal: stopped.signal });
  }
  const code = await ended;
  closeSync(log);
  if (code !== 0) writeStderr("The service failed.\n");
  return code;
}

/** Writes the report. A service that is being stopped answers no question for it. */
async function tell(options: DemoReportOptions, interrupted: AbortSignal): Promise<void> {
  try {
    writeStdout(await demoReport(options));
  } catch (error) {
    if (!interrupted.aborted) throw error;
  }
}

/** Sends messages until the service is stopped, or there are enough of them. */
async function sendLive(
  app: App,
  { secret, signal }: Pick<FillOptions, "secret" | "signal">,
): Promise<void> {
  await sendAll(liveTraffic({ clock: systemClock, signal }), {
    url: app.url,
    secret,
    concurrency: 1,
    tally: new SendTally(),
    signal,
    graceMs: 0,
    done: () => undefined,
  });
}

interface FillOptions {
  readonly secret: string;
  readonly messages: number;
  readonly signal: AbortSignal;
}

/**
 * Sends the messages over HTTP. Resolves with the speed, or undefined when the service was stopped
 * before the end.
 */
async function fill(
  app: App,
  { secret, messages, signal }: FillOptions,
): Promise<string | undefined> {
  if (!process.stderr.isTTY) writeStderr(`The service runs at ${app.url}\n`);
  const tally = new SendTally();
  const bar = startProgressBar({ label: "sending", total: messages, unit: "messages" });
  await sendAll(demoTraffic({ messages, nowMs: Date.now(), spanMs: HTTP_SPAN_MS }), {
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
