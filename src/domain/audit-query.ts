import type { Issue } from "./issue.ts";
import { integer, moment, optional, type QueryParams } from "./query-params.ts";

export const AUDIT_LIMIT_MAX = 100;
const LIMIT_DEFAULT = 50;
/** The position of an entry, as {@link positionText} writes it. */
const POSITION = /^([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{12}Z),([A-Za-z0-9-]{1,64})$/;

interface AuditPosition {
  readonly at: string;
  readonly id: string;
}

export interface AuditParameters {
  /** 1 to {@link AUDIT_LIMIT_MAX}. */
  readonly limit: number;
  readonly before?: AuditPosition;
}

export type ParsedAuditQuery =
  | { readonly ok: true; readonly query: AuditParameters }
  | { readonly ok: false; readonly reason: "issues"; readonly issues: readonly Issue[] };

/** Parses the parameters of the query. Returns all issues if there are any. */
export function parseAuditQuery(parameters: QueryParams): ParsedAuditQuery {
  const issues: Issue[] = [];
  const limit = integer(parameters, "limit", [1, AUDIT_LIMIT_MAX], LIMIT_DEFAULT, issues);
  const before = positionIn(parameters, issues);
  return issues.length > 0
    ? { ok: false, reason: "issues", issues }
    : { ok: true, query: { limit, ...optional("before", before) } };
}

/** The text of an entry's position, for `before`. */
export function positionText({ at, id }: AuditPosition): string {
  return `${at},${id}`;
}

/**
 * The position of an entry, or of a moment. The text of a moment has neither `Z` nor zeros at its
 * end, so it sorts before all entries of that moment.
 */
function positionIn(parameters: QueryParams, issues: Issue[]): AuditPosition | undefined {
  const [, at, id] = POSITION.exec(parameters.before ?? "") ?? [];
  if (at !== undefined && id !== undefined) return { at, id };
  const instant = moment(parameters, "before", issues);
  return instant === undefined ? undefined : { at: instant, id: "" };
}
