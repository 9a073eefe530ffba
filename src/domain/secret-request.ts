import {
  durationIn,
  fieldsOf,
  flag,
  missing,
  noString,
  type Parsed,
  wrong,
} from "./body-fields.ts";
import { parseDuration } from "./duration.ts";

/** Names that begin with `current` or `previous` belong to the environment. */
export const SECRET_NAME_PATTERN = "^(?!current|previous)[a-z0-9][a-z0-9_-]{0,31}$";
export const SECRET_CHARACTERS_MAX = 4_096;
export const SECRET_NAME_FORM =
  "must have 1 to 32 lower-case letters, digits, - and _, begin with a letter or digit, and not begin with current or previous";
const SECRET_FORM = `must have 1 to ${SECRET_CHARACTERS_MAX} characters of well-formed Unicode that are not all blank`;
const IN_FORM = "must be a duration such as 30m, 24h or 7d, or 0";
const NAME = new RegExp(SECRET_NAME_PATTERN);

export function isSecretName(text: string): boolean {
  return NAME.test(text);
}

export interface SecretRequest {
  readonly name: string;
  /** Undefined: a new one is generated. */
  readonly secret: string | undefined;
}

/** The secret that a decoded JSON body adds. No issue repeats the secret. */
export function parseSecretRequest(body: unknown): Parsed<{ readonly request: SecretRequest }> {
  const fields = fieldsOf(body, ["name", "secret"]);
  if (!fields.ok) return fields;
  const { name, secret = null } = fields.given;
  const issues = [...fields.unknown];
  if (name === undefined) issues.push(missing("name"));
  // A secret that is pasted into the wrong field is not repeated.
  else if (typeof name !== "string") issues.push(noString("name"));
  else if (!isSecretName(name)) issues.push(wrong("name", SECRET_NAME_FORM));
  if (secret !== null && typeof secret !== "string") issues.push(noString("secret"));
  else if (secret !== null && !isUsable(secret)) issues.push(wrong("secret", SECRET_FORM));
  if (issues.length > 0 || typeof name !== "string") return { ok: false, issues };
  return { ok: true, request: { name, secret: typeof secret === "string" ? secret : undefined } };
}

/** A lone surrogate would be signed as another character. */
function isUsable(secret: string): boolean {
  return secret.trim() !== "" && secret.length <= SECRET_CHARACTERS_MAX && secret.isWellFormed();
}

export interface RetirementRequest {
  /** How long the secret is still accepted. */
  readonly inMs: number;
  readonly force: boolean;
}

/** How a decoded JSON body retires a secret; at once and without force when there is no body. */
export function parseRetirementRequest(
  body: unknown,
): Parsed<{ readonly request: RetirementRequest }> {
  const fields = fieldsOf(body ?? {}, ["in", "force"]);
  if (!fields.ok) return fields;
  const issues = [...fields.unknown];
  const parse = (text: string) => (text === "0" ? 0 : parseDuration(text));
  const inMs = durationIn("in", fields.given.in, { parse, form: IN_FORM }, issues) ?? 0;
  const force = flag("force", fields.given.force, false, issues);
  return issues.length > 0 ? { ok: false, issues } : { ok: true, request: { inMs, force } };
}
