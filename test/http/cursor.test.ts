import { deepEqual, equal, ok } from "node:assert/strict";
import { after, test } from "node:test";
import { assert, asyncProperty, string } from "fast-check";
import { json, listMessages, seen } from "../support/client.ts";
import { body, post, startService } from "../support/service.ts";

const INVALID = json(400, { detail: "invalid cursor" });
const FILTERS = "from=%2B919876543210&since=2025-01-01&q=hel";

const service = await startService();
after(() => service[Symbol.asyncDispose]());
for (let at = 0; at < 9; at += 1) {
  const ts = `2025-01-15T10:00:00${at % 3 ? `.${at % 3}` : ""}Z`;
  equal((await post(service.url, body({ message_id: `${at % 2 ? "😀" : "\uff5e"}${at}`, ts }))).status, 200);
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

test("the limit may change from page to page", async () => {
  const whole = await listMessages(service, "?limit=100");
  const page = await listMessages(service, `?limit=5&cursor=${encodeURIComponent(await firstCursor(""))}`);
  deepEqual(page.data, whole.data.slice(2, 7));
});

test("a cursor needs no escaping in a URL", async () => {
  for (const query of ["", FILTERS]) ok(/^[A-Za-z0-9._~-]+$/.test(await firstCursor(query)));
});

test("a cursor altered in any one character is refused", async () => {
  for (const query of ["", FILTERS]) {
    const cursor = await firstCursor(query);
    for (let at = 0; at < cursor.length; at += 1) {
      const old = cursor.charAt(at);
      const last = at >= cursor.length - 2 ? "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" : "";
      const swapped = old === old.toUpperCase() ? old.toLowerCase() : old.toUpperCase();
      for (const other of new Set([...last, swapped, "A", "b", "0", "-", "_", "+", "/", "=", " ", "é", "\0"])) {
        if (other === old) continue;
        const altered = cursor.slice(0, at) + other + cursor.slice(at + 1);
        deepEqual(await withCursor(altered, `limit=2&${query}`), INVALID, `character ${at}: ${old} → ${other}`);
      }
    }
  }
});

test("a cursor that is cut or added to is refused", async () => {
  const cursor = await firstCursor("");
  for (let length = 1; length < cursor.length; length += 1)
    deepEqual(await withCursor(cursor.slice(0, length)), INVALID, `${length}`);
  for (const tail of ["A", "=", "==", ".", " ", "\n", "\0", "é", cursor]) {
    deepEqual(await withCursor(cursor + tail), INVALID, `behind: ${JSON.stringify(tail)}`);
    deepEqual(await withCursor(tail + cursor), INVALID, `before: ${JSON.stringify(tail)}`);
  }
});

test("a cursor used with other filters is refused", async () => {
  const plain = await firstCursor("");
  const filtered = await firstCursor(FILTERS);
  for (const query of ["from=%2B919876543210", "from=%2B1", "since=2025-01-01", "q=hel", FILTERS]) {
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
  ]) {
    deepEqual(await withCursor(filtered, `limit=2&${query}`), INVALID, query);
  }
  equal((await withCursor(filtered, `limit=2&${FILTERS}`)).status, 200);
});

test("what never was a cursor is refused", async () => {
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
    asyncProperty(string({ unit: "binary", minLength: 1, maxLength: 60 }), async (cursor) => {
      // Nothing but white space may count as an empty value, which is no filter.
      if (cursor.trim() !== "") deepEqual(await withCursor(cursor), INVALID);
    }),
    { numRuns: 200 },
  );
});
