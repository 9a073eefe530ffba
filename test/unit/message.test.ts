import { deepEqual, equal, match, ok } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { NATIVE_SOURCE, parseMessage } from "../../src/domain/message.ts";
import { MESSAGE_BODY } from "../../src/http/routes/webhook.ts";

const GOOD = {
  message_id: "m1",
  from: "+919876543210",
  to: "+14155550100",
  ts: "2025-01-15T10:00:00Z",
  text: "Hello",
};

function issuesOf(fields: Readonly<Record<string, unknown>>) {
  const parsed = parseMessage({ ...GOOD, ...fields });
  return parsed.ok ? [] : parsed.issues;
}

test("a refused number or text is not repeated, a refused id or timestamp is", () => {
  const shown = (fields: Readonly<Record<string, unknown>>) =>
    issuesOf(fields).map(({ input }) => input);
  deepEqual(shown({ from: "0919876543210" }), [undefined]);
  deepEqual(shown({ to: "0014155550100" }), [undefined]);
  deepEqual(shown({ from: 919876543210, to: 14155550100 }), [undefined, undefined]);
  deepEqual(shown({ text: `a secret${"x".repeat(5_000)}` }), [undefined]);
  deepEqual(shown({ text: "a secret\0" }), [undefined]);
  deepEqual(shown({ text: 5 }), [5]);
  deepEqual(shown({ message_id: 7, ts: "yesterday" }), [7, "yesterday"]);
});

test("whatever from, to and text contain, no issue contains it", () => {
  const anything = fc.string({ minLength: 8, unit: "grapheme" }).map((text) => `#${text}`);
  fc.assert(
    fc.property(anything, (value) => {
      const issues = issuesOf({
        from: value,
        to: value,
        text: `${value}${"x".repeat(5_000)}`,
        ts: null,
      });
      equal(issues.length, 4);
      ok(!JSON.stringify(issues).includes(JSON.stringify(value).slice(1, -1)));
    }),
  );
});

const issue = (type: string, name: string, msg: string) => ({ type, loc: ["body", name], msg });
const NOT_STORABLE = "Value error, must be well-formed Unicode without NUL";

test("a valid body is a message; a missing text is null, and unknown keys are ignored", () => {
  const message = {
    messageId: "m1",
    from: GOOD.from,
    to: GOOD.to,
    ts: GOOD.ts,
    text: "Hello",
  };
  deepEqual(parseMessage({ ...GOOD, other: 1 }), { ok: true, message });
  for (const text of [undefined, null])
    deepEqual(parseMessage({ ...GOOD, text }), { ok: true, message: { ...message, text: null } });
  const { from, to, ...others } = GOOD;
  deepEqual(parseMessage({ ...others, from_msisdn: from, to_msisdn: to }), { ok: true, message });
  deepEqual(parseMessage({ ...GOOD, from_msisdn: "+1", to_msisdn: "+2" }), { ok: true, message });
  equal(NATIVE_SOURCE, "native");
});

test("the limits of each field are exact", () => {
  for (const fields of [
    { message_id: "m" },
    { message_id: "é".repeat(512) },
    { from: "+1", to: `+${"9".repeat(32)}` },
    { ts: "2024-02-29T23:59Z" },
    { ts: "0001-01-01T00:00:00.123456789Z" },
    { text: "" },
    { text: "\u{1F600}".repeat(4_096) },
  ])
    deepEqual(issuesOf(fields), []);
  for (const from of ["+", "1", "+a", `+${"9".repeat(33)}`, "+1 ", " +1", "+1\n", "++1"])
    deepEqual(
      issuesOf({ from, to: from }).map(({ loc }) => loc[1]),
      ["from", "to"],
      from,
    );
});

test("each problem of a field has its type, its place and its words", () => {
  deepEqual(issuesOf({ message_id: "" }), [
    {
      ...issue("string_too_short", "message_id", "String should have at least 1 character"),
      input: "",
      ctx: { min_length: 1 },
    },
  ]);
  deepEqual(issuesOf({ message_id: `${"é".repeat(512)}x` }), [
    {
      ...issue("string_too_long", "message_id", "String should have at most 1024 bytes"),
      input: "é".repeat(64),
      ctx: { max_length: 1_024 },
    },
  ]);
  deepEqual(issuesOf({ text: "x".repeat(4_097) }), [
    {
      ...issue("string_too_long", "text", "String should have at most 4096 characters"),
      ctx: { max_length: 4_096 },
    },
  ]);
  for (const id of ["a\0", "\ud800"])
    deepEqual(issuesOf({ message_id: id, text: id }), [
      { ...issue("value_error", "message_id", NOT_STORABLE), input: id },
      issue("value_error", "text", NOT_STORABLE),
    ]);
  const isNoString = "Input should be a valid string";
  deepEqual(issuesOf({ message_id: 5, from: 6, to: null, ts: {}, text: [] }), [
    { ...issue("string_type", "message_id", isNoString), input: 5 },
    issue("string_type", "from", isNoString),
    issue("string_type", "to", isNoString),
    issue("string_type", "ts", isNoString),
    issue("string_type", "text", isNoString),
  ]);
  const isNoNumber = "Value error, must be + followed by 1 to 32 digits";
  deepEqual(issuesOf({ from: "1", to: "+" }), [
    issue("value_error", "from", isNoNumber),
    issue("value_error", "to", isNoNumber),
  ]);
  const isNoTime = "Value error, must be ISO-8601 UTC such as 2025-01-15T10:00:00Z";
  const isNoDay = "Value error, must be a real calendar date";
  for (const [ts, msg] of [
    ["yesterday", isNoTime],
    ["2025-01-15T10:00:00+00:00", isNoTime],
    ["2025-02-30T10:00:00Z", isNoDay],
  ] as const)
    deepEqual(issuesOf({ ts }), [{ ...issue("value_error", "ts", msg), input: ts }]);
});

test("a missing field is reported, and so is a body that is missing or no object", () => {
  deepEqual(
    issuesOf({ message_id: undefined, from: undefined, to: undefined, ts: undefined }),
    ["message_id", "from", "to", "ts"].map((name) => issue("missing", name, "Field required")),
  );
  const required = { type: "missing", loc: ["body"], msg: "Field required" };
  for (const body of [undefined, null])
    deepEqual(parseMessage(body), { ok: false, issues: [required], messageId: undefined });
  const noObject = {
    type: "model_attributes_type",
    loc: ["body"],
    msg: "Input should be a valid dictionary or object to extract fields from",
  };
  for (const body of ["{}", 1, [], [GOOD]])
    deepEqual(parseMessage(body), { ok: false, issues: [noObject], messageId: undefined });
});

test("a refused message keeps its id for the log, unless the id itself is refused", () => {
  const idOf = (fields: Readonly<Record<string, unknown>>) => {
    const parsed = parseMessage({ ...GOOD, ...fields });
    return parsed.ok ? "accepted" : parsed.messageId;
  };
  equal(idOf({ ts: "now" }), "m1");
  equal(idOf({ message_id: "", ts: "now" }), undefined);
  equal(idOf({ message_id: 5 }), undefined);
});

test("the documented body describes each field with its limits, and its example is valid", () => {
  const documented = JSON.parse(JSON.stringify(MESSAGE_BODY));
  const { message_id, from, to, ts, text } = documented.properties;
  match(message_id.description, /at most 1024 bytes of UTF-8.+again/);
  match(from.description, /sender.+`from_msisdn`/);
  match(to.description, /receiver.+`to_msisdn`/);
  match(ts.description, /UTC.+Seconds are optional/);
  match(text.description, /at most 4096 code points/);
  const [example] = documented.examples;
  ok(parseMessage(example).ok);
  deepEqual(example, GOOD);
});
