import { type GeneratedMessage, generateMessages } from "../sending/message-generator.ts";
import { seededRandom } from "../sending/seeded-random.ts";
import type { Outgoing } from "../sending/send-all.ts";

/** `progress` is the number of requested messages that have been sent, including this one. */
export type DemoOutgoing = Outgoing & { readonly progress: number };

const SEED = 20_250_115;
/** How many of a hundred messages are followed by an irregular one. */
const DUPLICATES = 5;
const CONFLICTS = 2;
const FORGERIES = 3;
const INVALIDS = 1;
const OF = 100;
/** A repeated message follows this many messages later, so that the original is stored by then. */
const LATE_MESSAGES = 40;
/** Every kind of irregular message occurs at least once, however few messages there are. */
const FIRST_TROUBLE_AT = 20;

/** Generates realistic traffic: messages, duplicates, conflicts, forged and invalid messages. */
export async function* demoTraffic({
  messages,
  nowMs,
  spanMs,
}: {
  readonly messages: number;
  /** The newest timestamp, and the time span before it that contains all of them. */
  readonly nowMs: number;
  readonly spanMs: number;
}): AsyncGenerator<DemoOutgoing> {
  const random = seededRandom(SEED);
  const recent: GeneratedMessage[] = [];
  let line = 0;
  let progress = 0;
  const outgoing = (body: unknown, secret?: string): DemoOutgoing => {
    const bytes = Buffer.from(JSON.stringify(body));
    return { line: ++line, progress, body: bytes, ...(secret === undefined ? {} : { secret }) };
  };
  for (const message of generateMessages({ seed: SEED, count: messages, nowMs, spanMs })) {
    progress++;
    yield outgoing(message);
    recent.push(message);
    const earlier = recent.length > LATE_MESSAGES ? recent.shift() : recent[0];
    const chosen = (share: number) => random() * OF < share || progress === FIRST_TROUBLE_AT;
    if (chosen(DUPLICATES)) yield outgoing(earlier);
    if (chosen(CONFLICTS)) yield outgoing({ ...earlier, text: "The same id, but another text" });
    if (chosen(FORGERIES)) yield outgoing({ ...message, text: "Send me money" }, "a guess");
    if (chosen(INVALIDS))
      yield outgoing({ ...message, message_id: `${message.message_id}-x`, from: "no number" });
  }
}
