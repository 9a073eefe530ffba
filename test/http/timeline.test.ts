import { deepEqual, equal, match, ok } from "node:assert/strict";
import { after, test } from "node:test";
import { issuesOf, json, listMessages, seen } from "../support/client.ts";
import { startFilled } from "../support/filled-service.ts";
import { body, post, startService } from "../support/service.ts";

const TIMES = [
  ["+1", "2025-01-15T10:00:00Z"],
  ["+1", "2025-01-15T10:00:59.999999999Z"],
  ["+2", "2025-01-15T10:01:00Z"],
  ["+2", "2025-01-15T10:59:59Z"],
  ["+1", "2025-01-15T11:00:00.000Z"],
  ["+1", "2025-01-16T00:00:00Z"],
  ["+2", "2024-12-31T23:59:59Z"],
  ["+2", "2024-02-29T12:30:00Z"],
] as const;

const service = await startService();
after(() => service[Symbol.asyncDispose]());
for (const [at, [from, ts]] of TIMES.entries())
  equal((await post(service.url, body({ message_id: `${at}`, from, ts }))).status, 200);

const timeline = (query: string) => seen(fetch(`${service.url}/stats/timeline${query}`));
const counts = (bucket: string, counted: readonly (readonly [string, number])[]) =>
  json(200, { bucket, data: counted.map(([start, count]) => ({ start, count })) });

const HOURS: readonly (readonly [string, number])[] = [
  ["2024-02-29T12:00:00Z", 1],
  ["2024-12-31T23:00:00Z", 1],
  ["2025-01-15T10:00:00Z", 4],
  ["2025-01-15T11:00:00Z", 1],
  ["2025-01-16T00:00:00Z", 1],
];

test("messages are counted by the hour, in order, without empty hours", async () => {
  deepEqual(await timeline(""), counts("hour", HOURS));
  for (const query of [
    "?bucket=hour",
    "?bucket=",
    "?bucket=%20hour%20",
    "?other=1",
    "?limit=x",
    "?since=&until=&from=",
  ])
    deepEqual(await timeline(query), counts("hour", HOURS), query);
});

test("by the minute and by the day, a start is a complete timestamp too", async () => {
  const minutes = [
    ["2024-02-29T12:30:00Z", 1],
    ["2024-12-31T23:59:00Z", 1],
    ["2025-01-15T10:00:00Z", 2],
    ["2025-01-15T10:01:00Z", 1],
    ["2025-01-15T10:59:00Z", 1],
    ["2025-01-15T11:00:00Z", 1],
    ["2025-01-16T00:00:00Z", 1],
  ] as const;
  deepEqual(await timeline("?bucket=minute"), counts("minute", minutes));
  const days = [
    ["2024-02-29T00:00:00Z", 1],
    ["2024-12-31T00:00:00Z", 1],
    ["2025-01-15T00:00:00Z", 5],
    ["2025-01-16T00:00:00Z", 1],
  ] as const;
  deepEqual(await timeline("?bucket=day"), counts("day", days));
});

test("a span is cut at its ends, not at whole buckets: since is inclusive, until exclusive", async () => {
  for (const [query, expected] of [
    ["since=2025-01-15T10:01:00Z", [["2025-01-15T10:00:00Z", 2], ...HOURS.slice(3)]],
    [
      "since=2025-01-15T10:00:59.999999999Z&until=2025-01-15T10:59:59Z",
      [["2025-01-15T10:00:00Z", 2]],
    ],
    ["until=2025-01-15T10:00:00%2B00:00", HOURS.slice(0, 2)],
    ["until=2025-01-15T15:30%2B05:30", HOURS.slice(0, 2)],
    ["since=2025-01-15&until=2025-01-16", HOURS.slice(2, 4)],
    ["since=2025-01-15 00:00&until=2025-01-16T00:00:00", HOURS.slice(2, 4)],
    ["since=2025-01-16T00:00:00.1Z", []],
    ["since=2025-01-16&until=2025-01-15", []],
  ] as const)
    deepEqual(await timeline(`?${query}`), counts("hour", expected), query);
});

test("from counts one sender, pasted or escaped", async () => {
  const expected = counts("day", [
    ["2025-01-15T00:00:00Z", 3],
    ["2025-01-16T00:00:00Z", 1],
  ]);
  for (const from of ["%2B1", "+1", "1", "%201%20"])
    deepEqual(await timeline(`?bucket=day&from=${from}`), expected, from);
  deepEqual(await timeline("?from=unknown"), counts("hour", []));
  deepEqual(await timeline("?from='%22*"), counts("hour", []));
});

test("the counts of any span add up to the total of the list", async () => {
  const moments = [
    "",
    "2024-02-29",
    "2025-01-15T10:00:30Z",
    "2025-01-15T10:59:59Z",
    "2025-01-16",
    "2030-01-01",
  ];
  for (const bucket of ["minute", "hour", "day"]) {
    for (const since of moments) {
      for (const until of moments) {
        for (const from of ["", "%2B1"]) {
          const span = `since=${since}&until=${until}&from=${from}`;
          const { data } = JSON.parse((await timeline(`?bucket=${bucket}&${span}`)).text);
          const sum = data.reduce((all: number, { count }: { count: number }) => all + count, 0);
          equal(sum, (await listMessages(service, `?${span}`)).total, `${bucket} ${span}`);
        }
      }
    }
  }
});

const KOLKATA_DAYS: readonly (readonly [string, number])[] = [
  ["2024-02-29T00:00:00+05:30", 1],
  ["2025-01-01T00:00:00+05:30", 1],
  ["2025-01-15T00:00:00+05:30", 5],
  ["2025-01-16T00:00:00+05:30", 1],
];

test("buckets begin in a zone, and a start has its offset", async () => {
  deepEqual(await timeline("?bucket=day&zone=Asia/Kolkata"), counts("day", KOLKATA_DAYS));
  deepEqual(
    await timeline("?zone=Asia/Kolkata"),
    counts("hour", [
      ["2024-02-29T18:00:00+05:30", 1],
      ["2025-01-01T05:00:00+05:30", 1],
      ["2025-01-15T15:00:00+05:30", 3],
      ["2025-01-15T16:00:00+05:30", 2],
      ["2025-01-16T05:00:00+05:30", 1],
    ]),
  );
  deepEqual(
    await timeline("?bucket=minute&zone=America/St_Johns&since=2025-01-15&until=2025-01-16"),
    counts("minute", [
      ["2025-01-15T06:30:00-03:30", 2],
      ["2025-01-15T06:31:00-03:30", 1],
      ["2025-01-15T07:29:00-03:30", 1],
      ["2025-01-15T07:30:00-03:30", 1],
    ]),
  );
  const utc = HOURS.map(([start, count]) => [start.replace("Z", "+00:00"), count] as const);
  deepEqual(await timeline("?zone=UTC"), counts("hour", utc));
});

test("filters work with a zone, and a start is taken back as since and until", async () => {
  deepEqual(
    await timeline("?bucket=day&zone=Asia/Kolkata&from=%2B2"),
    counts("day", [...KOLKATA_DAYS.slice(0, 2), ["2025-01-15T00:00:00+05:30", 2]]),
  );
  for (const [at, [start, count]] of KOLKATA_DAYS.entries()) {
    const until = KOLKATA_DAYS[at + 1]?.[0];
    const span = `since=${start}${until === undefined ? "" : `&until=${until}`}`;
    equal((await listMessages(service, `?${span}`)).total, count, span);
    deepEqual(
      await timeline(`?bucket=day&zone=Asia/Kolkata&${span}`),
      counts("day", [[start, count]]),
    );
  }
  // Cut in the middle of a bucket.
  deepEqual(
    await timeline("?zone=Asia/Kolkata&since=2025-01-15T10:00:59Z&until=2025-01-15T10:59:59Z"),
    counts("hour", [["2025-01-15T15:00:00+05:30", 2]]),
  );
});

test("the names of a zone, in any case, give the same answer; it has an ETag", async () => {
  const ask = (name: string, headers: Record<string, string> = {}) =>
    fetch(`${service.url}/stats/timeline?bucket=day&zone=${name}`, { headers });
  const expected = await seen(ask("Asia/Kolkata"));
  for (const name of ["Asia%2FKolkata", "asia/kolkata", "Asia/Calcutta", "%20Asia/Kolkata%20"])
    deepEqual(await seen(ask(name)), expected, name);
  const etag = (await ask("Asia/Kolkata")).headers.get("etag") ?? "";
  equal((await ask("Asia/Calcutta", { "if-none-match": etag })).status, 304);
  equal((await ask("Asia/Kathmandu", { "if-none-match": etag })).status, 200);
  deepEqual(await seen(ask("Etc/GMT+5")), await seen(ask("Etc/GMT%2B5")));
});

test("a zone that IANA does not know is 422, and without one nothing changes", async () => {
  for (const name of ["Asia/Nowhere", "%2B05:30", "IST", "Asia/Kolkata%00"]) {
    const { status, text } = await timeline(`?zone=${name}`);
    equal(status, 422, name);
    const input = decodeURIComponent(name);
    deepEqual(issuesOf(text), [
      {
        type: "zoneinfo_str",
        loc: ["query", "zone"],
        msg: "Input should be the name of an IANA time zone, such as Asia/Kolkata",
        input,
      },
    ]);
  }
  for (const query of ["?zone=", "?zone=%20"])
    deepEqual(await timeline(query), counts("hour", HOURS), query);
});

test("an empty database has an empty timeline", async () => {
  await using empty = await startService();
  deepEqual(
    await seen(fetch(`${empty.url}/stats/timeline?bucket=day`)),
    json(200, { bucket: "day", data: [] }),
  );
});

test("all problems are listed at once, with the location of each", async () => {
  const { status, text } = await timeline("?bucket=week&since=soon&until=2025-02-30");
  equal(status, 422);
  deepEqual(
    issuesOf(text).map(({ type, loc }) => [type, ...loc]),
    [
      ["literal_error", "query", "bucket"],
      ["datetime_from_date_parsing", "query", "since"],
      ["datetime_from_date_parsing", "query", "until"],
    ],
  );
  equal(issuesOf(text)[0]?.msg, "Input should be 'hour', 'minute' or 'day'");
});

test("no parameter is bad enough for a 5xx", async () => {
  for (const value of [
    "%ff",
    "%",
    "%00",
    "'",
    "HOUR",
    "16",
    "__proto__",
    "1e999",
    "x".repeat(5_000),
  ]) {
    for (const name of ["bucket", "from", "since", "until", "zone"]) {
      const { status, type } = await timeline(`?${name}=${value}`);
      ok([200, 422].includes(status), `${name}=${value.slice(0, 20)} ${status}`);
      equal(type, "application/json");
    }
  }
});

test("ten thousand buckets are returned, one more is too broad and the answer says how to narrow it", async () => {
  const start = Date.parse("2025-01-01T00:00:00Z");
  const rows = Array.from({ length: 10_001 }, (_, at) => ({
    message_id: `${at}`,
    ts: `${new Date(start + at * 60_000).toISOString().slice(0, 19)}Z`,
  }));
  await using many = await startFilled(rows);
  const ask = (query: string, headers: Record<string, string> = {}) =>
    seen(fetch(`${many.url}/stats/timeline?bucket=minute${query}`, { headers }));
  const whole = JSON.parse((await ask("&since=2025-01-01T00:01:00Z")).text);
  deepEqual([whole.data.length, whole.data[0].start], [10_000, "2025-01-01T00:01:00Z"]);
  const { status, text } = await ask("");
  equal(status, 422);
  const [issue, ...others] = issuesOf(text);
  deepEqual(
    [issue?.type, issue?.loc, Object.keys(issue ?? {}), others],
    ["too_broad", ["query"], ["type", "loc", "msg"], []],
  );
  match(issue?.msg ?? "", /10000.*since/);
  const problem = await ask("", { accept: "application/problem+json" });
  deepEqual([problem.status, problem.type], [422, "application/problem+json"]);
  deepEqual(JSON.parse(problem.text).errors, [issue]);
  equal(JSON.parse((await seen(fetch(`${many.url}/stats/timeline`))).text).data.length, 167);
  deepEqual(await ask("&zone=Asia/Kolkata"), { status, type: "application/json", text });
});

test("HEAD is GET without a body, and other methods are 405", async () => {
  const head = await fetch(`${service.url}/stats/timeline`, { method: "HEAD" });
  deepEqual(
    [head.status, head.headers.get("content-type"), await head.text()],
    [200, "application/json", ""],
  );
  const response = await fetch(`${service.url}/stats/timeline`, { method: "POST" });
  deepEqual([response.status, response.headers.get("allow")], [405, "GET, HEAD"]);
});
