import { queryOf } from "../route.ts";
import { type Outcome, request } from "./request.ts";

/** A row of `GET /senders`. */
export interface Sender {
  readonly from: string;
  readonly count: number;
  /** The earliest and the latest `ts`, as the sender spells them. */
  readonly first_seen: string;
  readonly last_seen: string;
}

export interface SenderPage {
  readonly data: readonly Sender[];
  readonly total: number;
  readonly next_cursor: string | null;
}

export interface SenderQuery {
  readonly prefix: string;
  readonly limit: number;
  readonly cursor?: string | undefined;
}

/** Senders in the order of their numbers. */
export function readSenders(
  query: SenderQuery,
  signal: AbortSignal,
  etag?: string,
): Promise<Outcome<SenderPage>> {
  return request(`senders${queryOf({ ...query })}`, { signal, etag });
}
