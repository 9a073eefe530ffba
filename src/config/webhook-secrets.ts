import { SECRET_CHARACTERS_SHORT } from "../domain/secret-warnings.ts";
import { isCalendarDate, UTC_TIMESTAMP_PATTERN } from "../domain/timestamp.ts";

/** A secret that was used before, and the moment from which it is refused. */
export interface PreviousSecret {
  readonly secret: string;
  readonly untilMs: number | undefined;
}

/**
 * The maximum number of previous secrets. With the current one they are half of the accepted
 * secrets; the other half may be in the database.
 */
const PREVIOUS_SECRETS_MAX = 7;
const WITH_END = /^(.*)@([0-9]{4}-.*)$/s;
const TIME_WORDS =
  "now|today|tomorrow|tonight|yesterday|next|never|in|until|at|end|mon|tue|wed|thu|fri|sat|sun|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec";
/** Text that is meant as a time but is not in the accepted form. */
const MEANT_AS_END = new RegExp(
  `@(?=[^@]*$)([0-9+-]|[^@]*\\s|$|(${TIME_WORDS})([^a-z]|day|month|week|year|$))`,
  "i",
);
const NO_TIMESTAMP = "that is not a timestamp such as 2026-12-31T00:00:00Z";

/**
 * Parses secrets separated by commas, each with an optional end: `old,older@2026-12-31T00:00:00Z`.
 */
export function previousSecrets(text = ""): readonly PreviousSecret[] {
  const parts = text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
  if (parts.length > PREVIOUS_SECRETS_MAX)
    throw new Error(`has more than ${PREVIOUS_SECRETS_MAX} entries`);
  const secrets = parts.map((part, at) => previousSecret(part, at + 1));
  const short = secrets.findIndex(({ secret }) => secret.length < SECRET_CHARACTERS_SHORT);
  if (short !== -1)
    throw new Error(
      `has fewer than ${SECRET_CHARACTERS_SHORT} characters in its entry ${short + 1} of ${parts.length}: ` +
        "each comma starts another secret, so a secret that contains a comma becomes several short ones. " +
        "A secret that has a comma or is short can be kept in the database: lyftr secrets add NAME --secret-file FILE",
    );
  return secrets;
}

/** Errors repeat neither a secret nor its end, because a supposed end may be part of the secret. */
function previousSecret(part: string, number: number): PreviousSecret {
  const [, secret, end] = WITH_END.exec(part) ?? [];
  if (secret === undefined || end === undefined) {
    if (MEANT_AS_END.test(part))
      throw new Error(
        `has an end in its entry ${number} ${NO_TIMESTAMP}; for a secret with such an @ in it, add an end: SECRET@2026-12-31T00:00:00Z`,
      );
    return { secret: part, untilMs: undefined };
  }
  if (!new RegExp(UTC_TIMESTAMP_PATTERN).test(end) || !isCalendarDate(end))
    throw new Error(`has an end in its entry ${number} ${NO_TIMESTAMP}`);
  if (secret.trim() === "") throw new Error(`has an end without a secret in its entry ${number}`);
  return { secret, untilMs: Date.parse(end) };
}
