import { fieldsOf, missing, noString, type Parsed, wrong } from "./body-fields.ts";

/** The key must fit into a cookie, of which browsers keep 4,096 bytes. */
export const SIGN_IN_KEY_CHARACTERS_MAX = 2_048;

/** Parses the decoded JSON body of a sign-in. No issue repeats a part of the key. */
export function parseSignIn(body: unknown): Parsed<{ readonly key: string }> {
  const fields = fieldsOf(body, ["key"]);
  if (!fields.ok) return fields;
  const { key } = fields.given;
  const issues = [...fields.unknown];
  if (key === undefined) issues.push(missing("key"));
  else if (typeof key !== "string") issues.push(noString("key"));
  else if (key.length > SIGN_IN_KEY_CHARACTERS_MAX)
    issues.push(wrong("key", `must have at most ${SIGN_IN_KEY_CHARACTERS_MAX} characters`));
  if (issues.length > 0 || typeof key !== "string") return { ok: false, issues };
  return { ok: true, key };
}
