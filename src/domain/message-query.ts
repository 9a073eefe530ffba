import { decodeCursor } from "./cursor.ts";
import { type Issue, shownInput } from "./issue.ts";
import type { MessageFilter, Position } from "./message-filter.ts";
import { type Instant, parseInstant } from "./timestamp.ts";

export const LIMIT_MAX = 100;
export const LIMIT_DEFAULT = 50;
export const SEARCH_CODE_POINTS_MAX = 256;

export interface MessageQuery {
  readonly filter: MessageFilter;
  /** 1 to 100. */
  readonly limit: number;
  /** 0 to 2^53 - 1; 0 when `after` is given. */
  readonly offset: number;
  /** Start behind this one. */
  readonly after?: Position;
}

export type ParsedQuery =
  | { readonly ok: true; readonly query: MessageQuery }
  | { readonly ok: false; readonly reason: "issues"; readonly issues: readonly Issue[] }
  | { readonly ok: false; readonly reason: "invalid_cursor" };

/** Makes a query of decoded parameters, or says everything that is wrong with them. An empty value is no value; unknown names are ignored. */
export function parseMessageQuery(parameters: Readonly<Record<string, string>>): ParsedQuery {
  const issues: Issue[] = [];
  const limit = integer(parameters, "limit", [1, LIMIT_MAX], LIMIT_DEFAULT, issues);
  const offset = integer(parameters, "offset", [0, Number.MAX_SAFE_INTEGER], 0, issues);
  const filter = {
    ...optional("from", sender(parameters.from)),
    ...optional("since", since(parameters.since, issues)),
    ...optional("q", search(parameters.q, issues)),
  };
  if (issues.length > 0) return { ok: false, reason: "issues", issues };
  if (!parameters.cursor) return { ok: true, query: { filter, limit, offset } };
  const after = decodeCursor(parameters.cursor, filter);
  return after === undefined
    ? { ok: false, reason: "invalid_cursor" }
    : { ok: true, query: { filter, limit, offset: 0, after } };
}

function optional<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]: V });
}

const INTEGER = /^[+-]?[0-9]+(\.0*)?([eE]\+?[0-9]+)?$/;

/** Numbers out of range are moved to its nearest end; what is no integer is an issue. */
function integer(
  parameters: Readonly<Record<string, string>>,
  name: string,
  [min, max]: readonly [number, number],
  fallback: number,
  issues: Issue[],
): number {
  const text = parameters[name]?.trim();
  if (!text) return fallback;
  if (INTEGER.test(text)) return Math.min(Math.max(Number(text), min), max);
  const msg = "Input should be a valid integer, unable to parse string as an integer";
  issues.push({ type: "int_parsing", loc: ["query", name], msg, ...shownInput(text) });
  return fallback;
}

/** People paste `?from=+9198…` unescaped and a form decoder turns `+` into a space: digits alone get their `+` back. */
function sender(value: string | undefined): string | undefined {
  const text = value?.trim();
  if (!text) return undefined;
  return /^[0-9]+$/.test(text) ? `+${text}` : text;
}

function since(value: string | undefined, issues: Issue[]): Instant | undefined {
  if (!value) return undefined;
  const instant = parseInstant(value);
  if (instant === undefined) {
    const msg = "Input should be a valid datetime: 2025-01-15T10:00:00Z, with +00:00 instead of Z, or a date";
    issues.push({ type: "datetime_from_date_parsing", loc: ["query", "since"], msg, ...shownInput(value) });
  }
  return instant;
}

function search(value: string | undefined, issues: Issue[]): string | undefined {
  if (!value) return undefined;
  if (value.length > SEARCH_CODE_POINTS_MAX && Array.from(value).length > SEARCH_CODE_POINTS_MAX) {
    const msg = `String should have at most ${SEARCH_CODE_POINTS_MAX} characters`;
    issues.push({ type: "string_too_long", loc: ["query", "q"], msg, ctx: { max_length: SEARCH_CODE_POINTS_MAX } });
  }
  return value;
}
