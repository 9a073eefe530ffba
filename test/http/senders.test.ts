import { deepEqual, equal, ok } from "node:assert/strict";
import { after, test } from "node:test";
import { assert, asyncProperty, string } from "fast-check";
import { anyCharacter } from "../support/any-character.ts";
import { issuesOf, json, listMessages, seen } from "../support/client.ts";
import { startFilled } from "../support/filled-service.ts";
import { propertyRuns } from "../support/property-runs.ts";
import { body, getJson, post, startService } from "../support/service.ts";

interface ListedSender {
  readonly from: string;
  readonly count: number;
  readonly first_seen: string;
  readonly last_seen: string;
}

interface SenderPage {
  readonly data: readonly ListedSender[];
  readonly total: number;
  readonly limit: number;
  readonly offset: number;
  readonly next_cursor: string | null;
}

const INVALID = json(400, { detail: "invalid cursor" });
/** In the order of their bytes. */
const NUMBERS = ["+0", "+00", "+1", "+10", "+100", "+11", "+2", "+20", "+9"];

const service = await startService();
after(() => service[Symbol.asyncDispose]());
for (const [at, from] of [...NUMBERS, "+10", "+10", "+2"].reverse().entries()) {
  const ts = `2025-01-15T10:00:${String((at * 7) % 60).padStart(2, "0")}.50Z`;
  equal((await post(service.url, body({ message_id: `${at}`, from, ts }))).status, 200);
}

const ask = (query = "", url = service.url) => seen(fetch(`${url}/senders${query}`));

async function senders(query = "", url = service.url): Promise<SenderPage> {
  const { status, text } = await ask(query, url);
  equal(status, 200, `${query} ${text}`);
  return JSON.parse(text);
}

const numbers = ({ data }: SenderPage) => data.map(({ from }) => from);

test("a page is compact JSON with exactly these keys, in the order of the numbers' bytes", async () => {
  const { status, type, text } = await ask("?limit=1&offset=3");
  deepEqual([status, type], [200, "application/json"]);
  const { next_cursor } = JSON.parse(text);
  const sender = {
    from: "+10",
    count: 3,
    first_seen: "2025-01-15T10:00:07.50Z",
    last_seen: "2025-01-15T10:00:56.50Z",
  };
  equal(text, JSON.stringify({ data: [sender], total: 9, limit: 1, offset: 3, next_cursor }));
  ok(/^[A-Za-z0-9_-]+$/.test(next_cursor));
  const whole = await senders();
  deepEqual(
    [numbers(whole), whole.total, whole.limit, whole.offset, whole.next_cursor],
    [NUMBERS, 9, 50, 0, null],
  );
});

test("an empty database has no senders", async () => {
  await using empty = await startService();
  deepEqual(
    await ask("", empty.url),
    json(200, { data: [], total: 0, limit: 50, offset: 0, next_cursor: null }),
  );
});

test("the figures of a sender agree with the list of its messages and with the stats", async () => {
  const { data } = await senders();
  for (const { from, count, first_seen, last_seen } of data) {
    const own = await listMessages(service, `?from=${encodeURIComponent(from)}&limit=100`);
    deepEqual(
      [count, first_seen, last_seen],
      [own.total, own.data[0]?.ts, own.data.at(-1)?.ts],
      from,
    );
  }
  const stats = await getJson(`${service.url}/stats`);
  deepEqual(
    [stats.senders_count, stats.total_messages],
    [data.length, data.reduce((sum, { count }) => sum + count, 0)],
  );
});

test("following the cursors lists every sender once, whatever the limit, from any offset", async () => {
  for (const limit of [1, 2, 3, 8, 9, 10]) {
    for (const offset of [0, 4]) {
      const listed: string[] = [];
      let page = await senders(`?limit=${limit}&offset=${offset}`);
      for (;;) {
        listed.push(...numbers(page));
        deepEqual([page.total, page.limit], [9, limit]);
        if (page.next_cursor === null) break;
        ok(listed.length < 9);
        page = await senders(`?limit=${limit}&cursor=${page.next_cursor}`);
        equal(page.offset, 0);
      }
      deepEqual(listed, NUMBERS.slice(offset), `limit ${limit}, offset ${offset}`);
    }
  }
});

test("a prefix lists and counts the senders whose number begins with it, page by page", async () => {
  const cases: readonly [string, readonly string[]][] = [
    ["%2B1", ["+1", "+10", "+100", "+11"]],
    ["%2B10", ["+10", "+100"]],
    ["+10", ["+10", "+100"]],
    ["10", ["+10", "+100"]],
    ["%2B", NUMBERS],
    ["", NUMBERS],
    ["%2B19", []],
    ["%2B%00", []],
    ["%2B1%25", []],
    ["%F0%9F%98%80", []],
  ];
  for (const [prefix, expected] of cases) {
    const whole = await senders(`?prefix=${prefix}`);
    deepEqual(
      [numbers(whole), whole.total, whole.next_cursor],
      [expected, expected.length, null],
      prefix,
    );
    const listed: string[] = [];
    for (let next = `/senders?limit=1&prefix=${prefix}`; next !== ""; ) {
      const response = await fetch(service.url + next);
      const page = (await response.json()) as SenderPage;
      listed.push(...numbers(page));
      equal(page.total, expected.length);
      next = /<(.*)>/.exec(response.headers.get("link") ?? "")?.[1] ?? "";
    }
    deepEqual(listed, expected, prefix);
  }
});

test("limits and offsets out of range are clamped", async () => {
  await using many = await startFilled(
    Array.from({ length: 120 }, (_, at) => ({ message_id: `${at}`, from: `+${1000 + at}` })),
  );
  for (const [query, limit, offset, length] of [
    ["", 50, 0, 50],
    ["?limit=0", 1, 0, 1],
    ["?limit=-5", 1, 0, 1],
    ["?limit=200", 100, 0, 100],
    ["?limit=1e20&offset=100", 100, 100, 20],
    ["?offset=-1", 50, 0, 50],
    ["?offset=1e300", 50, Number.MAX_SAFE_INTEGER, 0],
    ["?limit=&offset=&cursor=", 50, 0, 50],
    ["?limit=1&limit=2", 2, 0, 2],
  ] as const) {
    const page = await senders(query, many.url);
    deepEqual(
      [page.limit, page.offset, page.data.length, page.total],
      [limit, offset, length, 120],
      query,
    );
  }
});

test("values that are not numbers are listed as problems", async () => {
  const { status, text } = await ask("?limit=ten&offset=%00");
  equal(status, 422);
  deepEqual(
    issuesOf(text).map(({ type, loc }) => [type, ...loc]),
    [
      ["int_parsing", "query", "limit"],
      ["int_parsing", "query", "offset"],
    ],
  );
});

test("an altered, shortened or extended cursor, or one of another list, is refused", async () => {
  const cursor = (await senders("?limit=2")).next_cursor ?? "";
  for (let at = 0; at < cursor.length; at += 1) {
    for (const other of ["", "A", "b", "0", "-", "=", "é", "\0", "AA"]) {
      const altered = cursor.slice(0, at) + other + cursor.slice(at + 1);
      if (altered !== cursor)
        deepEqual(await ask(`?cursor=${encodeURIComponent(altered)}`), INVALID, altered);
    }
  }
  const ofMessages = (await listMessages(service, "?limit=2")).next_cursor;
  for (const other of [ofMessages, `${cursor}=`, `${cursor}A`, "x", "null", "%ff", "' OR 1=1"])
    deepEqual(await ask(`?cursor=${other}`), INVALID, `${other}`);
  deepEqual(await seen(fetch(`${service.url}/messages?cursor=${cursor}`)), INVALID);
  equal((await ask(`?cursor=${cursor}`)).status, 200);
});

test("arbitrary cursors are refused and never a 5xx", async () => {
  await assert(
    asyncProperty(string({ unit: anyCharacter, minLength: 1, maxLength: 60 }), async (cursor) => {
      if (cursor.trim() !== "")
        deepEqual(await ask(`?cursor=${encodeURIComponent(cursor)}`), INVALID);
    }),
    { numRuns: propertyRuns(100) },
  );
});

test("HEAD is GET without a body, and other methods are 405", async () => {
  const head = await fetch(`${service.url}/senders`, { method: "HEAD" });
  deepEqual(
    [head.status, head.headers.get("content-type"), await head.text()],
    [200, "application/json", ""],
  );
  const response = await fetch(`${service.url}/senders`, { method: "DELETE" });
  deepEqual([response.status, response.headers.get("allow")], [405, "GET, HEAD"]);
});
