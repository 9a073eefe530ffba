import { LyftrError } from "./errors.ts";

/**
 * A message to be sent. Its id makes retries safe: choose it once, and keep it with the message.
 */
export interface Message {
  readonly message_id: string;
  /** `+` and digits. */
  readonly from: string;
  readonly to: string;
  /** `2025-01-15T10:00:00Z`, with or without a fraction, and without seconds if you like. */
  readonly ts: string;
  readonly text?: string | null;
}

/** A message as the service returns it. */
export interface StoredMessage {
  readonly message_id: string;
  readonly from: string;
  readonly to: string;
  /** As it was sent. */
  readonly ts: string;
  readonly text: string | null;
  /** When it was received. */
  readonly created_at: string;
}

/**
 * The filters and the order. `since` is inclusive, `until` is exclusive, `q` is a literal part of
 * the text in any case.
 */
export interface MessageFilter {
  readonly from?: string;
  readonly to?: string;
  readonly source?: string;
  readonly since?: string;
  readonly until?: string;
  readonly q?: string;
  readonly order?: "asc" | "desc";
}

export interface Stats {
  readonly total_messages: number;
  readonly senders_count: number;
  /** The ten busiest senders. */
  readonly messages_per_sender: readonly { readonly from: string; readonly count: number }[];
  readonly first_message_ts: string | null;
  readonly last_message_ts: string | null;
}

/** The bytes of a message. They are signed, sent and stored unchanged. */
export function encoded(message: Message): Uint8Array<ArrayBuffer> {
  let text: string | undefined;
  try {
    text = JSON.stringify(message);
  } catch (cause) {
    throw new LyftrError("usage", "the message cannot be written as JSON", { cause });
  }
  if (text === undefined) throw new LyftrError("usage", "there is no message");
  return new TextEncoder().encode(text);
}
