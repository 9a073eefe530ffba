import { deepEqual, equal, ok } from "node:assert/strict";
import { request } from "node:http";
import { after, test } from "node:test";
import {
  array,
  assert,
  asyncProperty,
  constant,
  constantFrom,
  integer,
  oneof,
  option,
  record,
  string,
} from "fast-check";
import { anyCharacter } from "../support/any-character.ts";
import {
  issuesOf,
  type ListedMessage,
  listMessages,
  type MessagePage,
  seen,
} from "../support/client.ts";
import { startFilled } from "../support/filled-service.ts";
import { propertyRuns } from "../support/property-runs.ts";
import { body, getJson, post, type Service, startService } from "../support/service.ts";

/** The example of the older service's documentation, which most tests below list. */
const FOUR = [
  {
    message_id: "m1",
    from: "+919876543210",
    to: "+14155550100",
    ts: "2025-01-15T10:00:00Z",
    text: "Hello",
  },
  {
    message_id: "m2",
    from: "+919876543210",
    to: "+14155550100",
    ts: "2025-01-15T09:00:00Z",
    text: "Earlier",
  },
  {
    message_id: "m3",
    from: "+911234567890",
    to: "+14155550100",
    ts: "2025-01-15T11:00:00Z",
    text: "hello again",
  },
  { message_id: "m4", from: "+1", to: "+14155550100", ts: "2025-01-15T12:00:00Z", text: null },
];

async function startWith(messages: readonly object[]): Promise<Service> {
  const started = await startService();
  for (const message of messages)
    equal((await post(started.url, JSON.stringify(message))).status, 200, JSON.stringify(message));
  return started;
}

const ids = (page: MessagePage) => page.data.map(({ message_id }) => message_id);

const four = await startWith(FOUR);
after(() => four[Symbol.asyncDispose]());

test("a page is compact JSON with exactly the keys of the contract, in order", async () => {
  const { status, type, text } = await seen(fetch(`${four.url}/messages?limit=2&offset=0`));
  deepEqual([status, type], [200, "application/json"]);
  const page = JSON.parse(text) as MessagePage;
  const [created, second] = page.data.map(({ created_at }) => created_at);
  const told = (message: (typeof FOUR)[number] | undefined, created_at: string | undefined) => ({
    ...message,
    created_at,
    from_msisdn: message?.from,
    to_msisdn: message?.to,
  });
  equal(
    text,
    JSON.stringify({
      data: [told(FOUR[1], created), told(FOUR[0], second)],
      total: 4,
      limit: 2,
      offset: 0,
      next_cursor: page.next_cursor,
      prev_cursor: null,
    }),
  );
  ok(typeof page.next_cursor === "string" && page.next_cursor !== "");
});

test("created_at is the time of arrival", async () => {
  for (const { created_at } of (await listMessages(four)).data) {
    const age = Date.now() - Date.parse(created_at);
    ok(age >= 0 && age < 600_000, created_at);
  }
});

test("an empty database is an empty page", async () => {
  await using service = await startService();
  const page = await listMessages(service);
  deepEqual([page.data, page.total, page.limit, page.offset], [[], 0, 50, 0]);
});

test("without parameters the first fifty are listed and all are counted", async () => {
  const many = Array.from({ length: 120 }, (_, at) =>
    JSON.parse(body({ message_id: String(at).padStart(3, "0") })),
  );
  await using service = await startWith(many);
  const page = await listMessages(service);
  deepEqual([page.data.length, page.total, page.limit, page.offset], [50, 120, 50, 0]);
  deepEqual(
    ids(page),
    many.slice(0, 50).map(({ message_id }) => message_id),
  );
  deepEqual((await listMessages(service, "?limit=200")).data.length, 100);
});

for (const [given, effective] of [
  ["1", 1],
  ["2", 2],
  ["100", 100],
  ["0", 1],
  ["-1", 1],
  ["-99999999999999999999", 1],
  ["101", 100],
  ["200", 100],
  ["1e20", 100],
  ["99999999999999999999999999", 100],
  ["007", 7],
  ["", 50],
] as const) {
  test(`limit=${given} means ${effective}`, async () => {
    const page = await listMessages(four, `?limit=${given}`);
    deepEqual([page.limit, page.data.length, page.total], [effective, Math.min(effective, 4), 4]);
  });
}

for (const given of [
  "abc",
  "NaN",
  "ten",
  "1a",
  "0x",
  "--1",
  "1,5",
  "1 2",
  "%00",
  "%D9%A1",
  "null",
  "undefined",
  "[]",
  "%ff",
]) {
  test(`limit=${given} is not a number and is refused`, async () => {
    const { status, type, text } = await seen(fetch(`${four.url}/messages?limit=${given}`));
    deepEqual([status, type], [422, "application/json"]);
    const [issue, ...others] = issuesOf(text);
    deepEqual(
      [issue?.loc, issue?.type, typeof issue?.msg, others],
      [["query", "limit"], "int_parsing", "string", []],
    );
  });
}

for (const [given, effective] of [
  ["0", 0],
  ["1", 1],
  ["3", 3],
  ["4", 4],
  ["999", 999],
  ["-1", 0],
  ["-1e20", 0],
  ["-99999999999999999999", 0],
  ["", 0],
] as const) {
  test(`offset=${given} means ${effective}`, async () => {
    const page = await listMessages(four, `?offset=${given}`);
    deepEqual([page.offset, page.total], [effective, 4]);
    deepEqual(ids(page), ["m2", "m1", "m3", "m4"].slice(effective));
  });
}

for (const given of [
  "1e20",
  "1e308",
  "1e400",
  "9007199254740993",
  "9223372036854775807",
  "9223372036854775808",
  "9".repeat(400),
]) {
  test(`offset=${given.length > 30 ? `${given.length} nines` : given} is an empty page`, async () => {
    const page = await listMessages(four, `?offset=${given}`);
    deepEqual([page.data, page.total], [[], 4]);
    ok(Number.isFinite(page.offset) && page.offset >= 0);
  });
}

test("an offset that is not a number is not a 5xx", async () => {
  for (const given of ["abc", "NaN", "%ff", "1.5", "%00"])
    ok((await fetch(`${four.url}/messages?offset=${given}`)).status < 500, given);
});

for (const [given, expected] of [
  ["%2B919876543210", ["m2", "m1"]],
  ["+919876543210", ["m2", "m1"]],
  ["919876543210", ["m2", "m1"]],
  ["%20919876543210", ["m2", "m1"]],
  ["%20%2B919876543210%20", ["m2", "m1"]],
  ["%2B919876543210%0A", ["m2", "m1"]],
  ["+919876543210+", ["m2", "m1"]],
  ["1", ["m4"]],
  ["%2B1", ["m4"]],
  ["%2B91987654321", []],
  ["%2B9198765432100", []],
  ["%2B9198765%25", []],
  ["%2B_", []],
  ["nobody", []],
  ["'", []],
  ["%2B2", []],
  ["", ["m2", "m1", "m3", "m4"]],
] as const) {
  test(`from=${given} lists ${expected.join(", ") || "nothing"}`, async () => {
    const page = await listMessages(four, `?from=${given}`);
    deepEqual([ids(page), page.total], [expected, expected.length]);
  });
}

for (const [given, expected] of [
  ["2025-01-15T09:30:00Z", ["m1", "m3", "m4"]],
  ["2025-01-15T10:00:00Z", ["m1", "m3", "m4"]],
  ["2025-01-15T10:00:00.0Z", ["m1", "m3", "m4"]],
  ["2025-01-15T10:00:00.000000001Z", ["m3", "m4"]],
  ["2025-01-15T09:59:59.999999999Z", ["m1", "m3", "m4"]],
  ["2025-01-15T10:00:00%2B00:00", ["m1", "m3", "m4"]],
  ["2025-01-15T10:00:00.5%2B00:00", ["m3", "m4"]],
  ["2025-01-15T10:00:00", ["m1", "m3", "m4"]],
  ["2025-01-15T10:00:00.000001", ["m3", "m4"]],
  ["2025-01-15T10:00", ["m1", "m3", "m4"]],
  ["2025-01-15T10:01", ["m3", "m4"]],
  ["2025-01-15T10:00Z", ["m1", "m3", "m4"]],
  ["2025-01-15+10:00:00", ["m1", "m3", "m4"]],
  ["2025-01-15%2010:00:00.5", ["m3", "m4"]],
  ["2025-01-15T10:00:00%2B05:30", ["m2", "m1", "m3", "m4"]],
  ["2025-01-15T15:30:00%2B05:30", ["m1", "m3", "m4"]],
  ["2025-01-15T15:30:00+05:30", ["m1", "m3", "m4"]],
  ["2025-01-15T02:00:01-08:00", ["m3", "m4"]],
  ["2025-01-15", ["m2", "m1", "m3", "m4"]],
  ["2025-01-16", []],
  ["2024-02-29", ["m2", "m1", "m3", "m4"]],
  ["9999-12-31T23:59:59Z", []],
  ["0001-01-01T00:00:00Z", ["m2", "m1", "m3", "m4"]],
  ["", ["m2", "m1", "m3", "m4"]],
] as const) {
  test(`since=${given} lists ${expected.join(", ") || "nothing"}`, async () => {
    const page = await listMessages(four, `?since=${given}`);
    deepEqual([ids(page), page.total], [expected, expected.length]);
  });
}

for (const given of [
  "yesterday",
  "now",
  "1736935200",
  "2025",
  "2025-01",
  "2025-02-30",
  "2025-02-29",
  "2025-13-01",
  "2025-02-30T00:00:00Z",
  "2025-01-15T24:00:00Z",
  "2025-01-15T23:59:60Z",
  "2025-01-15T10",
  "2025-01-15T10:00:00z",
  "2025-01-15T10:00:00.Z",
  "2025-01-15T10:00:00%2B24:00",
  "2025-01-15T10:00:00-5",
  "%20",
  "2025-01-15T10:00:00Zx",
  "2025-01-15T10:00:00Z%00",
  "15.01.2025",
  "%ff",
  "'",
]) {
  test(`since=${given} is refused`, async () => {
    const { status, type, text } = await seen(fetch(`${four.url}/messages?since=${given}`));
    deepEqual([status, type], [422, "application/json"]);
    deepEqual(
      issuesOf(text).map(({ loc }) => loc),
      [["query", "since"]],
    );
    for (const issue of issuesOf(text))
      deepEqual([typeof issue.type, typeof issue.msg], ["string", "string"]);
  });
}

test("timestamps are compared as instants, not as text", async () => {
  const spellings = [
    "2025-01-15T10:00:00.500Z",
    "2025-01-15T10:00:00.5Z",
    "2025-01-15T10:00:00.50Z",
    "2025-01-15T10:00:00Z",
  ];
  await using service = await startWith(
    spellings.map((ts, at) => JSON.parse(body({ message_id: `m${at}`, ts }))),
  );
  for (const since of [
    "2025-01-15T10:00:00.5Z",
    "2025-01-15T10:00:00.500000Z",
    "2025-01-15T10:00:00.50%2B00:00",
  ]) {
    deepEqual(ids(await listMessages(service, `?since=${since}`)), ["m0", "m1", "m2"], since);
  }
  deepEqual(ids(await listMessages(service, "?since=2025-01-15T10:00:00.500000001Z")), []);
  deepEqual(ids(await listMessages(service, "?since=2025-01-15T10:00:00.4Z")), ["m0", "m1", "m2"]);
});

test("the order is by instant, so a whole second comes before its fractions", async () => {
  const inOrder = [
    "0001-01-01T00:00:00Z",
    "1969-12-31T23:59:59.999999999Z",
    "1970-01-01T00:00:00Z",
    "2025-01-15T09:59:59.999999999Z",
    "2025-01-15T10:00:00Z",
    "2025-01-15T10:00:00.000000001Z",
    "2025-01-15T10:00:00.00000001Z",
    "2025-01-15T10:00:00.000001Z",
    "2025-01-15T10:00:00.000001001Z",
    "2025-01-15T10:00:00.001Z",
    "2025-01-15T10:00:00.09Z",
    "2025-01-15T10:00:00.1Z",
    "2025-01-15T10:00:00.12Z",
    "2025-01-15T10:00:00.5Z",
    "2025-01-15T10:00:01Z",
    "2025-02-01T00:00:00Z",
    "9999-12-31T23:59:59.999999999Z",
  ];
  await using service = await startWith(
    inOrder.map((ts, at) => JSON.parse(body({ message_id: String(100 - at), ts }))).reverse(),
  );
  deepEqual(
    (await listMessages(service)).data.map(({ ts }) => ts),
    inOrder,
  );
});

test("the order within an instant is by the id's bytes, beyond the BMP too", async () => {
  const inOrder = [
    " ",
    "1",
    "10",
    "2",
    "A",
    "Z",
    "a",
    "a ",
    "aa",
    "b",
    "\u00e9",
    "\u07ff",
    "\u0800",
    "\ud7ff",
    "\ue000",
    "\uff5e",
    "\uffff",
    "😀",
    "\u{10ffff}",
  ];
  const spelt = [
    "2025-01-15T10:00:00Z",
    "2025-01-15T10:00:00.0Z",
    "2025-01-15T10:00:00.000000000Z",
  ];
  const messages = inOrder.map((message_id, at) =>
    JSON.parse(body({ message_id, ts: spelt[at % 3] })),
  );
  await using service = await startWith(messages.reverse());
  deepEqual(ids(await listMessages(service)), inOrder);
  const sorted = [...inOrder].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  deepEqual(sorted, inOrder, "this list is in order");
});

const TEXTS = {
  plain: "Hello World",
  german: "Grüße, ÜBER alles",
  percent: "100% sure",
  underscore: "snake_case",
  backslash: "C:\\temp",
  quotes: `it's "quoted"`,
  empty: "",
  none: null,
  null: "nullable",
  spaces: "two  spaces",
  plus: "a+b",
  greek: "ΟΔΟΣ οδός",
  cyrillic: "Привет МИР",
  deseret: "\u{10400}\u{10401}",
  cherokee: "\u13a0\u13a1",
  georgian: "\u10d0\u10d1",
  titlecase: "\u01c5",
  kelvin: "5 \u212a",
  capitalSharpS: "STRA\u1e9eE",
  dotted: "i and I",
  emoji: "👍🏽 ok",
  lines: "first\nsecond",
  decomposed: "cafe\u0301",
  composed: "th\u00e9",
  star: "a*b?c[d]",
  fts: "one NEAR two",
  dollar: "$1 {x} :name",
} as const;

const texts = await startWith(
  Object.entries(TEXTS).map(([message_id, text]) => JSON.parse(body({ message_id, text }))),
);
after(() => texts[Symbol.asyncDispose]());

for (const [q, expected] of [
  ["Hello", ["plain"]],
  ["hELLO wORLD", ["plain"]],
  ["o W", ["plain"]],
  ["hello  world", []],
  ["Helo", []],
  ["über", ["german"]],
  ["ÜBER", ["german"]],
  ["GRÜ", ["german"]],
  ["uber", []],
  ["%", ["percent"]],
  ["100%", ["percent"]],
  ["1%sure", []],
  ["_", ["underscore"]],
  ["snake_CASE", ["underscore"]],
  ["snakeXcase", []],
  ["\\", ["backslash"]],
  ["c:\\T", ["backslash"]],
  ["\\\\", []],
  ["\\%", []],
  ["'", ["quotes"]],
  ['"', ["quotes"]],
  [`'s "QUOTED"`, ["quotes"]],
  ["' OR '1'='1", []],
  ["'; DROP TABLE messages; --", []],
  ["NULL", ["null"]],
  ["  ", ["spaces"]],
  ["a+b", ["plus"]],
  ["a b", []],
  ["οδοσ", ["greek"]],
  ["οδος", ["greek"]],
  ["ΟΔΟΣ", ["greek"]],
  ["ΟΔΌΣ", ["greek"]],
  ["привет мир", ["cyrillic"]],
  ["ПРИВЕТ", ["cyrillic"]],
  ["\u{10428}", ["deseret"]],
  ["\u{10400}\u{10429}", ["deseret"]],
  ["\uab70\uab71", ["cherokee"]],
  ["\u1c90\u1c91", ["georgian"]],
  ["\u01c6", ["titlecase"]],
  ["\u01c4", ["titlecase"]],
  ["5 k", ["kelvin"]],
  ["stra\u00dfe", ["capitalSharpS"]],
  ["👍", ["emoji"]],
  ["🏽 OK", ["emoji"]],
  ["t\nS", ["lines"]],
  ["E\u0301", ["composed", "decomposed"]],
  ["TH\u00c9", ["composed"]],
  ["*", ["star"]],
  ["[D]", ["star"]],
  ["a?b", []],
  ["?c", ["star"]],
  ["near", ["fts"]],
  ["one two", []],
  ["one*", []],
  ["$1", ["dollar"]],
  ["{X}", ["dollar"]],
  [":Name", ["dollar"]],
  ["\0", []],
  ["+919876543210", []],
  ["decomposed", []],
] as const) {
  test(`q=${JSON.stringify(q)} finds ${expected.join(", ") || "nothing"}`, async () => {
    const page = await listMessages(texts, `?q=${encodeURIComponent(q)}`);
    deepEqual([ids(page), page.total], [expected, expected.length]);
  });
}

test("a plus in the query string is a space, and %2B a plus", async () => {
  deepEqual(ids(await listMessages(texts, "?q=Hello+World")), ["plain"]);
  deepEqual(ids(await listMessages(texts, "?q=a%2Bb")), ["plus"]);
  deepEqual(ids(await listMessages(texts, "?q=a+b")), []);
});

test("q takes 256 code points, emoji or not, and no more", async () => {
  for (const [text, found] of [
    ["x".repeat(256), 0],
    ["😀".repeat(256), 0],
  ] as const) {
    equal((await listMessages(texts, `?q=${encodeURIComponent(text)}`)).total, found);
    const longer = await fetch(`${texts.url}/messages?q=${encodeURIComponent(`${text}x`)}`);
    ok(longer.status >= 400 && longer.status < 500, `${longer.status}`);
  }
});

test("a text of 4096 characters is searched to its end", async () => {
  await using service = await startWith([JSON.parse(body({ text: `${"😀".repeat(4095)}Ж` }))]);
  equal((await listMessages(service, `?q=${encodeURIComponent("😀ж")}`)).total, 1);
});

const NAMES = [
  "limit",
  "offset",
  "from",
  "to",
  "source",
  "since",
  "until",
  "q",
  "order",
  "count",
  "cursor",
];

test("an empty value is no filter", async () => {
  const page = await listMessages(four, `?${NAMES.map((name) => `${name}=`).join("&")}`);
  deepEqual([ids(page), page.total, page.limit, page.offset], [["m2", "m1", "m3", "m4"], 4, 50, 0]);
  deepEqual(ids(await listMessages(four, `?${NAMES.join("&")}`)), ["m2", "m1", "m3", "m4"]);
});

test("of a repeated parameter the last wins", async () => {
  equal((await listMessages(four, "?limit=1&limit=2")).limit, 2);
  equal((await listMessages(four, "?limit=abc&limit=2")).limit, 2);
  equal((await fetch(`${four.url}/messages?limit=2&limit=abc`)).status, 422);
  equal((await listMessages(four, "?offset=3&offset=1")).offset, 1);
  deepEqual(ids(await listMessages(four, "?from=%2B919876543210&from=%2B1")), ["m4"]);
  deepEqual(ids(await listMessages(four, "?since=2025-01-16&since=2025-01-15T12:00:00Z")), ["m4"]);
  deepEqual(ids(await listMessages(four, "?q=zzz&q=again")), ["m3"]);
  equal((await listMessages(four, "?q=zzz&q=")).total, 4);
  equal((await listMessages(four, "?limit=1&li%6Dit=2")).limit, 2);
});

test("unknown parameters are ignored, whatever they are called", async () => {
  for (const query of [
    "?foo=bar",
    "?__proto__=1",
    "?__proto__[limit]=1",
    "?constructor=1",
    "?toString=1",
    "?limit[]=1",
    "?LIMIT=1",
    "?=1",
    "?&&&",
    "?&=&=",
    "?%ff=%ff",
    "?%=1",
    "?a[b][c]=d",
  ]) {
    const page = await listMessages(four, query);
    deepEqual([ids(page), page.total, page.limit], [["m2", "m1", "m3", "m4"], 4, 50], query);
  }
});

test("broken percent encoding never crashes a parameter", async () => {
  for (const name of NAMES) {
    for (const value of [
      "%ff",
      "%",
      "%f",
      "%zz",
      "%c0%af",
      "%ed%a0%80",
      "%00",
      "%u0041",
      "a%ffb",
    ]) {
      const { status, type } = await seen(fetch(`${four.url}/messages?${name}=${value}`));
      ok([200, 400, 422].includes(status), `${name}=${value} ${status}`);
      equal(type, "application/json");
    }
  }
});

for (const [given, expected] of [
  ["2025-01-15T11:00:00Z", ["m2", "m1"]],
  ["2025-01-15T11:00:00.000000001Z", ["m2", "m1", "m3"]],
  ["2025-01-15T10:59:59.999999999Z", ["m2", "m1"]],
  ["2025-01-15T10:00:00.0%2B00:00", ["m2"]],
  ["2025-01-15T10:00:00+00:00", ["m2"]],
  ["2025-01-15T10:00", ["m2"]],
  ["2025-01-15 11:00:00", ["m2", "m1"]],
  ["2025-01-15T16:30%2B05:30", ["m2", "m1"]],
  ["2025-01-15", []],
  ["2025-01-16", ["m2", "m1", "m3", "m4"]],
  ["", ["m2", "m1", "m3", "m4"]],
] as const) {
  test(`until=${given} lists ${expected.join(", ") || "nothing"}`, async () => {
    const page = await listMessages(four, `?until=${given}`);
    deepEqual([ids(page), page.total], [expected, expected.length]);
  });
}

test("a timestamp without seconds comes back as it was sent, and stands at its moment", async () => {
  const spellings = [
    "2025-01-15T10:00Z",
    "2025-01-15T10:00:00Z",
    "2025-01-15T10:00:00.000Z",
    "2025-01-15T10:01Z",
  ];
  await using service = await startWith(
    spellings.map((ts, at) => JSON.parse(body({ message_id: `m${at}`, ts }))),
  );
  const listed = await listMessages(service);
  deepEqual(
    listed.data.map(({ ts }) => ts),
    spellings,
  );
  for (const since of [...spellings.slice(0, 3), "2025-01-15T10:00", "2025-01-15T11:00+01:00"])
    equal((await listMessages(service, `?since=${encodeURIComponent(since)}`)).total, 4, since);
  equal((await listMessages(service, "?since=2025-01-15T10:00:00.1Z")).total, 1);
  const stats = await getJson(`${service.url}/stats`);
  deepEqual(
    [stats.first_message_ts, stats.last_message_ts],
    ["2025-01-15T10:00Z", "2025-01-15T10:01Z"],
  );
  const timeline = await getJson(`${service.url}/stats/timeline?bucket=minute`);
  deepEqual(timeline.data, [
    { start: "2025-01-15T10:00:00Z", count: 3 },
    { start: "2025-01-15T10:01:00Z", count: 1 },
  ]);
});

test("a blank filter matches nothing, and an empty one is ignored", async () => {
  const exported = async (query: string) =>
    (await fetch(`${four.url}/messages/export?${query}`)).text();
  for (const name of ["from", "to", "source"]) {
    for (const blank of ["+", "%20", "+++", "%09", "%0A", "%C2%A0"]) {
      const query = `${name}=${blank}`;
      const page = await listMessages(four, `?${query}`);
      deepEqual([page.data, page.total, page.next_cursor], [[], 0, null], query);
      equal((await listMessages(four, `?${query}&q=hello`)).total, 0, query);
      equal(await exported(query), "", query);
    }
    equal((await listMessages(four, `?${name}=`)).total, 4);
  }
  for (const blank of ["+", "%20"]) {
    deepEqual((await getJson(`${four.url}/stats/timeline?from=${blank}`)).data, []);
    equal((await fetch(`${four.url}/messages/m1?source=${blank}`)).status, 404);
  }
  equal((await fetch(`${four.url}/messages/m1?source=`)).status, 200);
});

test("q finds both spellings of a letter with a mark, and of Korean and Vietnamese", async () => {
  const texts = [
    "café",
    "CAFE\u0301",
    "cafe",
    "한글",
    "\u1112\u1161\u11ab\u1100\u1173\u11af",
    "Việt",
    "Vie\u0323\u0302t",
  ];
  await using service = await startWith(
    texts.map((text, at) => JSON.parse(body({ message_id: `m${at}`, text }))),
  );
  for (const [q, expected] of [
    ["café", ["m0", "m1"]],
    ["Cafe\u0301", ["m0", "m1"]],
    ["é", ["m0", "m1"]],
    ["cafe", ["m2"]],
    ["한", ["m3", "m4"]],
    ["việt", ["m5", "m6"]],
  ] as const) {
    const page = await listMessages(service, `?q=${encodeURIComponent(q)}`);
    deepEqual([ids(page), page.total], [expected, expected.length], q);
  }
  // Texts come back as they were sent.
  const listed = await listMessages(service);
  deepEqual(
    listed.data.map(({ text }) => text),
    texts,
  );
});

test("a span that ends before it begins is empty", async () => {
  equal(
    (await listMessages(four, "?since=2025-01-15T11:00:00Z&until=2025-01-15T10:00:00Z")).total,
    0,
  );
  equal(
    (await listMessages(four, "?since=2025-01-15T11:00:00Z&until=2025-01-15T11:00:00Z")).total,
    0,
  );
});

test("two adjacent spans share no message and miss none", async () => {
  const before = await listMessages(four, "?until=2025-01-15T10:00:00Z");
  const after = await listMessages(four, "?since=2025-01-15T10:00:00Z");
  deepEqual([...ids(before), ...ids(after)], ["m2", "m1", "m3", "m4"]);
});

test("to is the exact receiver, pasted or escaped, and source the exact source", async () => {
  await using service = await startWith([
    ...FOUR,
    { message_id: "m5", from: "+1", to: "+2", ts: "2025-01-15T08:00:00Z", text: "to +2" },
  ]);
  for (const [query, expected] of [
    ["to=%2B2", ["m5"]],
    ["to=+2", ["m5"]],
    ["to=2", ["m5"]],
    ["to=%202%20", ["m5"]],
    ["to=%2B1415555010", []],
    ["to=14155550100", ["m2", "m1", "m3", "m4"]],
    ["to=14155550100&from=1", ["m4"]],
    ["to=2&from=919876543210", []],
    ["source=native", ["m5", "m2", "m1", "m3", "m4"]],
    ["source=%20native%20&to=2", ["m5"]],
    ["source=NATIVE", []],
    ["source=other", []],
    ["source=nati", []],
    ["source='", []],
  ] as const) {
    const page = await listMessages(service, `?${query}`);
    deepEqual([ids(page), page.total], [expected, expected.length], query);
  }
});

test("order=desc is the list from its end, with offset and filters too", async () => {
  deepEqual(ids(await listMessages(four, "?order=desc")), ["m4", "m3", "m1", "m2"]);
  deepEqual(ids(await listMessages(four, "?order=desc&limit=2&offset=1")), ["m3", "m1"]);
  deepEqual(ids(await listMessages(four, "?order=desc&from=919876543210&until=2025-01-16")), [
    "m1",
    "m2",
  ]);
  deepEqual(ids(await listMessages(four, "?order=asc")), ids(await listMessages(four)));
});

test("count=none leaves out the total and nothing else", async () => {
  for (const query of [
    "",
    "limit=2",
    "limit=2&offset=1&order=desc",
    "from=919876543210",
    "q=hello",
    "q=zzz",
  ]) {
    const exact = await listMessages(four, `?${query}&count=exact`);
    deepEqual(await listMessages(four, `?${query}&count=none`), { ...exact, total: null }, query);
    deepEqual(await listMessages(four, `?${query}`), exact, query);
  }
});

for (const [name, given, expected] of [
  ["order", "up", "'asc' or 'desc'"],
  ["order", "DESC", "'asc' or 'desc'"],
  ["order", "asc,desc", "'asc' or 'desc'"],
  ["order", "%00", "'asc' or 'desc'"],
  ["order", "%ff", "'asc' or 'desc'"],
  ["order", "__proto__", "'asc' or 'desc'"],
  ["count", "1", "'exact' or 'none'"],
  ["count", "null", "'exact' or 'none'"],
  ["count", "None", "'exact' or 'none'"],
] as const) {
  test(`${name}=${given} is refused and lists the allowed words`, async () => {
    const { status, type, text } = await seen(fetch(`${four.url}/messages?${name}=${given}`));
    deepEqual([status, type], [422, "application/json"]);
    const [issue, ...others] = issuesOf(text);
    deepEqual(
      [issue?.type, issue?.loc, issue?.msg],
      ["literal_error", ["query", name], `Input should be ${expected}`],
    );
    deepEqual([issue?.ctx, others], [{ expected }, []]);
  });
}

for (const given of ["tomorrow", "2025-02-30", "2025-01-15T24:00:00Z", "%ff", "%00", "'"]) {
  test(`until=${given} is refused`, async () => {
    const { status, text } = await seen(fetch(`${four.url}/messages?until=${given}`));
    equal(status, 422);
    deepEqual(
      issuesOf(text).map(({ type, loc }) => [type, loc]),
      [["datetime_from_date_parsing", ["query", "until"]]],
    );
  });
}

const HOSTILE = [
  '"',
  '""',
  '"""',
  "*",
  "a*",
  "^a",
  "NEAR(",
  "NEAR(a b, 1)",
  "AND",
  "OR NOT",
  "a AND b",
  "NOT",
  "col:x",
  "text : x",
  "{a b}:c",
  "-x",
  "+",
  "'",
  "''",
  "';--",
  "\\",
  "%",
  "_",
  "a".repeat(256),
  "😀".repeat(256),
  '"'.repeat(256),
  "\0",
  "a\0b",
  "abc\0def",
  "\ufffe\uffff",
  "\u202e\u0301\u200d",
  "\r\n",
  "[a-z]",
  "?1",
  ":q",
  "@q",
  "$q",
];

test("no search is hostile enough for a 5xx, alone or among filters, in either order, counted or not", async () => {
  for (const q of HOSTILE) {
    for (const others of [
      "",
      "&from=%2B1&to=%2B2",
      "&order=desc&count=none",
      "&since=2025-01-01&until=2026-01-01",
    ]) {
      const { status } = await seen(
        fetch(`${texts.url}/messages?q=${encodeURIComponent(q)}${others}`),
      );
      equal(status, 200, `${JSON.stringify(q)}${others}`);
    }
  }
  for (const raw of ["%00", "%ff", "%", "%22%22%22", "NEAR%28", "%5C"])
    ok((await fetch(`${texts.url}/messages?q=${raw}`)).status < 500, raw);
});

test("among many messages every hostile search finds exactly the messages that contain it", async () => {
  const stored = HOSTILE.filter((text) => !text.includes("\0"));
  const sayings = [...stored, ...stored.map((text) => `before ${text.slice(0, 200)} behind`)];
  const filler = Array.from({ length: 3_000 }, (_, at) => `filler number ${at}`);
  await using service = await startFilled(
    [...sayings, ...filler].map((text, at) => ({ message_id: `${at}`, text, from: `+${at % 2}` })),
  );
  for (const q of HOSTILE) {
    const expected = [...sayings, ...filler].filter((text) =>
      text.toUpperCase().includes(q.toUpperCase()),
    );
    for (const more of ["", "&order=desc", "&count=none"]) {
      const page = await listMessages(service, `?limit=100&q=${encodeURIComponent(q)}${more}`);
      const at = `${JSON.stringify(q.slice(0, 20))}${more}`;
      if (more !== "&count=none") equal(page.total, expected.length, at);
      if (expected.length <= 100)
        deepEqual(new Set(page.data.map(({ text }) => text)), new Set(expected), at);
    }
  }
});

test("filters are combined with AND", async () => {
  deepEqual(
    ids(await listMessages(four, "?from=%2B919876543210&since=2025-01-15T09:30:00Z&q=HELLO")),
    ["m1"],
  );
  deepEqual(ids(await listMessages(four, "?from=%2B919876543210&q=again")), []);
});

test("all problems of a query are listed, with the location of each", async () => {
  const { status, text } = await seen(fetch(`${four.url}/messages?limit=abc&since=xyz`));
  equal(status, 422);
  deepEqual(
    new Set(issuesOf(text).map(({ loc }) => loc.join("."))),
    new Set(["query.limit", "query.since"]),
  );
});

test("a refused query does not repeat more than 64 characters of it", async () => {
  const { text } = await seen(
    fetch(`${four.url}/messages?limit=${"x".repeat(3000)}&since=${"y".repeat(3000)}`),
  );
  for (const { input } of issuesOf(text))
    if (input !== undefined) ok([...String(input)].length <= 64);
});

test("HEAD answers like GET without a body", async () => {
  const response = await fetch(`${four.url}/messages?limit=2`, { method: "HEAD" });
  deepEqual(
    [response.status, response.headers.get("content-type"), await response.text()],
    [200, "application/json", ""],
  );
});

/** Sends a request target unchanged; fetch would normalize it. */
function statusOf(service: Service, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: "127.0.0.1", port: service.port, path, timeout: 5_000 },
      (response) => {
        response.resume().on("end", () => resolve(response.statusCode ?? 0));
      },
    );
    sent.on("timeout", () => sent.destroy(new Error(`no answer to ${path}`)));
    sent.on("error", reject).end();
  });
}

test("arbitrary query strings are never a 5xx", async () => {
  const visible = string({
    unit: constantFrom(..."abcxyz0123456789-_.~!$'()*,;:@/?[]{}|\\^`\"<>&=&=%+"),
    maxLength: 40,
  });
  const escapes = array(
    integer({ min: 0, max: 255 }).map((byte) => `%${byte.toString(16).padStart(2, "0")}`),
    { maxLength: 12 },
  ).map((all) => all.join(""));
  const name = constantFrom(...NAMES, "limit[]", "__proto__");
  const value = oneof(
    visible,
    escapes,
    string({ unit: anyCharacter, maxLength: 20 }).map(encodeURIComponent),
    integer().map(String),
    constantFrom(
      "1e999",
      "-1e999",
      "Infinity",
      "2025-01-15",
      "2025-01-15T10:00:00%2B00:00",
      "%2B1",
    ),
  );
  const pair = record({ name, value }).map((p) => `${p.name}=${p.value}`);
  const query = oneof(
    visible,
    array(oneof(pair, visible), { maxLength: 6 }).map((pairs) => pairs.join("&")),
  );
  await assert(
    asyncProperty(query, async (text) => {
      const status = await statusOf(four, `/messages?${text}`);
      ok([200, 400, 422].includes(status), `${status}`);
    }),
    { numRuns: propertyRuns(500) },
  );
});

/** The contract's own words as a program: filter, sort, cut. */
function reference(
  all: readonly ListedMessage[],
  query: Readonly<Record<"from" | "to" | "since" | "until" | "q", string | undefined>>,
) {
  const instant = (ts: string) => {
    const [, seconds = "", fraction = ""] = /^([^.]*?)(?:\.([0-9]+))?Z$/.exec(ts) ?? [];
    return BigInt(Date.parse(`${seconds}Z`)) * 1_000_000n + BigInt(fraction.padEnd(9, "0"));
  };
  const compare = (a: ListedMessage, b: ListedMessage) =>
    Number(instant(a.ts) - instant(b.ts)) ||
    Buffer.compare(Buffer.from(a.message_id), Buffer.from(b.message_id));
  return all
    .filter(({ from }) => query.from === undefined || from === query.from)
    .filter(({ to }) => query.to === undefined || to === query.to)
    .filter(({ ts }) => query.since === undefined || instant(ts) >= instant(query.since))
    .filter(({ ts }) => query.until === undefined || instant(ts) < instant(query.until))
    .filter(
      ({ text }) =>
        query.q === undefined ||
        text?.normalize().toLowerCase().includes(query.q.normalize().toLowerCase()),
    )
    .sort(compare);
}

test("every page, by offset and by cursor, is the reference's filtered and sorted list", async () => {
  const sender = constantFrom("+1", "+2", "+33");
  const receiver = constantFrom("+8", "+9");
  const ts = record({
    second: constantFrom("00", "01", "02"),
    fraction: constantFrom("", ".0", ".5", ".50", ".500000001", ".000000001"),
  }).map(({ second, fraction }) => `2025-01-15T10:00:${second}${fraction}Z`);
  const words = string({ unit: constantFrom(..."aAbB%_\\'\"üÜжЖ 😀"), maxLength: 6 });
  await using service = await startService();
  let at = 0;
  await assert(
    asyncProperty(
      record({
        from: sender,
        to: receiver,
        ts,
        text: option(words, { nil: null }),
        tail: constantFrom("", "\uff5e", "😀", "z", "Z"),
      }),
      async (m) => {
        at += 1;
        equal(
          (await post(service.url, body({ ...m, message_id: `${m.tail}${at % 7}-${at}` }))).status,
          200,
        );
      },
    ),
    { numRuns: propertyRuns(180) },
  );
  const all = await wholeList(service, "", 100);
  equal(all.length, at);
  const filters = record({
    from: option(sender, { nil: undefined }),
    to: option(receiver, { nil: undefined, freq: 1 }),
    since: option(ts, { nil: undefined }),
    until: option(ts, { nil: undefined, freq: 1 }),
    q: option(
      words.filter((w) => w !== ""),
      { nil: undefined },
    ),
  });
  const pages = record({
    filters,
    order: constantFrom("asc", "desc"),
    limit: integer({ min: 1, max: 100 }),
    offset: oneof(constant(0), integer({ min: 0, max: 200 })),
  });
  await assert(
    asyncProperty(pages, async ({ filters, order, limit, offset }) => {
      const given = Object.entries(filters).filter(([, value]) => value !== undefined) as [
        string,
        string,
      ][];
      const query = new URLSearchParams([...given, ["order", order]]);
      const expected = reference(all, filters);
      if (order === "desc") expected.reverse();
      const page = await listMessages(service, `?${query}&limit=${limit}&offset=${offset}`);
      deepEqual(page.data, expected.slice(offset, offset + limit));
      deepEqual([page.total, page.limit, page.offset], [expected.length, limit, offset]);
      if (expected.length / limit <= 8)
        deepEqual(await wholeList(service, `&${query}`, limit), expected);
    }),
    { numRuns: propertyRuns(200) },
  );
});

/** Follows the cursors from the first page to the last. */
async function wholeList(
  service: Service,
  query: string,
  limit: number,
): Promise<readonly ListedMessage[]> {
  const all: ListedMessage[] = [];
  let cursor: string | null | undefined = "";
  do {
    const page: MessagePage = await listMessages(
      service,
      `?limit=${limit}${query}&cursor=${encodeURIComponent(cursor)}`,
    );
    all.push(...page.data);
    ok(all.length <= page.total, "no page comes twice");
    cursor = page.next_cursor;
  } while (cursor);
  return all;
}

test("total and page are of one snapshot while webhooks arrive", async () => {
  await using service = await startService();
  const arriving = Array.from({ length: 80 }, (_, at) =>
    post(service.url, body({ message_id: `${at}` })),
  );
  let listed = 0;
  while (listed < 80) {
    const { data, total } = await listMessages(service, "?limit=100");
    equal(data.length, total);
    ok(total >= listed, "rows never go away");
    listed = total;
    // A race of no promises would never end.
    if (listed < 80 && arriving.length > 0) await Promise.race(arriving.splice(0, 5));
  }
});

test("an absolute request target is the same page", async () => {
  equal(await statusOf(four, `http://127.0.0.1:${four.port}/messages?limit=1`), 200);
  equal(await statusOf(four, `http://127.0.0.1:${four.port}/messages?limit=abc`), 422);
});
