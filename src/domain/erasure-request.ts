import { fieldsOf, missing, noString, type Parsed, wrong } from "./body-fields.ts";
import { msisdn } from "./query-params.ts";

export const NUMBER_PATTERN = "^\\s*\\+?[0-9]{1,32}\\s*$";
const NUMBER = new RegExp(NUMBER_PATTERN);
const FORM = "must be + followed by 1 to 32 digits";

/**
 * The number in a decoded JSON body; digits alone get their `+`. Other texts are refused: with
 * `+91 98765-43210` nothing would be found, and the answer would look like a finished erasure. No
 * issue repeats the number.
 */
export function parseErasureRequest(body: unknown): Parsed<{ readonly number: string }> {
  const fields = fieldsOf(body, ["number"]);
  if (!fields.ok) return fields;
  const issues = [...fields.unknown];
  const { number } = fields.given;
  if (number === undefined) issues.push(missing("number"));
  else if (typeof number !== "string") issues.push(noString("number"));
  else if (!NUMBER.test(number)) issues.push(wrong("number", FORM));
  const parsed = typeof number === "string" ? msisdn(number) : undefined;
  return issues.length > 0 || parsed === undefined
    ? { ok: false, issues }
    : { ok: true, number: parsed };
}
