import type { SendOutcome } from "./sender.ts";

/** When the service is not there for so many messages one after the other, it will not be there for the next million either. */
const UNREACHABLE_IN_A_ROW_MAX = 8;

/** One message on its way: `line` says which one, to people. */
export interface Outgoing {
  readonly line: number;
  /** Undefined when it is too long to be a message. */
  readonly body: Buffer | undefined;
  /** In place of the right one. */
  readonly signature?: string;
}

export interface SendAllOptions<T extends Outgoing> {
  readonly concurrency: number;
  readonly send: (message: T & { readonly body: Buffer }) => Promise<SendOutcome>;
  /** Undefined: it was not sent because it is too long. */
  readonly done: (message: T, outcome: SendOutcome | undefined) => void;
  readonly signal: AbortSignal;
}

/** Sends each message, a bounded number at a time. Resolves with false when it stopped early because nobody answers. */
export async function sendAll<T extends Outgoing>(
  messages: AsyncGenerator<T>,
  options: SendAllOptions<T>,
): Promise<boolean> {
  let unreachableInARow = 0;
  const lane = async () => {
    while (!options.signal.aborted && unreachableInARow < UNREACHABLE_IN_A_ROW_MAX) {
      const { value: message, done } = await messages.next();
      if (done) return;
      const { body } = message;
      const outcome = body === undefined ? undefined : await options.send({ ...message, body });
      unreachableInARow = outcome?.kind === "failed" && outcome.unreachable ? unreachableInARow + 1 : 0;
      options.done(message, outcome);
    }
  };
  await Promise.all(Array.from({ length: options.concurrency }, lane));
  return unreachableInARow < UNREACHABLE_IN_A_ROW_MAX;
}
