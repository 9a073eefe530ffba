import { type Outcome, request } from "./request.ts";

/** `GET /stats`. */
export interface Stats {
  readonly total_messages: number;
  readonly senders_count: number;
  /** The ten that wrote most. */
  readonly messages_per_sender: readonly { readonly from: string; readonly count: number }[];
  readonly first_message_ts: string | null;
  readonly last_message_ts: string | null;
}

export function readStats(signal: AbortSignal, etag?: string): Promise<Outcome<Stats>> {
  return request("stats", { signal, etag });
}
