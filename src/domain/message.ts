import { type Issue, shownInput } from "./issue.ts";
import { isCalendarDate, UTC_TIMESTAMP_PATTERN, type UtcTimestamp } from "./timestamp.ts";

declare const messageId: unique symbol;
declare const msisdn: unique symbol;

/** The source of messages that came by `POST /webhook`. */
export const NATIVE_SOURCE = "native";

/**
 * The sender's own id of a message, which is its idempotency key: 1 to 1024 bytes of UTF-8, not
 * trimmed.
 */
export type MessageId = string & { readonly [messageId]: true };
/** A phone number: `+` and 1 to 32 ASCII digits. */
export type Msisdn = string & { readonly [msisdn]: true };

/** A message as it was sent. Only {@link parseMessage} makes one. */
export interface Message {
  readonly messageId: MessageId;
  readonly from: Msisdn;
  readonly to: Msisdn;
  readonly ts: UtcTimestamp;
  readonly text: string | null;
}

/**
 * A message that is about to be stored. Its key is `(source, messageId)`: two sources may use the
 * same id.
 */
export interface NewMessage extends Message {
  readonly source: string;
  /** When it was received, ISO-8601 in UTC with milliseconds. */
  readonly createdAt: string;
}

/** The form of a phone number. */
export const MSISDN_PATTERN = "^\\+[0-9]{1,32}$";
/** An index key of PostgreSQL has at most 2704 bytes. The key also contains a source and a time. */
export const MESSAGE_ID_BYTES_MAX = 1024;
export const TEXT_CODE_POINTS_MAX = 4096;

const MSISDN = new RegExp(MSISDN_PATTERN);
const UTC_TIMESTAMP = new RegExp(UTC_TIMESTAMP_PATTERN);

/** What a string must be, and the issue when it is not. */
interface Rule {
  readonly holds: (value: string) => boolean;
  readonly problem: Pick<Issue, "type" | "msg" | "ctx">;
}

interface Field {
  readonly name: "message_id" | "from" | "to" | "ts" | "text";
  /** It may be missing or null. */
  readonly optional?: true;
  /** The first one that does not hold is reported. */
  readonly rules: readonly Rule[];
  /** Error bodies end up in senders' logs, so phone numbers and texts are not repeated there. */
  readonly mayShow: (value: unknown) => boolean;
}

const notPrivate = () => true;
const never = () => false;
const unlessText = (value: unknown) => typeof value !== "string";

const NOT_EMPTY: Rule = {
  holds: (value) => value !== "",
  problem: {
    type: "string_too_short",
    msg: "String should have at least 1 character",
    ctx: { min_length: 1 },
  },
};
const ID_LENGTH: Rule = {
  holds: (value) => Buffer.byteLength(value) <= MESSAGE_ID_BYTES_MAX,
  problem: tooLong(MESSAGE_ID_BYTES_MAX, "bytes"),
};
const TEXT_LENGTH: Rule = {
  holds: (value) =>
    value.length <= TEXT_CODE_POINTS_MAX || codePoints(value) <= TEXT_CODE_POINTS_MAX,
  problem: tooLong(TEXT_CODE_POINTS_MAX, "characters"),
};
/**
 * "m\ud800", "m\ud801" and "m\ufffd" would be stored as the same bytes, and PostgreSQL refuses NUL.
 * So both are refused on every backend.
 */
const STORABLE: Rule = {
  holds: (value) => value.isWellFormed() && !value.includes("\0"),
  problem: wrong("must be well-formed Unicode without NUL"),
};
const PHONE_NUMBER: Rule = {
  holds: (value) => MSISDN.test(value),
  problem: wrong("must be + followed by 1 to 32 digits"),
};
const TIMESTAMP: Rule = {
  holds: (value) => UTC_TIMESTAMP.test(value),
  problem: wrong("must be ISO-8601 UTC such as 2025-01-15T10:00:00Z"),
};
const CALENDAR_DATE: Rule = {
  holds: isCalendarDate,
  problem: wrong("must be a real calendar date"),
};

// In the order in which problems are reported.
const FIELDS: readonly Field[] = [
  { name: "message_id", rules: [NOT_EMPTY, ID_LENGTH, STORABLE], mayShow: notPrivate },
  { name: "from", rules: [PHONE_NUMBER], mayShow: never },
  { name: "to", rules: [PHONE_NUMBER], mayShow: never },
  { name: "ts", rules: [TIMESTAMP, CALENDAR_DATE], mayShow: notPrivate },
  { name: "text", optional: true, rules: [TEXT_LENGTH, STORABLE], mayShow: unlessText },
];

export type ParsedMessage =
  | { readonly ok: true; readonly message: Message }
  | {
      readonly ok: false;
      readonly issues: readonly Issue[];
      readonly messageId: MessageId | undefined;
    };

/**
 * Parses a decoded JSON body into a message. Returns all issues if there are any. Unknown keys are
 * ignored.
 */
export function parseMessage(body: unknown): ParsedMessage {
  if (body === null || body === undefined)
    return refused([{ type: "missing", loc: ["body"], msg: "Field required" }]);
  if (typeof body !== "object" || Array.isArray(body)) {
    const msg = "Input should be a valid dictionary or object to extract fields from";
    return refused([{ type: "model_attributes_type", loc: ["body"], msg }]);
  }
  const given = body as Record<string, unknown>;
  const values: Record<Field["name"], unknown> = {
    message_id: given.message_id,
    from: given.from === undefined ? given.from_msisdn : given.from,
    to: given.to === undefined ? given.to_msisdn : given.to,
    ts: given.ts,
    text: given.text,
  };
  const issues: Issue[] = [];
  for (const field of FIELDS) {
    const issue = checkField(field, values[field.name]);
    if (issue !== undefined) issues.push(issue);
  }
  if (issues.length > 0) {
    const isIdRefused = issues.some(({ loc }) => loc[1] === "message_id");
    return refused(issues, isIdRefused ? undefined : (values.message_id as MessageId));
  }
  const message = {
    messageId: values.message_id as MessageId,
    from: values.from as Msisdn,
    to: values.to as Msisdn,
    ts: values.ts as UtcTimestamp,
    text: (values.text ?? null) as string | null,
  };
  return { ok: true, message };
}

function refused(issues: readonly Issue[], id?: MessageId): ParsedMessage {
  return { ok: false, issues, messageId: id };
}

/** The issue of the first rule that does not hold, in the older service's words. */
function checkField(field: Field, value: unknown): Issue | undefined {
  if (value === undefined)
    return field.optional
      ? undefined
      : { type: "missing", loc: ["body", field.name], msg: "Field required" };
  if (value === null && field.optional) return undefined;
  if (typeof value !== "string") return issueOf(field, value, NO_STRING);
  for (const { holds, problem } of field.rules)
    if (!holds(value)) return issueOf(field, value, problem);
  return undefined;
}

function issueOf({ name, mayShow }: Field, value: unknown, problem: Rule["problem"]): Issue {
  const { type, msg, ctx } = problem;
  const shown = mayShow(value) ? shownInput(value) : undefined;
  return { type, loc: ["body", name], msg, ...shown, ...(ctx !== undefined && { ctx }) };
}

const NO_STRING: Rule["problem"] = { type: "string_type", msg: "Input should be a valid string" };

function wrong(msg: string): Rule["problem"] {
  return { type: "value_error", msg: `Value error, ${msg}` };
}

function tooLong(limit: number, unit: string): Rule["problem"] {
  const msg = `String should have at most ${limit} ${unit}`;
  return { type: "string_too_long", msg, ctx: { max_length: limit } };
}

function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}
