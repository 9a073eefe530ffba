import { Command, Option } from "commander";
import type { Environment } from "../config.ts";
import { serviceUrl, wholeNumber } from "./arguments.ts";
import { EXIT_FAILED } from "./cli-error.ts";
import { type CommandHelp, MESSAGE_LINE, withHelp } from "./help.ts";
import { LineNotes } from "./importing/line-notes.ts";
import { type JsonFlag, withJson, writeResult } from "./json-output.ts";
import { interruption } from "./lifecycle.ts";
import { startProgressBar } from "./progress-bar.ts";
import { sendAll } from "./sending/send-all.ts";
import { messagesOf, type SendSource } from "./sending/send-messages.ts";
import { SendTally } from "./sending/send-tally.ts";
import { requiredSecret, urlOf } from "./settings.ts";
import { writeStderr } from "./terminal.ts";

const CONCURRENCY_DEFAULT = 16;
const CONCURRENCY_MAX = 256;
const COUNT_MAX = 100_000_000;
const UNAUTHORIZED = 401;
/** After an interruption, the time to wait for pending answers, so that the counts are complete. */
const GRACE_MS = 2_000;

const HELP: CommandHelp = {
  notes: [
    "Each message is signed with WEBHOOK_SECRET, or with the secret in --secret-file. A message that the " +
      "service cannot store now is sent again a few times.",
  ],
  examples: [
    'lyftr send --from +919876543210 --to +14155550100 --text "Hello"',
    "lyftr send --file messages.ndjson --url https://hooks.example.com \\\n    --secret-file secret.txt",
    "lyftr send --count 10000 --concurrency 64",
  ],
  input: MESSAGE_LINE,
  exitCodes: {
    0: "every message was accepted",
    1: "a message was not accepted, or not all were sent",
  },
};

interface Options extends SendSource, JsonFlag {
  readonly url?: string;
  readonly secretFile?: string;
  readonly concurrency: number;
}

/** `lyftr send`: sends webhooks, for tests, for load, and for messages of another system. */
export function sendCommand(env: Environment, exit: (code: number) => void): Command {
  const oneMessage = ["from", "to", "text", "id", "ts"];
  return withJson(withHelp(new Command("send"), HELP))
    .description("Sign messages and send them to a service.")
    .option("--url <url>", "the service (default: HOST and PORT on this machine)", serviceUrl)
    .option("--secret-file <file>", "a file with the secret (default: WEBHOOK_SECRET)")
    .option("--from <number>", "one message: its sender, + and digits")
    .option("--to <number>", "its receiver")
    .option("--text <text>", "its text (default: none)")
    .option("--id <id>", "its id (default: a random one)")
    .option("--ts <timestamp>", "its time, such as 2025-01-15T10:00:00Z (default: now)")
    .addOption(
      new Option(
        "--file <file>",
        "many messages: one JSON object a line; - is standard input",
      ).conflicts([...oneMessage, "count"]),
    )
    .addOption(
      new Option("--count <n>", "many messages: generated ones")
        .argParser(wholeNumber(1, COUNT_MAX))
        .conflicts(oneMessage),
    )
    .addOption(
      new Option("--concurrency <n>", "requests at the same time")
        .argParser(wholeNumber(1, CONCURRENCY_MAX))
        .default(CONCURRENCY_DEFAULT),
    )
    .action(async (options: Options) => exit(await send(env, options)));
}

async function send(env: Environment, options: Options): Promise<number> {
  const secret = requiredSecret(env, options.secretFile);
  const url = options.url ?? urlOf(env);
  const signal = interruption();
  const { messages, ...progress } = await messagesOf(options, signal);
  const bar = startProgressBar({ label: "sending", ...progress });
  const notes = new LineNotes(
    (line) => bar.note(line),
    options.file === undefined ? "message" : "line",
  );
  const tally = new SendTally();
  const reached = await sendAll(messages, {
    url,
    secret,
    concurrency: options.concurrency,
    tally,
    signal,
    graceMs: GRACE_MS,
    done: (message, problem) => {
      if (problem !== undefined) notes.add(message.line, problem);
      bar.update(message.progress);
    },
  });
  bar.stop();
  writeResult(options.json, tally.facts(), tally.summary());
  for (const remark of remarks({ tally, url, reached, interrupted: signal.aborted }))
    writeStderr(`${remark}\n`);
  return tally.allAccepted && reached && !signal.aborted ? 0 : EXIT_FAILED;
}

/** Advice about failures, for the user at the terminal. */
function remarks({
  tally,
  url,
  reached,
  interrupted,
}: {
  tally: SendTally;
  url: string;
  reached: boolean;
  interrupted: boolean;
}): readonly string[] {
  const found: string[] = [];
  if (tally.refusedWith(UNAUTHORIZED) > 0)
    found.push("401 means that this secret is not a secret of the service.");
  if (tally.untrusted > 0)
    found.push(
      "The certificate is not accepted. Check the URL. For a private certificate authority set NODE_EXTRA_CA_CERTS=/path/to/ca.pem",
    );
  if (tally.unreachable > tally.untrusted)
    found.push(`Is the service running (lyftr serve), and is ${url} its address (--url)?`);
  if (!reached)
    found.push(
      "Stopped early, because the service does not accept anything: the rest was not sent.",
    );
  if (interrupted) found.push("Interrupted: the rest was not sent.");
  if (!reached || interrupted)
    found.push("You can send everything again: the ids prevent duplicates.");
  return found;
}
