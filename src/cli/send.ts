import { Command, Option } from "commander";
import type { Environment } from "../config.ts";
import { serviceUrl, wholeNumber } from "./arguments.ts";
import { EXIT_FAILED } from "./cli-error.ts";
import { LineNotes } from "./importing/line-notes.ts";
import { interruption } from "./interrupt.ts";
import { startProgressBar } from "./progress-bar.ts";
import { sendAll } from "./sending/send-all.ts";
import { messagesOf, type WhatToSend } from "./sending/send-messages.ts";
import { SendTally } from "./sending/send-tally.ts";
import { requiredSecret, urlOf } from "./settings.ts";
import { complain, say } from "./terminal.ts";

const CONCURRENCY_DEFAULT = 16;
const CONCURRENCY_MAX = 256;
const COUNT_MAX = 100_000_000;
const UNAUTHORIZED = 401;
/** After an interruption, for the answers to what is under way: the counts tell of all that was sent. */
const GRACE_MS = 2_000;

const HELP = `
Each message is signed with WEBHOOK_SECRET, or with what is in --secret-file. What a service cannot take now is sent again a few
times. It ends with 0 when every message was accepted, with 1 when one was not.

Examples:
  $ lyftr send --from +919876543210 --to +14155550100 --text "Hello"
  $ lyftr send --file messages.ndjson --url https://hooks.example.com --secret-file secret.txt
  $ lyftr send --count 10000 --concurrency 64
A line of the file: {"message_id":"m1","from":"+919876543210","to":"+14155550100","ts":"2025-01-15T10:00:00Z","text":"Hello"}
`;

interface Options extends WhatToSend {
  readonly url?: string;
  readonly secretFile?: string;
  readonly concurrency: number;
}

/** `lyftr send`: a sender of webhooks, for tests, for load, and to bring in what another system kept. */
export function sendCommand(env: Environment, exit: (code: number) => void): Command {
  const oneMessage = ["from", "to", "text", "id", "ts"];
  return new Command("send")
    .description("Sign messages and send them to a service.")
    .option("--url <url>", "the service (default: the one of HOST and PORT on this machine)", serviceUrl)
    .option("--secret-file <file>", "a file with the secret (default: WEBHOOK_SECRET)")
    .option("--from <number>", "one message: its sender, + and digits")
    .option("--to <number>", "its receiver")
    .option("--text <text>", "what it says (default: nothing, as a picture does)")
    .option("--id <id>", "its id (default: a random one)")
    .option("--ts <timestamp>", "when it was sent, for example 2025-01-15T10:00:00Z (default: now)")
    .addOption(
      new Option("--file <file>", "many: JSON, one message a line; - for standard input").conflicts([
        ...oneMessage,
        "count",
      ]),
    )
    .addOption(
      new Option("--count <n>", "many: made-up ones").argParser(wholeNumber(1, COUNT_MAX)).conflicts(oneMessage),
    )
    .addOption(
      new Option("--concurrency <n>", "how many are on their way at once")
        .argParser(wholeNumber(1, CONCURRENCY_MAX))
        .default(CONCURRENCY_DEFAULT),
    )
    .addHelpText("after", HELP)
    .action(async (options: Options) => exit(await send(env, options)));
}

async function send(env: Environment, options: Options): Promise<number> {
  const secret = requiredSecret(env, options.secretFile);
  const url = options.url ?? urlOf(env);
  const signal = interruption();
  const { messages, ...progress } = await messagesOf(options, signal);
  const bar = startProgressBar({ label: "sending", ...progress });
  const notes = new LineNotes((line) => bar.note(line), options.file === undefined ? "message" : "line");
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
  say(tally.summary());
  for (const remark of remarks({ tally, url, reached, interrupted: signal.aborted })) complain(`${remark}\n`);
  return tally.allAccepted && reached && !signal.aborted ? 0 : EXIT_FAILED;
}

/** What to do about it. */
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
    found.push("401 means that the secret here is not the secret of the service.");
  if (tally.untrusted > 0)
    found.push(
      "The certificate is not accepted. Check the URL. For your own certificate authority set NODE_EXTRA_CA_CERTS=/path/to/ca.pem",
    );
  if (tally.unreachable > tally.untrusted)
    found.push(`Is the service running (lyftr serve), and is ${url} its address (--url)?`);
  if (!reached) found.push("Stopped early, because nothing arrives: the rest was not sent.");
  if (interrupted) found.push("Interrupted: the rest was not sent.");
  if (!reached || interrupted) found.push("Sending everything again is harmless, the ids make it so.");
  return found;
}
