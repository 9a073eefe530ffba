import { type Issue, shownInput } from "./issue.ts";
import { parseTimeZone, type TimeZone } from "./time-zone.ts";
import { type Instant, parseInstant } from "./timestamp.ts";

/** The decoded parameters of a URL. An empty value counts as missing; unknown names are ignored. */
export type QueryParams = Readonly<Record<string, string>>;

export function optional<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]: V });
}

const INTEGER = /^[+-]?[0-9]+(\.0*)?([eE]\+?[0-9]+)?$/;

/** Numbers out of range are clamped. A value that is not an integer is an issue. */
export function integer(
  parameters: QueryParams,
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

/** One of a few words; the first one is the default. */
export function oneOf<T extends string>(
  parameters: QueryParams,
  name: string,
  [fallback, ...others]: readonly [T, ...T[]],
  issues: Issue[],
): T {
  const text = parameters[name]?.trim();
  if (!text) return fallback;
  const words = [fallback, ...others];
  const word = words.find((candidate) => candidate === text);
  if (word !== undefined) return word;
  const quoted = words.map((candidate) => `'${candidate}'`);
  const expected = `${quoted.slice(0, -1).join(", ")} or ${quoted.at(-1)}`;
  const msg = `Input should be ${expected}`;
  issues.push({
    type: "literal_error",
    loc: ["query", name],
    msg,
    ...shownInput(text),
    ctx: { expected },
  });
  return fallback;
}

/**
 * A filter for an exact value. A value that is blank after trimming is kept as it is and matches
 * nothing. Ignoring it would match everything.
 */
export function exact(value: string | undefined): string | undefined {
  if (!value) return undefined;
  return value.trim() || value;
}

/**
 * People paste `?from=+9198…` unescaped, and a form decoder turns `+` into a space. So digits alone
 * get their `+` back.
 */
export function msisdn(value: string | undefined): string | undefined {
  const text = exact(value);
  return text !== undefined && /^[0-9]+$/.test(text) ? `+${text}` : text;
}

export function moment(
  parameters: QueryParams,
  name: string,
  issues: Issue[],
): Instant | undefined {
  const value = parameters[name];
  if (!value) return undefined;
  const instant = parseInstant(value);
  if (instant === undefined) {
    const msg =
      "Input should be a valid datetime: 2025-01-15T10:00:00Z, with another offset instead of Z, without one (UTC), or a date";
    issues.push({
      type: "datetime_from_date_parsing",
      loc: ["query", name],
      msg,
      ...shownInput(value),
    });
  }
  return instant;
}

export function zone(parameters: QueryParams, name: string, issues: Issue[]): TimeZone | undefined {
  const text = parameters[name]?.trim();
  if (!text) return undefined;
  const parsed = parseTimeZone(text);
  if (parsed === undefined) {
    const msg = "Input should be the name of an IANA time zone, such as Asia/Kolkata";
    issues.push({ type: "zoneinfo_str", loc: ["query", name], msg, ...shownInput(text) });
  }
  return parsed;
}
