import { ADMIN_KEY_NAME, KEY_NAME_PATTERN, SCOPES, type Scope } from "./api-key.ts";
import { durationIn, fieldsOf, missing, noString, type Parsed, wrong } from "./body-fields.ts";
import { parseDuration } from "./duration.ts";
import { type Issue, shownInput } from "./issue.ts";

/** How long a key is still accepted beside its successor, by default. */
export const OVERLAP_DEFAULT = "24h";

export interface KeyRequest {
  readonly name: string;
  readonly scope: Scope;
  /** The lifetime of the key; undefined means for ever. */
  readonly lifeMs: number | undefined;
}

const NAME = new RegExp(KEY_NAME_PATTERN);
export const NAME_FORM = `must have 1 to 64 characters of A-Z a-z 0-9 . _ -, the first of them a letter or a digit, and not be ${ADMIN_KEY_NAME}`;
export const LIFE_FORM = "must be a duration such as 12h or 90d, and not 0";
export const OVERLAP_FORM = "must be a duration such as 24h or 7d, or 0";

export function isKeyName(text: string): boolean {
  return NAME.test(text) && text !== ADMIN_KEY_NAME;
}

/** The lifetime in milliseconds, or undefined when the text is not valid. */
export function parseLife(text: string): number | undefined {
  return parseDuration(text) || undefined;
}

/** The overlap in milliseconds, or undefined when the text is not valid. */
export function parseOverlap(text: string): number | undefined {
  return text === "0" ? 0 : parseDuration(text);
}

/**
 * Parses a decoded JSON body. Returns all issues if there are any. Unknown fields are refused: a
 * misspelt `expires_in` must not create a key that lives for ever.
 */
export function parseKeyRequest(body: unknown): Parsed<{ readonly request: KeyRequest }> {
  const fields = fieldsOf(body, ["name", "scope", "expires_in"]);
  if (!fields.ok) return fields;
  const { name, scope, expires_in: life } = fields.given;
  const issues = [...fields.unknown];
  if (name === undefined) issues.push(missing("name"));
  else if (typeof name !== "string") issues.push(noString("name", shownInput(name)));
  else if (!isKeyName(name)) issues.push(wrong("name", NAME_FORM, shownInput(name)));
  if (scope === undefined) issues.push(missing("scope"));
  else if (!isScope(scope)) issues.push(noScope(scope));
  const lifeMs = durationIn("expires_in", life, { parse: parseLife, form: LIFE_FORM }, issues);
  if (issues.length > 0 || typeof name !== "string" || !isScope(scope))
    return { ok: false, issues };
  return { ok: true, request: { name, scope, lifeMs } };
}

/** The overlap that a decoded JSON body asks for; the default without a body. */
export function parseRotationRequest(body: unknown): Parsed<{ readonly overlapMs: number }> {
  const fields = fieldsOf(body ?? {}, ["overlap"]);
  if (!fields.ok) return fields;
  const issues = [...fields.unknown];
  const given = fields.given.overlap ?? OVERLAP_DEFAULT;
  const overlapMs = durationIn(
    "overlap",
    given,
    { parse: parseOverlap, form: OVERLAP_FORM },
    issues,
  );
  return issues.length > 0 || overlapMs === undefined
    ? { ok: false, issues }
    : { ok: true, overlapMs };
}

function isScope(value: unknown): value is Scope {
  return SCOPES.some((scope) => scope === value);
}

function noScope(value: unknown): Issue {
  const expected = "'read' or 'admin'";
  const msg = `Input should be ${expected}`;
  return {
    type: "literal_error",
    loc: ["body", "scope"],
    msg,
    ...shownInput(value),
    ctx: { expected },
  };
}
