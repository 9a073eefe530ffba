import { deepEqual, equal, match, ok } from "node:assert/strict";
import { after, test } from "node:test";
import {
  array,
  assert,
  asyncProperty,
  constantFrom,
  dictionary,
  integer,
  json as jsonText,
  jsonValue,
  object,
  oneof,
  option,
  record,
  string,
  uint8Array,
} from "fast-check";
import { anyCharacter } from "../support/any-character.ts";
import {
  issuesOf,
  json,
  listMessages,
  type ReportedIssue,
  seen,
  storedTotal,
} from "../support/client.ts";
import { propertyRuns } from "../support/property-runs.ts";
import { body, post, startService } from "../support/service.ts";

const OK = json(200, { status: "ok" });

const service = await startService();
after(() => service[Symbol.asyncDispose]());
let accepted = 0;

/** Posts the fields, signed, expects 200, and returns what is stored under a unique sender. */
async function store(fields: Readonly<Record<string, unknown>>) {
  accepted += 1;
  const sender = `+700${accepted}`;
  deepEqual(
    await seen(
      post(service.url, body({ message_id: `accepted-${accepted}`, from: sender, ...fields })),
    ),
    OK,
  );
  const { data, total } = await listMessages(
    service,
    `?from=${encodeURIComponent(typeof fields.from === "string" ? fields.from : sender)}`,
  );
  ok(total >= 1);
  return data;
}

/** Posts the payload, signed, and returns the problems of the 422. */
async function problemsOf(
  payload: string | Uint8Array<ArrayBuffer>,
): Promise<readonly ReportedIssue[]> {
  const { status, type, text } = await seen(post(service.url, payload));
  deepEqual([status, type], [422, "application/json"], text);
  equal(text, JSON.stringify(JSON.parse(text)), "compact");
  const issues = issuesOf(text);
  ok(Array.isArray(issues) && issues.length > 0);
  for (const issue of issues) {
    ok(
      typeof issue.type === "string" && typeof issue.msg === "string" && Array.isArray(issue.loc),
      text,
    );
    equal(issue.loc[0], "body");
    if (typeof issue.input === "string")
      ok([...issue.input].length <= 64, "input is cut to 64 characters");
  }
  return issues;
}

/** The only problem of a body whose field is replaced. */
async function problemOf(field: string, value: unknown): Promise<ReportedIssue> {
  const issues = await problemsOf(body({ message_id: "refused", [field]: value }));
  deepEqual(
    issues.map(({ loc }) => loc),
    [["body", field]],
  );
  return issues[0] as ReportedIssue;
}

function core({ type, loc, msg }: ReportedIssue): ReportedIssue {
  return { type, loc, msg };
}

test("a missing field is reported as in FastAPI", async () => {
  for (const field of ["message_id", "from", "to", "ts"]) {
    deepEqual(core(await problemOf(field, undefined)), {
      type: "missing",
      loc: ["body", field],
      msg: "Field required",
    });
  }
});

test("an empty id is reported as in FastAPI", async () => {
  deepEqual(await problemOf("message_id", ""), {
    type: "string_too_short",
    loc: ["body", "message_id"],
    msg: "String should have at least 1 character",
    input: "",
    ctx: { min_length: 1 },
  });
});

test("a text that is not a string is reported as in FastAPI", async () => {
  deepEqual(await problemOf("text", 5), {
    type: "string_type",
    loc: ["body", "text"],
    msg: "Input should be a valid string",
    input: 5,
  });
});

test("a text that is too long is reported as in FastAPI", async () => {
  const issue = await problemOf("text", "x".repeat(4097));
  deepEqual(core(issue), {
    type: "string_too_long",
    loc: ["body", "text"],
    msg: "String should have at most 4096 characters",
  });
  deepEqual(issue.ctx, { max_length: 4096 });
});

test("an invalid timestamp is reported as in FastAPI", async () => {
  const issue = await problemOf("ts", "yesterday");
  equal(issue.type, "value_error");
  match(issue.msg, /^Value error, ./);
});

test("a body that is not JSON is reported as in FastAPI", async () => {
  const [issue, ...others] = await problemsOf('{"message_id": }');
  deepEqual(others, []);
  deepEqual(
    [issue?.type, issue?.msg, issue?.loc[0], issue?.loc.length],
    ["json_invalid", "JSON decode error", "body", 2],
  );
  ok(Number.isInteger(issue?.loc[1]));
  equal(typeof issue?.ctx?.error, "string");
});

test("invalid JSON is reported without repeating the message", async () => {
  for (const payload of [
    `${body()}x`,
    body().slice(0, -1),
    body().replace('"text"', "text"),
    body().replace("Hello", "Hel\nlo"),
  ]) {
    const { text } = await seen(post(service.url, payload));
    ok(
      !text.includes("919876543210") && !text.includes("14155550100") && !text.includes("Hello"),
      text,
    );
  }
});

for (const [name, value] of [
  ["an array", []],
  ["an array of a message", [JSON.parse(body())]],
  ["a string", "m1"],
  ["a number", 5],
] as const) {
  test(`${name} as body is reported as in FastAPI`, async () => {
    const [issue, ...others] = await problemsOf(JSON.stringify(value));
    deepEqual(others, []);
    deepEqual([issue?.type, issue?.loc], ["model_attributes_type", ["body"]]);
  });
}

test("a body of true or false is refused as a whole", async () => {
  for (const payload of ["true", "false"])
    deepEqual(
      (await problemsOf(payload)).map(({ loc }) => loc),
      [["body"]],
    );
});

test("an empty body and null are reported as missing", async () => {
  for (const payload of ["", "null"]) {
    deepEqual((await problemsOf(payload)).map(core), [
      { type: "missing", loc: ["body"], msg: "Field required" },
    ]);
  }
});

test("all problems of a body are reported at once, in the order of the fields", async () => {
  const wrong = { text: 5, ts: "x", to: "y", from: 1, message_id: "" };
  const issues = await problemsOf(JSON.stringify(wrong));
  deepEqual(
    issues.map(({ loc }) => loc[1]),
    ["message_id", "from", "to", "ts", "text"],
  );
  const missing = { type: "missing", msg: "Field required" };
  deepEqual(
    (await problemsOf("{}")).map(core),
    ["message_id", "from", "to", "ts"].map((field) => ({ ...missing, loc: ["body", field] })),
  );
  const some = await problemsOf(
    JSON.stringify({ text: "t".repeat(4097), message_id: "m", from: "+1" }),
  );
  deepEqual(
    some.map(({ loc, type }) => [loc[1], type]),
    [
      ["to", "missing"],
      ["ts", "missing"],
      ["text", "string_too_long"],
    ],
  );
});

for (const [name, payload] of [
  ["is only white space", " \r\n\t "],
  ["is only a byte-order mark", "\ufeff"],
  ["starts with two byte-order marks", `\ufeff\ufeff${body()}`],
  ["is cut off", body().slice(0, -1)],
  ["has something behind it", `${body()}x`],
  ["is two objects", body() + body()],
  ["has a trailing comma", body().replace("}", ",}")],
  ["has a comment", `/* hi */${body()}`],
  ["has single quotes", body().replaceAll('"', "'")],
  ["has bare keys", "{message_id:1}"],
  ["has a raw line break in a string", body().replace("Hello", "Hel\nlo")],
  ["has a raw NUL in a string", body().replace("Hello", "Hel\0lo")],
  ["ends with a NUL", `${body()}\0`],
  ["has NaN", body().replace('"Hello"', "NaN")],
  ["has Infinity", body().replace('"Hello"', "-Infinity")],
  ["has a broken escaped", body().replace("Hello", "\\u12")],
  ["has an unknown escaped", body().replace("Hello", "\\x41")],
  ["is form data", "message_id=m1&from=%2B1"],
] as const) {
  test(`a signed body that ${name} is refused with 422`, async () => {
    await problemsOf(payload);
  });
}

for (const [name, bytes] of [
  ["a stray continuation byte", [0x80]],
  ["0xff", [0xff]],
  ["an overlong slash", [0xc0, 0xaf]],
  ["an overlong NUL", [0xc0, 0x80]],
  ["an encoded surrogate", [0xed, 0xa0, 0x80]],
  ["a code point above U+10FFFF", [0xf4, 0x90, 0x80, 0x80]],
  ["a truncated emoji", [0xf0, 0x9f, 0x98]],
] as const) {
  test(`a signed body with ${name} is not UTF-8 and refused with 422, whichever field it is in`, async () => {
    for (const field of ["message_id", "text", "unknown"]) {
      const [before = "", behind = ""] = body({ [field]: "#HERE#" }).split("#HERE#");
      await problemsOf(
        new Uint8Array(
          Buffer.concat([Buffer.from(before), Buffer.from(bytes), Buffer.from(behind)]),
        ),
      );
    }
  });
}

test("a body in UTF-16 is refused with 422", async () => {
  await problemsOf(new Uint8Array(Buffer.from(`\ufeff${body()}`, "utf16le")));
});

for (const [name, id] of [
  ["one byte", "m"],
  ["1024 bytes of ASCII", "m".repeat(1024)],
  ["1024 bytes in 512 letters", "é".repeat(512)],
  ["1024 bytes in 256 emoji", "😀".repeat(256)],
  ["three spaces", "   "],
  ["U+FFFD, which lone surrogates would turn into", "m\ufffd"],
  ["quotes and SQL", `'; DROP TABLE messages; --"`],
  ["line breaks", "a\r\nb"],
  ["a right-to-left mark", "\u202eabc"],
] as const) {
  test(`an id of ${name} is accepted and comes back as it was sent`, async () => {
    const [message] = await store({ message_id: id });
    equal(message?.message_id, id);
  });
}

for (const [name, id] of [
  ["1025 bytes of ASCII", "m".repeat(1025)],
  ["1025 bytes in 513 characters", `${"é".repeat(512)}m`],
  ["1026 bytes in 513 letters", "é".repeat(513)],
  ["1028 bytes in 257 emoji", "😀".repeat(257)],
  ["NUL", "\0"],
  ["a NUL inside", "m\u00001"],
  ["a number", 5],
  ["a boolean", true],
  ["null", null],
  ["an array", ["m1"]],
  ["an object", { toString: "m1" }],
] as const) {
  test(`an id of ${name} is refused with 422`, async () => {
    await problemOf("message_id", id);
  });
}

for (const field of ["message_id", "from", "to", "ts"]) {
  test(`a number as ${field} is reported as in FastAPI`, async () => {
    const issue = await problemOf(field, 5);
    deepEqual(core(issue), {
      type: "string_type",
      loc: ["body", field],
      msg: "Input should be a valid string",
    });
  });
}

test("a lone surrogate is refused with 422 in the id and in the text, however it is written", async () => {
  for (const escaped of [
    "m\\ud800",
    "m\\ud801",
    "\\udfff",
    "\\udc00\\ud800",
    "\\ud800\\ud800\\udc00",
    "\\uD83D x \\uDE00",
  ]) {
    for (const field of ["message_id", "text"]) {
      const payload = body({ message_id: "refused", [field]: "#" }).replace('"#"', `"${escaped}"`);
      deepEqual(
        (await problemsOf(payload)).map(({ loc }) => loc),
        [["body", field]],
        escaped,
      );
      const response = await post(service.url, payload);
      const text = new TextDecoder("utf-8", { fatal: true }).decode(await response.arrayBuffer());
      ok(text.isWellFormed());
    }
  }
});

test("a surrogate pair written as two escapes is one character and accepted", async () => {
  accepted += 1;
  const payload = body({ message_id: "pair", from: "+7999", text: "#" }).replace(
    '"#"',
    '"\\ud83d\\ude00"',
  );
  deepEqual(await seen(post(service.url, payload)), OK);
  equal((await listMessages(service, "?from=%2B7999")).data[0]?.text, "😀");
});

test("an input that is repeated is cut between characters", async () => {
  for (const value of ["😀".repeat(100), `x${"😀".repeat(100)}`]) {
    const response = await post(service.url, body({ from: value }));
    equal(response.status, 422);
    const text = new TextDecoder("utf-8", { fatal: true }).decode(await response.arrayBuffer());
    for (const { input } of issuesOf(text))
      if (typeof input === "string") ok(input.isWellFormed(), input);
  }
});

test("a refusal stays short however much was sent", async () => {
  const long = "x".repeat(50_000);
  const many = Array.from({ length: 20_000 }, (_, at) => at);
  for (const value of [long, [long], many, { [long]: long }, [[[[many]]]]]) {
    for (const payload of [
      body({ text: value, message_id: value, from: value, to: value, ts: value }),
      JSON.stringify([value]),
    ]) {
      if (payload.length > 262_144) continue;
      const { status, text } = await seen(post(service.url, payload));
      equal(status, 422);
      ok(text.length < 4_000, `${text.length} characters`);
    }
  }
});

test("nesting of 100,000 levels is not a 5xx, wherever it is", async () => {
  for (const [open, close] of [
    ["[", "]"],
    ['{"a":', "}"],
  ] as const) {
    const levels = open === "[" ? 100_000 : 40_000;
    const deep = `${open.repeat(levels)}1${close.repeat(levels)}`;
    for (const payload of [
      deep,
      ...["message_id", "from", "ts", "text"].map((field) =>
        body({ message_id: "refused", [field]: "#" }).replace('"#"', deep),
      ),
    ]) {
      ok(payload.length <= 262_144);
      equal((await post(service.url, payload)).status, 422);
    }
    equal((await post(service.url, `${open.repeat(levels)}`)).status, 422);
  }
});

test("numbers of any size are not a 5xx", async () => {
  for (const number of ["1e999", "-1e999", "-0", "1e-999", "9".repeat(10_000), "0.1e+1"]) {
    for (const field of ["message_id", "from", "ts", "text"]) {
      deepEqual(
        (
          await problemsOf(body({ message_id: "refused", [field]: "#" }).replace('"#"', number))
        ).map(({ loc }) => loc[1]),
        [field],
      );
    }
    equal((await post(service.url, number)).status, 422);
  }
});

for (const number of ["+1", "+0123", "+0", `+${"9".repeat(32)}`]) {
  test(`${number} is accepted as sender and as receiver`, async () => {
    const messages = await store({ from: number, to: number, message_id: `number-${number}` });
    ok(
      messages.some(({ from, to, from_msisdn, to_msisdn }) =>
        [from, to, from_msisdn, to_msisdn].every((told) => told === number),
      ),
    );
  });
}

for (const number of [
  "",
  "+",
  "1",
  "919876543210",
  "0019876543210",
  `+${"9".repeat(33)}`,
  "+1\n",
  "\n+1",
  "+1\r\n",
  " +1",
  "+1 ",
  "+1 2",
  "+1-2",
  "++1",
  "+1+",
  "+1a",
  "+0x1",
  "+1e5",
  "+1.5",
  "+-1",
  "+١٢٣",
  "+１２３",
  "＋123",
  "+1\u0000",
  "+²",
  "tel:+1",
  "+\ud835\udfcf",
]) {
  test(`${JSON.stringify(number)} is refused as sender and as receiver`, async () => {
    for (const field of ["from", "to"]) await problemOf(field, number);
  });
}

test("null, arrays and objects are refused as numbers", async () => {
  for (const value of [null, ["+1"], { from: "+1" }, true, 919876543210])
    for (const field of ["from", "to"]) await problemOf(field, value);
});

test("from_msisdn and to_msisdn are other names of from and to", async () => {
  accepted += 1;
  const payload = body({
    message_id: "aliases",
    from: undefined,
    to: undefined,
    from_msisdn: "+7001001",
    to_msisdn: "+7001002",
  });
  deepEqual(await seen(post(service.url, payload)), OK);
  const [message] = (await listMessages(service, "?from=%2B7001001")).data;
  deepEqual(
    [message?.from, message?.to, message?.from_msisdn, message?.to_msisdn],
    ["+7001001", "+7001002", "+7001001", "+7001002"],
  );
  await problemsOf(body({ message_id: "refused", from: undefined, from_msisdn: "1" }));
});

for (const ts of [
  "2025-01-15T10:00:00Z",
  "2025-01-15T00:00:00Z",
  "2025-12-31T23:59:59Z",
  "2025-01-15T10:00:00.0Z",
  "2025-01-15T10:00:00.5Z",
  "2025-01-15T10:00:00.12Z",
  "2025-01-15T10:00Z",
  "2025-01-15T23:59Z",
  "2024-02-29T00:00Z",
  "2025-01-15T10:00:00.120Z",
  "2025-01-15T10:00:00.1234Z",
  "2025-01-15T10:00:00.12345Z",
  "2025-01-15T10:00:00.123456Z",
  "2025-01-15T10:00:00.1234567Z",
  "2025-01-15T10:00:00.12345678Z",
  "2025-01-15T10:00:00.123456789Z",
  "2025-01-15T10:00:00.000000000Z",
  "2024-02-29T12:00:00Z",
  "2000-02-29T12:00:00Z",
  "2025-04-30T12:00:00Z",
  "0001-01-01T00:00:00Z",
  "0099-12-31T23:59:59Z",
  "1969-12-31T23:59:59.999Z",
  "9999-12-31T23:59:59.999999999Z",
]) {
  test(`the timestamp ${ts} is accepted and comes back as it was sent`, async () => {
    equal((await store({ ts }))[0]?.ts, ts);
  });
}

for (const ts of [
  "",
  "Z",
  "2025-01-15",
  "2025-01-15T10:00",
  "2025-01-15T10:00z",
  "2025-01-15T10:00+00:00",
  "2025-01-15T10:00.5Z",
  "2025-01-15T10:60Z",
  "2025-01-15T24:00Z",
  "2025-02-30T10:00Z",
  "2025-01-15T10:0Z",
  "2025-01-15T10Z",
  "2025-01-15T10:00:00",
  "2025-01-15T10:00:00z",
  "2025-01-15t10:00:00Z",
  "2025-01-15 10:00:00Z",
  "2025-01-15T10:00:00+00:00",
  "2025-01-15T10:00:00-00:00",
  "2025-01-15T10:00:00+05:30",
  "2025-01-15T10:00:00Z+00:00",
  "2025-01-15T10:00:00.Z",
  "2025-01-15T10:00:00,5Z",
  "2025-01-15T10:00:00.1234567890Z",
  "2025-01-15T10:00:00.5",
  "2025-01-15T10:00:00.-5Z",
  "2025-01-15T10:00:00Z\n",
  "2025-01-15T10:00:00Z ",
  " 2025-01-15T10:00:00Z",
  "\ufeff2025-01-15T10:00:00Z",
  "2025-01-15T10:00:00Z\u0000",
  "2025-02-30T10:00:00Z",
  "2025-02-29T10:00:00Z",
  "1900-02-29T10:00:00Z",
  "2100-02-29T10:00:00Z",
  "2025-04-31T10:00:00Z",
  "2025-06-31T10:00:00Z",
  "2025-09-31T10:00:00Z",
  "2025-11-31T10:00:00Z",
  "2025-01-32T10:00:00Z",
  "2025-00-15T10:00:00Z",
  "2025-13-15T10:00:00Z",
  "2025-01-00T10:00:00Z",
  "2025-01-15T24:00:00Z",
  "2025-01-15T23:60:00Z",
  "2025-01-15T23:59:60Z",
  "2016-12-31T23:59:60Z",
  "2025-01-15T99:99:99Z",
  "2025-1-15T10:00:00Z",
  "25-01-15T10:00:00Z",
  "02025-01-15T10:00:00Z",
  "+002025-01-15T10:00:00Z",
  "-2025-01-15T10:00:00Z",
  "2025-W03-3T10:00:00Z",
  "2025-015T10:00:00Z",
  "20250115T100000Z",
  "Wed, 15 Jan 2025 10:00:00 GMT",
  "1736935200",
  "２０２５-01-15T10:00:00Z",
  "٢٠٢٥-01-15T10:00:00Z",
]) {
  test(`the timestamp ${JSON.stringify(ts)} is refused`, async () => {
    await problemOf("ts", ts);
  });
}

test("null, numbers, arrays and objects are refused as timestamps", async () => {
  for (const value of [null, 1_736_935_200, ["2025-01-15T10:00:00Z"], {}, true])
    await problemOf("ts", value);
});

for (const [name, text] of [
  ["4096 letters", "x".repeat(4096)],
  ["4096 emoji", "😀".repeat(4096)],
  ["no character", ""],
  ["spaces only", "   "],
  ["line breaks and tabs", "a\r\nb\tc"],
  ["control characters", "\u0001\u001f\u007f\u009f"],
  ["line and paragraph separators", "\u2028\u2029"],
  ["noncharacters and U+FFFD", "\ufffd\ufffe\uffff\u{10ffff}"],
  ["a byte-order mark", "\ufeffx"],
  ["decomposed letters", "e\u0301 \u00e9"],
  ["a family of emoji", "👨‍👩‍👧‍👦"],
  ["quotes, backslashes and markup", `"\\'<script>&amp;</script>`],
] as const) {
  test(`a text of ${name} is accepted and comes back as it was sent`, async () => {
    equal((await store({ text }))[0]?.text, text);
  });
}

test("a missing text and a null are both null", async () => {
  equal((await store({ text: undefined }))[0]?.text, null);
  equal((await store({ text: null }))[0]?.text, null);
});

for (const [name, text] of [
  ["4097 letters", "x".repeat(4097)],
  ["4097 emoji", "😀".repeat(4097)],
  ["a NUL", "\0"],
  ["a NUL inside", "a\0b"],
  ["a number", 0],
  ["a boolean", false],
  ["an array", []],
  ["an object", {}],
] as const) {
  test(`a text of ${name} is refused`, async () => {
    await problemOf("text", text);
  });
}

test("of duplicate keys the last one counts", async () => {
  accepted += 1;
  const good = body({ message_id: "last", from: "+7002001" });
  deepEqual(
    await seen(post(service.url, good.replace("{", '{"message_id":5,"from":"nobody","text":[],'))),
    OK,
  );
  const [message] = (await listMessages(service, "?from=%2B7002001")).data;
  deepEqual([message?.message_id, message?.text], ["last", "Hello"]);
  const issues = await problemsOf(good.replace("}", ',"fr\\u006fm":"nobody"}'));
  deepEqual(
    issues.map(({ loc }) => loc),
    [["body", "from"]],
  );
});

test("unknown keys are ignored, whatever they contain", async () => {
  for (const extra of [
    { extra: 1 },
    { MESSAGE_ID: 5 },
    { "": null },
    { nested: { message_id: "other" } },
    { created_at: "1970-01-01" },
  ]) {
    const [message] = await store(extra);
    ok(message?.message_id.startsWith("accepted-"));
    ok(!message?.created_at.startsWith("1970"));
  }
});

test("__proto__, constructor and their like are plain unknown keys", async () => {
  const message = body();
  for (const payload of [
    `{"__proto__":${message}}`,
    `{"constructor":${message}}`,
    `{"constructor":{"prototype":${message}}}`,
  ]) {
    deepEqual(
      (await problemsOf(payload)).map(({ type, loc }) => [type, loc[1]]),
      [
        ["missing", "message_id"],
        ["missing", "from"],
        ["missing", "to"],
        ["missing", "ts"],
      ],
    );
  }
  for (const key of [
    "__proto__",
    "constructor",
    "prototype",
    "toString",
    "hasOwnProperty",
    "valueOf",
    "then",
    "toJSON",
  ]) {
    for (const value of [message, "null", "5", '"x"', '{"polluted":true,"text":5}']) {
      accepted += 1;
      const payload = body({ message_id: `accepted-${accepted}`, from: "+7003" }).replace(
        "{",
        `{"${key}":${value},`,
      );
      deepEqual(await seen(post(service.url, payload)), OK, payload);
    }
  }
  equal(Reflect.get({}, "polluted"), undefined);
});

test("keys must match exactly: no case folding, no trimming", async () => {
  const issues = await problemsOf(
    body({ message_id: undefined, Message_Id: "m", "message_id ": "m", messageId: "m" }),
  );
  deepEqual(
    issues.map(({ type, loc }) => [type, loc[1]]),
    [["missing", "message_id"]],
  );
});

test("everything accepted above is stored once and nothing else is", async () => {
  equal(await storedTotal(service), accepted);
});

test("every valid message, signed, is accepted and listed exactly as it was sent", async () => {
  await using own = await startService();
  const two = (max: number, min = 0) =>
    integer({ min, max }).map((number) => String(number).padStart(2, "0"));
  const ts = record({
    year: integer({ min: 1, max: 9999 }).map((year) => String(year).padStart(4, "0")),
    month: two(12, 1),
    day: two(28, 1),
    hour: two(23),
    minute: two(59),
    second: two(59),
    fraction: option(string({ unit: constantFrom(..."0123456789"), minLength: 1, maxLength: 9 }), {
      nil: undefined,
    }),
  }).map(
    (t) =>
      `${t.year}-${t.month}-${t.day}T${t.hour}:${t.minute}:${t.second}${t.fraction === undefined ? "" : `.${t.fraction}`}Z`,
  );
  const characters = string({ unit: anyCharacter, maxLength: 60 }).map((text) =>
    text.replaceAll("\0", ""),
  );
  const digits = string({ unit: constantFrom(..."0123456789"), minLength: 1, maxLength: 20 });
  const message = record({
    id: characters,
    to: digits,
    from: digits,
    ts,
    text: option(characters, { nil: null }),
  });
  let run = 0;
  await assert(
    asyncProperty(message, async ({ id, to, from, ts, text }) => {
      run += 1;
      const unique = String(run).padStart(6, "0");
      const sent = {
        message_id: `${unique}${id}`,
        from: `+${unique}${from}`,
        to: `+${to}`,
        ts,
        text,
      };
      deepEqual(await seen(post(own.url, JSON.stringify(sent))), OK);
      const { data, total } = await listMessages(own, `?from=${encodeURIComponent(sent.from)}`);
      equal(total, 1);
      const { created_at: _, from_msisdn, to_msisdn, ...listed } = data[0] ?? ({} as never);
      deepEqual({ ...listed }, sent);
      deepEqual([from_msisdn, to_msisdn], [sent.from, sent.to]);
    }),
    { numRuns: propertyRuns(300) },
  );
  equal(await storedTotal(own), run);
});

test("arbitrary JSON values, signed, are stored or refused and never a 5xx", async () => {
  await using own = await startService();
  const value = oneof(
    jsonValue(),
    constantFrom("+1", "2025-01-15T10:00:00Z", "m", "", "\0", "\ud800", -0, 1e300),
  );
  const fields = constantFrom(
    "message_id",
    "from",
    "to",
    "ts",
    "text",
    "from_msisdn",
    "to_msisdn",
    "__proto__",
    "constructor",
    "x",
  );
  const payload = oneof(
    jsonText(),
    dictionary(fields, value).map((object) => JSON.stringify(object)),
    object().map((o) => JSON.stringify(o)),
    array(value).map((a) => JSON.stringify(a)),
  );
  await assert(
    asyncProperty(payload, async (text) => {
      const answer = await seen(post(own.url, text));
      if (answer.status === 200) return deepEqual(answer, OK);
      deepEqual([answer.status, answer.type], [422, "application/json"], answer.text);
      ok(issuesOf(answer.text).length > 0);
    }),
    { numRuns: propertyRuns(500) },
  );
});

test("arbitrary bytes, signed, are refused and never a 5xx", async () => {
  await using own = await startService();
  const bytes = oneof(
    uint8Array({ maxLength: 200 }),
    record({
      at: integer({ min: 0, max: body().length - 1 }),
      byte: integer({ min: 0, max: 255 }),
    }).map(({ at, byte }) => {
      const changed = Uint8Array.from(Buffer.from(body()));
      changed[at] = byte;
      return changed;
    }),
  );
  await assert(
    asyncProperty(bytes, async (payload) => {
      const { status, text } = await seen(post(own.url, new Uint8Array(payload)));
      ok(status === 422 || status === 200, `${status} ${text}`);
      if (status === 200)
        equal(typeof JSON.parse(Buffer.from(payload).toString()).message_id, "string");
    }),
    { numRuns: propertyRuns(400) },
  );
});
