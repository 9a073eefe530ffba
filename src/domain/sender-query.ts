import { decodeSenderCursor } from "./cursor.ts";
import type { Issue } from "./issue.ts";
import { LIMIT_DEFAULT, LIMIT_MAX } from "./message-query.ts";
import { integer, msisdn, optional, type QueryParams } from "./query-params.ts";

/** The part of the list of senders that is asked for. */
export interface SenderParameters {
  /** 1 to {@link LIMIT_MAX}. */
  readonly limit: number;
  /** 0 to 2^53 - 1; 0 when `after` is given. */
  readonly offset: number;
  /** Start after this sender. */
  readonly after?: string;
  /** Only senders whose number begins with this. */
  readonly prefix?: string;
}

export type ParsedSenderQuery =
  | { readonly ok: true; readonly query: SenderParameters }
  | { readonly ok: false; readonly reason: "issues"; readonly issues: readonly Issue[] }
  | { readonly ok: false; readonly reason: "invalid_cursor" };

/** Parses the parameters of the query. Returns all issues if there are any. */
export function parseSenderQuery(parameters: QueryParams): ParsedSenderQuery {
  const issues: Issue[] = [];
  const limit = integer(parameters, "limit", [1, LIMIT_MAX], LIMIT_DEFAULT, issues);
  const offset = integer(parameters, "offset", [0, Number.MAX_SAFE_INTEGER], 0, issues);
  if (issues.length > 0) return { ok: false, reason: "issues", issues };
  const filter = optional("prefix", msisdn(parameters.prefix));
  if (!parameters.cursor) return { ok: true, query: { limit, offset, ...filter } };
  const after = decodeSenderCursor(parameters.cursor);
  return after === undefined
    ? { ok: false, reason: "invalid_cursor" }
    : { ok: true, query: { limit, offset: 0, after, ...filter } };
}
