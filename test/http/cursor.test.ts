import { deepEqual, equal, ok } from "node:assert/strict";
import { after, test } from "node:test";
import { assert, asyncProperty, string } from "fast-check";
import { anyCharacter } from "../support/any-character.ts";
import { json, listMessages, type MessagePage, seen } from "../support/client.ts";
import { propertyCases, propertyRuns } from "../support/property-runs.ts";
import { body, post, startService } from "../support/service.ts";

interface Page extends MessagePage {
  readonly prev_cursor: string | null;
}

const INVALID = json(400, { detail: "invalid cursor" });
const FILTERS = "from=%2B919876543210&since=2025-01-01&q=hel";

const service = await startService();
after(() => service[Symbol.asyncDispose]());
for (let at = 0; at < 9; at += 1) {
  const ts = `2025-01-15T10:00:00${at % 3 ? `.${at % 3}` : ""}Z`;
  equal(
    (await post(service.url, body({ message_id: `${at % 2 ? "😀" : "\uff5e"}${at}`, ts }))).status,
    200,
  );
}

async function firstCursor(query: string): Promise<string> {
  const { next_cursor } = await listMessages(service, `?limit=2&${query}`);
  ok(typeof next_cursor === "string");
  return next_cursor;
}

const withCursor = (cursor: string, query = "limit=2") =>
  seen(fetch(`${service.url}/messages?${query}&cursor=${encodeURIComponent(cursor)}`));

test("following the cursors lists everything once, in order, with the same total on every page", async () => {
  for (const filters of ["", `&${FILTERS}`]) {
    const whole = await listMessages(service, `?limit=100${filters}`);
    equal(whole.data.length, 9);
    for (const limit of [1, 2, 3, 4, 5, 8, 9, 10]) {
      const listed = [];
      let cursor: string | null | undefined = "";
      do {
        const page: typeof whole = await listMessages(
          service,
          `?limit=${limit}${filters}&cursor=${encodeURIComponent(cursor)}`,
        );
        equal(page.total, 9);
        equal(page.limit, limit);
        ok(page.data.length > 0 || listed.length === 9);
        listed.push(...page.data);
        cursor = page.next_cursor;
      } while (cursor && listed.length <= 9);
      deepEqual(listed, whole.data, `limit ${limit}`);
    }
  }
});

const EVERY_FILTER = `${FILTERS}&to=14155550100&source=native&until=2026-01-01`;

test("walking to the end and back with prev_cursor gives the same pages, in both orders", async () => {
  for (const filters of ["", `&${FILTERS}`, `&${EVERY_FILTER}`, "&count=none"]) {
    for (const order of ["asc", "desc"]) {
      for (const limit of [1, 2, 3, 4, 8, 9, 10]) {
        const at = `${filters} ${order} ${limit}`;
        const read = async (cursor: string | null) =>
          (await listMessages(
            service,
            `?limit=${limit}&order=${order}${filters}&cursor=${encodeURIComponent(cursor ?? "")}`,
          )) as Page;
        const forwards = [await read(null)];
        for (let next = forwards[0]?.next_cursor; next; next = forwards.at(-1)?.next_cursor) {
          forwards.push(await read(next));
          ok(forwards.length <= 9, at);
        }
        equal(forwards.flatMap(({ data }) => data).length, 9, at);
        equal(forwards[0]?.prev_cursor, null, at);
        const backwards = [forwards.at(-1) as Page];
        for (
          let previous = backwards[0]?.prev_cursor;
          previous;
          previous = backwards[0]?.prev_cursor
        ) {
          backwards.unshift(await read(previous));
          ok(backwards.length <= 9, at);
        }
        deepEqual(
          backwards.map(({ data }) => data),
          forwards.map(({ data }) => data),
          at,
        );
        // And forwards again from a page that was reached backwards.
        const again = backwards[0]?.next_cursor;
        if (again) deepEqual((await read(again)).data, forwards[1]?.data, at);
      }
    }
  }
});

test("from a page by offset, both cursors lead to its neighbours", async () => {
  const whole = await listMessages(service, "?limit=100");
  const page = (await listMessages(service, "?limit=3&offset=4")) as Page;
  const follow = async (cursor: string | null | undefined) =>
    (await listMessages(service, `?limit=3&cursor=${encodeURIComponent(cursor ?? "")}`)).data;
  deepEqual(await follow(page.next_cursor), whole.data.slice(7, 9));
  deepEqual(await follow(page.prev_cursor), whole.data.slice(1, 4));
});

test("a page by cursor has offset 0, whatever offset was given", async () => {
  const page = await listMessages(service, `?limit=2&offset=5&cursor=${await firstCursor("")}`);
  const whole = await listMessages(service, "?limit=100");
  deepEqual([page.offset, page.data], [0, whole.data.slice(2, 4)]);
});

test("a cursor keeps its position while messages arrive on both sides of it", async () => {
  await using own = await startService();
  const add = async (id: string, second: number) =>
    equal(
      (await post(own.url, body({ message_id: id, ts: `2025-01-15T10:00:0${second}Z` }))).status,
      200,
    );
  for (const second of [2, 4, 6]) await add(`at ${second}`, second);
  const page = (await listMessages(own, "?limit=1&offset=1")) as Page;
  for (const second of [1, 3, 5, 7]) await add(`at ${second}`, second);
  const ids = async (cursor: string | null | undefined) =>
    (await listMessages(own, `?cursor=${cursor}`)).data.map(({ message_id }) => message_id);
  deepEqual(await ids(page.next_cursor), ["at 5", "at 6", "at 7"]);
  deepEqual(await ids(page.prev_cursor), ["at 1", "at 2", "at 3"]);
});

test("a cursor of another order is refused, forwards and backwards", async () => {
  for (const [order, other] of [
    ["asc", "desc"],
    ["desc", "asc"],
  ]) {
    const page = (await listMessages(service, `?limit=2&offset=2&order=${order}`)) as Page;
    for (const cursor of [page.next_cursor, page.prev_cursor]) {
      ok(typeof cursor === "string");
      deepEqual(await withCursor(cursor, `limit=2&order=${other}`), INVALID);
      equal((await withCursor(cursor, `limit=2&order=${order}`)).status, 200);
    }
  }
});

test("a cursor works with any count", async () => {
  const cursor = await firstCursor("");
  for (const count of ["", "exact", "none"])
    equal((await withCursor(cursor, `limit=2&count=${count}`)).status, 200, count);
});

test("the limit may change from page to page", async () => {
  const whole = await listMessages(service, "?limit=100");
  const page = await listMessages(
    service,
    `?limit=5&cursor=${encodeURIComponent(await firstCursor(""))}`,
  );
  deepEqual(page.data, whole.data.slice(2, 7));
});

test("a cursor needs no escaping in a URL", async () => {
  for (const query of ["", FILTERS]) ok(/^[A-Za-z0-9._~-]+$/.test(await firstCursor(query)));
});

test("a cursor altered in any one character is refused", async () => {
  for (const [query, cursor] of [
    ["", await firstCursor("")],
    [FILTERS, await firstCursor(FILTERS)],
    ["", ((await listMessages(service, "?limit=2&offset=4")) as Page).prev_cursor ?? ""],
  ] as const) {
    // The last two characters also have bits that no byte uses.
    const places = [...cursor].map((_, at) => at);
    for (const at of [...propertyCases(places.slice(0, -2)), ...places.slice(-2)]) {
      const old = cursor.charAt(at);
      const last =
        at >= cursor.length - 2
          ? "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
          : "";
      const swapped = old === old.toUpperCase() ? old.toLowerCase() : old.toUpperCase();
      for (const other of new Set([
        ...last,
        swapped,
        "A",
        "b",
        "0",
        "-",
        "_",
        "+",
        "/",
        "=",
        " ",
        "é",
        "\0",
      ])) {
        if (other === old) continue;
        const altered = cursor.slice(0, at) + other + cursor.slice(at + 1);
        deepEqual(
          await withCursor(altered, `limit=2&${query}`),
          INVALID,
          `character ${at}: ${old} → ${other}`,
        );
      }
    }
  }
});

test("a shortened or extended cursor is refused", async () => {
  const cursor = await firstCursor("");
  for (let length = 1; length < cursor.length; length += 1)
    deepEqual(await withCursor(cursor.slice(0, length)), INVALID, `${length}`);
  for (const tail of ["A", "=", "==", ".", " ", "\n", "\0", "é", cursor]) {
    deepEqual(await withCursor(cursor + tail), INVALID, `behind: ${JSON.stringify(tail)}`);
    deepEqual(await withCursor(tail + cursor), INVALID, `before: ${JSON.stringify(tail)}`);
  }
});

test("a cursor used with other filters is refused", async () => {
  const ADDED = [
    "to=%2B14155550100",
    "source=native",
    "until=2026-01-01",
    "order=desc",
    "until=2025-01-16",
  ];
  const plain = await firstCursor("");
  const filtered = await firstCursor(FILTERS);
  for (const query of [
    "from=%2B919876543210",
    "from=%2B1",
    "since=2025-01-01",
    "q=hel",
    FILTERS,
    ...ADDED,
  ]) {
    deepEqual(await withCursor(plain, `limit=2&${query}`), INVALID, query);
  }
  for (const query of [
    "",
    "from=%2B919876543210",
    "from=%2B919876543210&since=2025-01-01",
    "from=%2B919876543210&q=hel",
    "since=2025-01-01&q=hel",
    "from=%2B91987654321&since=2025-01-01&q=hel",
    "from=%2B919876543210&since=2025-01-02&q=hel",
    "from=%2B919876543210&since=2025-01-01&q=hell",
    "from=%2B919876543210&since=2025-01-01&q=",
    ...ADDED.map((added) => `${FILTERS}&${added}`),
  ]) {
    deepEqual(await withCursor(filtered, `limit=2&${query}`), INVALID, query);
  }
  equal((await withCursor(filtered, `limit=2&${FILTERS}`)).status, 200);
});

test("a text that is not a cursor is refused", async () => {
  const forged = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  for (const cursor of [
    "x",
    "null",
    "0",
    "-1",
    "e30",
    "W10",
    forged({}),
    forged([]),
    forged(["2025-01-15T10:00:00Z", "m1"]),
    forged(null),
    "A".repeat(5_000),
    "%",
    "\u0000",
    "😀",
    "' OR 1=1",
  ]) {
    deepEqual(await withCursor(cursor), INVALID, cursor.slice(0, 40));
  }
  equal((await fetch(`${service.url}/messages?cursor=%ff`)).status, 400);
});

test("arbitrary cursors are refused and never a 5xx", async () => {
  await assert(
    asyncProperty(string({ unit: anyCharacter, minLength: 1, maxLength: 60 }), async (cursor) => {
      // Only white space may count as an empty value, which is no filter.
      if (cursor.trim() !== "") deepEqual(await withCursor(cursor), INVALID);
    }),
    { numRuns: propertyRuns(200) },
  );
});
