import type { ParsedMessage } from "../domain/message.ts";
import type { SignatureRefusal } from "./signature-refusal.ts";

/** A webhook as it came from the wire: nothing of it is decoded yet. */
export interface RawWebhook {
  /** Header names in lower case; a repeated header arrives joined with ", ". */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** Whether a webhook is signed by its sender: with which secret of ours, by its name, or why it is refused. */
export type SignatureCheck =
  | { readonly ok: true; readonly secret: string }
  | { readonly ok: false; readonly refusal: SignatureRefusal };

/** Somebody who sends us webhooks: how their requests are recognised, and what they say. Pure: no I/O, no clock. */
export interface Provider {
  /** The source under which messages are stored; half of their key. */
  readonly source: string;
  /** Whether the sender knows a secret of ours that is accepted at that time. Looks at bytes only. */
  verify(webhook: RawWebhook, nowMs: number): SignatureCheck;
  /** What a verified body says. */
  parse(body: Buffer): ParsedMessage;
}
