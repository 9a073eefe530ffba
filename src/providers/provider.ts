import type { ParsedMessage } from "../domain/message.ts";

/** A webhook as it came from the wire: nothing of it is decoded yet. */
export interface RawWebhook {
  /** Header names in lower case; a repeated header arrives joined with ", ". */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** Somebody who sends us webhooks: how their requests are recognised, and what they say. Pure: no I/O, no clock. */
export interface Provider {
  /** The source under which messages are stored; half of their key. */
  readonly source: string;
  /** The name of the secret of ours that the sender knows at that time, or undefined. Looks at bytes only. */
  verify(webhook: RawWebhook, nowMs: number): string | undefined;
  /** What a verified body says. */
  parse(body: Buffer): ParsedMessage;
}
