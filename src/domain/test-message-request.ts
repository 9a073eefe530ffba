import { fieldsOf, flag, type Parsed } from "./body-fields.ts";
import { shownInput } from "./issue.ts";
import { parseMessage } from "./message.ts";

export const TEST_TEXT_DEFAULT = "This is a test message from Lyftr.";

export interface TestMessageRequest {
  /** Null: a message without a text. */
  readonly text: string | null;
  /** Whether the message is also taken in. */
  readonly send: boolean;
}

/** Only the text of a request is unknown, so these fields cause no issue. */
const OTHER_FIELDS = { message_id: "x", from: "+1", to: "+1", ts: "2025-01-15T10:00:00Z" };

/**
 * The test message that a decoded JSON body asks for. A text has the bounds of a webhook's text,
 * and no issue repeats it.
 */
export function parseTestMessageRequest(
  body: unknown,
  { sources }: { readonly sources: readonly string[] },
): Parsed<{ readonly request: TestMessageRequest }> {
  const fields = fieldsOf(body, ["text", "source", "send"]);
  if (!fields.ok) return fields;
  const { text = TEST_TEXT_DEFAULT, source } = fields.given;
  const issues = [...fields.unknown];
  const parsed = parseMessage({ ...OTHER_FIELDS, text });
  if (!parsed.ok) issues.push(...parsed.issues);
  if (source !== undefined && source !== null && !sources.some((one) => one === source)) {
    const expected = sources.map((one) => `'${one}'`).join(" or ");
    const msg = `Input should be ${expected}`;
    const loc = ["body", "source"];
    issues.push({ type: "literal_error", loc, msg, ...shownInput(source), ctx: { expected } });
  }
  const send = flag("send", fields.given.send, true, issues);
  return issues.length > 0 || !parsed.ok
    ? { ok: false, issues }
    : { ok: true, request: { text: parsed.message.text, send } };
}
