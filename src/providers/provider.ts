import type { Message, ParsedMessage } from "../domain/message.ts";
import type { SignatureRefusal } from "./signature-refusal.ts";

/** A webhook as it arrived: nothing is decoded yet. */
export interface RawWebhook {
  /** Header names in lower case; a repeated header arrives joined with ", ". */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** A webhook that the service has made itself. */
export interface ComposedWebhook extends RawWebhook {
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * The result of a signature check: the name of the secret that fits, or why the webhook is refused.
 */
export type SignatureCheck =
  | { readonly ok: true; readonly secret: string }
  | { readonly ok: false; readonly refusal: SignatureRefusal };

/** A sender of webhooks: how its requests are verified and parsed. Pure: no I/O, no clock. */
export interface Provider {
  /** The source under which messages are stored; half of their key. */
  readonly source: string;
  /** Checks the signature with the secrets that are accepted at that time. Looks at bytes only. */
  verify(webhook: RawWebhook, nowMs: number): SignatureCheck;
  /** Parses a verified body. */
  parse(body: Buffer): ParsedMessage;
  /**
   * The webhook with which a sender would send the message, signed with the first secret that is
   * accepted at that time. Undefined when none is.
   */
  compose(message: Message, nowMs: number): ComposedWebhook | undefined;
}
