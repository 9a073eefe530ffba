import Type, { type Static } from "typebox";
import { Compile, type Validator } from "typebox/compile";
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

/** An index key of PostgreSQL has at most 2704 bytes. The key also contains a source and a time. */
const MESSAGE_ID_BYTES_MAX = 1024;
const TEXT_CODE_POINTS_MAX = 4096;

// "m\ud800", "m\ud801" and "m\ufffd" would be stored as the same bytes, and PostgreSQL refuses NUL.
// So both are refused on every backend.
const isStorable = (value: string): boolean => value.isWellFormed() && !value.includes("\0");
const NOT_STORABLE = "must be well-formed Unicode without NUL";

const MessageIdSchema = Type.Refine(
  Type.Refine(
    Type.String({
      minLength: 1,
      description: `The id that the sender gives the message, at most ${MESSAGE_ID_BYTES_MAX} bytes of UTF-8. Sending the same id again changes nothing.`,
    }),
    (value) => Buffer.byteLength(value) <= MESSAGE_ID_BYTES_MAX,
    () => "maxBytes",
  ),
  isStorable,
  () => NOT_STORABLE,
);
const msisdnSchema = (description: string) =>
  Type.String({ pattern: "^\\+[0-9]{1,32}$", description });
const TimestampSchema = Type.Refine(
  Type.String({
    pattern: UTC_TIMESTAMP_PATTERN,
    description: "When the message was sent, in UTC. It is stored as spelt. Seconds are optional.",
  }),
  isCalendarDate,
  () => "must be a real calendar date",
);
const TextSchema = Type.Refine(
  Type.String({ maxLength: TEXT_CODE_POINTS_MAX }),
  isStorable,
  () => NOT_STORABLE,
);

/** The body of `POST /webhook`, from which validation and documentation are derived. */
export const MessageBody = Type.Object(
  {
    message_id: MessageIdSchema,
    from: msisdnSchema("The sender. `from_msisdn` is accepted as another name."),
    to: msisdnSchema("The receiver. `to_msisdn` is accepted as another name."),
    ts: TimestampSchema,
    text: Type.Optional(
      Type.Union([TextSchema, Type.Null()], {
        description: `The text, at most ${TEXT_CODE_POINTS_MAX} code points.`,
      }),
    ),
  },
  {
    examples: [
      {
        message_id: "m1",
        from: "+919876543210",
        to: "+14155550100",
        ts: "2025-01-15T10:00:00Z",
        text: "Hello",
      },
    ],
  },
);

interface Field {
  readonly name: keyof Static<typeof MessageBody>;
  readonly required: boolean;
  readonly validator: Validator;
  /** What a failed pattern means, in words. */
  readonly form: string;
  /** Error bodies end up in senders' logs, so phone numbers and texts are not repeated there. */
  readonly mayShow: (value: unknown) => boolean;
}

const notPrivate = () => true;
const never = () => false;
const unlessText = (value: unknown) => typeof value !== "string";
const MSISDN_FORM = "must be + followed by 1 to 32 digits";
const TIMESTAMP_FORM = "must be ISO-8601 UTC such as 2025-01-15T10:00:00Z";
const { properties } = MessageBody;

// In the order in which problems are reported.
const FIELDS: readonly Field[] = [
  {
    name: "message_id",
    required: true,
    validator: Compile(properties.message_id),
    form: "",
    mayShow: notPrivate,
  },
  {
    name: "from",
    required: true,
    validator: Compile(properties.from),
    form: MSISDN_FORM,
    mayShow: never,
  },
  {
    name: "to",
    required: true,
    validator: Compile(properties.to),
    form: MSISDN_FORM,
    mayShow: never,
  },
  {
    name: "ts",
    required: true,
    validator: Compile(properties.ts),
    form: TIMESTAMP_FORM,
    mayShow: notPrivate,
  },
  {
    name: "text",
    required: false,
    validator: Compile(properties.text),
    form: "",
    mayShow: unlessText,
  },
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
    const value = values[field.name];
    if (value === undefined ? field.required : !field.validator.Check(value))
      issues.push(explain(field, value));
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

/** The first failed rule of a field, in the words of the older service's validator. */
function explain(field: Field, value: unknown): Issue {
  const loc = ["body", field.name];
  if (value === undefined) return { type: "missing", loc, msg: "Field required" };
  const shown = field.mayShow(value) ? shownInput(value) : undefined;
  const [error] = field.validator.Errors(value);
  switch (error?.keyword) {
    case "type":
      return { type: "string_type", loc, msg: "Input should be a valid string", ...shown };
    case "minLength":
      return {
        type: "string_too_short",
        loc,
        msg: "String should have at least 1 character",
        ...shown,
        ctx: { min_length: 1 },
      };
    case "maxLength":
      return tooLong(loc, TEXT_CODE_POINTS_MAX, "characters", shown);
    case "pattern":
      return { type: "value_error", loc, msg: `Value error, ${field.form}`, ...shown };
    default:
      if (error?.message === "maxBytes") return tooLong(loc, MESSAGE_ID_BYTES_MAX, "bytes", shown);
      return {
        type: "value_error",
        loc,
        msg: `Value error, ${error?.message ?? field.form}`,
        ...shown,
      };
  }
}

function tooLong(
  loc: Issue["loc"],
  limit: number,
  unit: string,
  shown: ReturnType<typeof shownInput>,
): Issue {
  return {
    type: "string_too_long",
    loc,
    msg: `String should have at most ${limit} ${unit}`,
    ...shown,
    ctx: { max_length: limit },
  };
}
