import { decodeCursor } from "./cursor.ts";
import type { Issue } from "./issue.ts";
import type { CursorPosition, MessageList } from "./message-filter.ts";
import {
  exact,
  integer,
  moment,
  msisdn,
  oneOf,
  optional,
  type QueryParams,
} from "./query-params.ts";

export const LIMIT_MAX = 100;
export const LIMIT_DEFAULT = 50;
export const SEARCH_CODE_POINTS_MAX = 256;

export interface MessageQuery extends MessageList {
  /** 1 to {@link LIMIT_MAX} for clients; an export uses more. */
  readonly limit: number;
  /** 0 to 2^53 - 1; 0 when `cursor` is given. */
  readonly offset: number;
  /** Where the page starts, or ends when its side is `before`. */
  readonly cursor?: CursorPosition;
  /**
   * `none` omits the total. Such a page also ends early if it would have to scan far too many
   * messages. The client continues it by its cursor.
   */
  readonly count: "exact" | "none";
}

export type ParsedQuery =
  | { readonly ok: true; readonly query: MessageQuery }
  | { readonly ok: false; readonly reason: "issues"; readonly issues: readonly Issue[] }
  | { readonly ok: false; readonly reason: "invalid_cursor" };

export type ParsedList =
  | { readonly ok: true; readonly list: MessageList }
  | { readonly ok: false; readonly reason: "issues"; readonly issues: readonly Issue[] };

/** Parses the parameters of the query. Returns all issues if there are any. */
export function parseMessageQuery(parameters: QueryParams): ParsedQuery {
  const issues: Issue[] = [];
  const limit = integer(parameters, "limit", [1, LIMIT_MAX], LIMIT_DEFAULT, issues);
  const offset = integer(parameters, "offset", [0, Number.MAX_SAFE_INTEGER], 0, issues);
  const list = messageList(parameters, issues);
  const count = oneOf(parameters, "count", ["exact", "none"], issues);
  if (issues.length > 0) return { ok: false, reason: "issues", issues };
  const query = { ...list, limit, offset, count };
  if (!parameters.cursor) return { ok: true, query };
  const cursor = decodeCursor(parameters.cursor, list);
  return cursor === undefined
    ? { ok: false, reason: "invalid_cursor" }
    : { ok: true, query: { ...query, offset: 0, cursor } };
}

/** Parses only the filters and the order, for a list that is read from end to end. */
export function parseMessageList(parameters: QueryParams): ParsedList {
  const issues: Issue[] = [];
  const list = messageList(parameters, issues);
  return issues.length > 0 ? { ok: false, reason: "issues", issues } : { ok: true, list };
}

function messageList(parameters: QueryParams, issues: Issue[]): MessageList {
  const filter = {
    ...optional("from", msisdn(parameters.from)),
    ...optional("to", msisdn(parameters.to)),
    ...optional("source", exact(parameters.source)),
    ...optional("since", moment(parameters, "since", issues)),
    ...optional("until", moment(parameters, "until", issues)),
    ...optional("q", search(parameters.q, issues)),
  };
  return { filter, order: oneOf(parameters, "order", ["asc", "desc"], issues) };
}

function search(value: string | undefined, issues: Issue[]): string | undefined {
  if (!value) return undefined;
  if (value.length > SEARCH_CODE_POINTS_MAX && Array.from(value).length > SEARCH_CODE_POINTS_MAX) {
    const msg = `String should have at most ${SEARCH_CODE_POINTS_MAX} characters`;
    issues.push({
      type: "string_too_long",
      loc: ["query", "q"],
      msg,
      ctx: { max_length: SEARCH_CODE_POINTS_MAX },
    });
  }
  return value;
}
