import { deepEqual, equal, notEqual } from "node:assert/strict";
import { after, test } from "node:test";
import { startFilled } from "../support/filled-service.ts";
import { body, post } from "../support/service.ts";

// The dashboard asks for the first page of its list every two seconds, with the `ETag` of the last
// answer.

const MESSAGES = 300;
const FIRST_MS = Date.parse("2025-01-15T00:00:00Z");
const service = await startFilled(
  Array.from({ length: MESSAGES }, (_, at) => ({
    message_id: `m${at}`,
    from: `+${1 + (at % 3)}`,
    to: `+${8 + (at % 2)}`,
    ts: new Date(FIRST_MS + at * 60_000).toISOString(),
    text: at % 5 === 0 ? `Order ${at}` : "Hello",
  })),
);
after(() => service[Symbol.asyncDispose]());

/** Each list, and the fields of a message that is in it. */
const LISTS: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
  ["", {}],
  ["from=%2B2", { from: "+2" }],
  ["to=%2B9", { to: "+9" }],
  ["q=order", { text: "An order" }],
  ["q=or", { text: "An order" }],
  ["q=order&to=%2B9", { text: "An order", to: "+9" }],
  ["from=%2B2&to=%2B9", { from: "+2", to: "+9" }],
  ["since=2025-01-15T04:00:00Z", {}],
  ["since=2025-01-15T01:00:00Z&until=2025-01-15T23:00:00Z", {}],
  ["source=native&q=order&since=2025-01-15", { text: "An order" }],
];

async function poll(list: string, etag?: string) {
  const headers = etag === undefined ? {} : { "if-none-match": etag };
  const url = `${service.url}/messages?${list}&order=desc&limit=50&count=none`;
  const response = await fetch(url, { headers });
  const text = await response.text();
  return {
    status: response.status,
    etag: response.headers.get("etag") ?? "",
    page: text === "" ? undefined : JSON.parse(text),
  };
}

test("a polled list is 304 until a message of it comes in, which is then the first row", async () => {
  let minute = MESSAGES;
  let id = 0;
  const send = async (fields: Readonly<Record<string, string>>) => {
    const ts = new Date(FIRST_MS + ++minute * 60_000).toISOString();
    const message_id = `new-${++id}`;
    const message = { message_id, from: "+7", to: "+7", text: "Hello", ts, ...fields };
    equal((await post(service.url, body(message))).status, 200);
    return message_id;
  };
  for (const [list, fields] of LISTS) {
    const first = await poll(list);
    equal(first.status, 200, list);
    equal(first.page.total, null);
    for (let ring = 0; ring < 3; ring++)
      deepEqual(await poll(list, first.etag), { ...first, status: 304, page: undefined }, list);
    if (Object.keys(fields).length > 0) {
      await send({});
      equal((await poll(list, first.etag)).status, 304, `${list}: a message of another list`);
    }
    const newest = await send(fields);
    const changed = await poll(list, first.etag);
    equal(changed.status, 200, list);
    notEqual(changed.etag, first.etag);
    const ids = changed.page.data.map((message: { message_id: string }) => message.message_id);
    const before = first.page.data.map((message: { message_id: string }) => message.message_id);
    deepEqual(ids, [newest, ...before].slice(0, 50), list);
    equal((await poll(list, changed.etag)).status, 304, list);
  }
});

test("a late message is in its place, and one below the page leaves it unchanged", async () => {
  const { etag, page } = await poll("");
  const [first, second] = page.data as readonly { ts: string; message_id: string }[];
  const old = { message_id: "below", ts: "2025-01-14T00:00:00Z" };
  equal((await post(service.url, body(old))).status, 200);
  equal((await poll("", etag)).status, 304);
  const late = { message_id: "zzz-late", ts: String(second?.ts) };
  equal((await post(service.url, body(late))).status, 200);
  const changed = await poll("", etag);
  deepEqual(
    changed.page.data.slice(0, 3).map((message: { message_id: string }) => message.message_id),
    [first?.message_id, "zzz-late", second?.message_id],
  );
});
