import { randomInt, randomUUID } from "node:crypto";
import { CliError, EXIT_USAGE } from "../cli-error.ts";
import { type InputFile, openInput, untilAborted } from "../importing/input.ts";
import { readNdjson } from "../importing/ndjson.ts";
import type { ProgressBarOptions } from "../progress-bar.ts";
import { generateMessages } from "./message-generator.ts";
import type { Outgoing } from "./send-all.ts";

const STDIN = "-";

/** The options that select what is sent: the fields of one message, or the source of many. */
export interface SendSource {
  readonly from?: string;
  readonly to?: string;
  readonly text?: string;
  readonly id?: string;
  readonly ts?: string;
  readonly file?: string;
  readonly count?: number;
}

/** `progress` is the position of the progress bar after this message. */
type Message = Outgoing & { readonly progress: number };
export type Messages = Pick<ProgressBarOptions, "total" | "unit" | "hidden"> & {
  readonly messages: AsyncGenerator<Message>;
};

/** The messages that the options select. */
export async function messagesOf(options: SendSource, signal: AbortSignal): Promise<Messages> {
  const { file, count } = options;
  if (file === STDIN) {
    const messages = linesOf(untilAborted(process.stdin, signal));
    return { messages, total: undefined, unit: "messages", hidden: process.stdin.isTTY };
  }
  if (file !== undefined) return fileMessages(await openInput(file), signal);
  const bodies = count === undefined ? [oneMessage(options)] : generated(count);
  return { messages: numbered(bodies), total: count ?? 1, unit: "messages" };
}

function fileMessages(input: InputFile, signal: AbortSignal): Messages {
  if (input.bytes === undefined)
    return { messages: linesOf(input.chunks(signal)), total: undefined, unit: "messages" };
  return { messages: linesOf(input.chunks(signal), "bytes"), total: input.bytes, unit: "bytes" };
}

async function* linesOf(
  chunks: AsyncIterable<Buffer>,
  unit: "bytes" | "messages" = "messages",
): AsyncGenerator<Message> {
  for await (const { number, bytes, end } of readNdjson(chunks)) {
    yield { line: number, body: bytes, progress: unit === "bytes" ? end : number };
  }
}

async function* numbered(bodies: Iterable<unknown>): AsyncGenerator<Message> {
  let number = 0;
  for (const body of bodies)
    yield { line: ++number, body: Buffer.from(JSON.stringify(body)), progress: number };
}

function generated(count: number): Iterable<unknown> {
  return generateMessages({ seed: randomInt(2 ** 32), count, nowMs: Date.now() });
}

/** The service validates the fields. */
function oneMessage({ from, to, text, id, ts }: SendSource): unknown {
  if (from === undefined || to === undefined) {
    throw new CliError(
      "Nothing to send. Give --from and --to (and --text) for one message, --file for many, or --count for generated ones:\n" +
        '  lyftr send --from +919876543210 --to +14155550100 --text "Hello"',
      EXIT_USAGE,
    );
  }
  return {
    message_id: id ?? randomUUID(),
    from,
    to,
    ts: ts ?? new Date().toISOString(),
    text: text ?? null,
  };
}
