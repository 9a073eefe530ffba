import { DEFAULT_SOURCE, type Filter, type MessageRef, queryOf } from "../route.ts";
import { type Outcome, request } from "./request.ts";

/** A row of `GET /messages`. */
export interface Message {
  readonly message_id: string;
  /** Absent while the service has one source. */
  readonly source?: string;
  readonly from: string;
  readonly to: string;
  /** When the sender says it was sent, as the sender spells it. */
  readonly ts: string;
  readonly text: string | null;
  /** When it was received. */
  readonly created_at: string;
}

export interface MessagePage {
  readonly data: readonly Message[];
  readonly total: number | null;
  readonly next_cursor: string | null;
  readonly prev_cursor: string | null;
}

export interface PageQuery {
  readonly filter: Filter;
  readonly cursor?: string | undefined;
  readonly order?: "asc" | "desc";
  readonly limit?: number;
  readonly count?: "exact" | "none";
}

interface Conditions {
  readonly signal?: AbortSignal;
  readonly etag?: string | undefined;
}

export const PAGE_ROWS = 50;

export function readMessages(
  query: PageQuery,
  { signal, etag }: Conditions = {},
): Promise<Outcome<MessagePage>> {
  return request(`messages${messagesQuery(query)}`, { signal, etag });
}

function messagesQuery({ filter, cursor, order = "desc", limit, count }: PageQuery): string {
  return queryOf({ ...filter, order, limit: limit ?? PAGE_ROWS, count, cursor });
}

/** The number of messages of a list. */
export async function countMessages(
  filter: Filter,
  signal?: AbortSignal,
): Promise<Outcome<number>> {
  const outcome = await readMessages({ filter, limit: 1 }, signal ? { signal } : {});
  return outcome.kind === "ok" ? { ...outcome, value: outcome.value.total ?? 0 } : outcome;
}

export function readMessage(ref: MessageRef, signal?: AbortSignal): Promise<Outcome<Message>> {
  return request(messagePath(ref), { signal });
}

/** The path of a message below the service. */
export function messagePath({ source, id }: MessageRef): string {
  const query = source === DEFAULT_SOURCE ? "" : queryOf({ source });
  return `messages/${encodeURIComponent(id.toWellFormed())}${query}`;
}

export function refOf(message: Message): MessageRef {
  return { source: message.source ?? DEFAULT_SOURCE, id: message.message_id };
}
