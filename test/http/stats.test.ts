import { deepEqual, equal } from "node:assert/strict";
import { after, test } from "node:test";
import { array, assert, asyncProperty, constantFrom, integer, record } from "fast-check";
import { json, listMessages, seen } from "../support/client.ts";
import { propertyRuns } from "../support/property-runs.ts";
import { body, post, type Service, startService } from "../support/service.ts";

async function store(
  service: Service,
  ...messages: readonly Readonly<Record<string, unknown>>[]
): Promise<void> {
  for (const message of messages) equal((await post(service.url, body(message))).status, 200);
}

const stats = (service: Service) => seen(fetch(`${service.url}/stats`));

/** For tests that store nothing, or do not look at what is stored. The others have their own. */
const empty = await startService();
after(() => empty[Symbol.asyncDispose]());

test("the stats of an empty database are zeros, an empty list and nulls", async () => {
  const zeros = {
    total_messages: 0,
    senders_count: 0,
    messages_per_sender: [],
    first_message_ts: null,
    last_message_ts: null,
  };
  deepEqual(await stats(empty), json(200, zeros));
});

test("stats count messages and senders and have the first and the last timestamp as they were sent", async () => {
  await using service = await startService();
  await store(
    service,
    { message_id: "1", from: "+2", ts: "2025-01-15T10:00:00.50Z" },
    { message_id: "2", from: "+1", ts: "2025-01-15T10:00:00.500000001Z" },
    { message_id: "3", from: "+2", ts: "2025-01-15T10:00:00.4999Z" },
    { message_id: "3", from: "+3", ts: "2020-01-15T10:00:00Z" },
  );
  const expected = {
    total_messages: 3,
    senders_count: 2,
    messages_per_sender: [
      { from: "+2", count: 2 },
      { from: "+1", count: 1 },
    ],
    first_message_ts: "2025-01-15T10:00:00.4999Z",
    last_message_ts: "2025-01-15T10:00:00.500000001Z",
  };
  deepEqual(await stats(service), json(200, expected));
});

test("a whole second is earlier than its fractions in stats too", async () => {
  await using service = await startService();
  await store(
    service,
    { message_id: "a", ts: "2025-01-15T10:00:00.5Z" },
    { message_id: "b", ts: "2025-01-15T10:00:00Z" },
  );
  const { first_message_ts, last_message_ts } = JSON.parse((await stats(service)).text);
  deepEqual(
    [first_message_ts, last_message_ts],
    ["2025-01-15T10:00:00Z", "2025-01-15T10:00:00.5Z"],
  );
});

test("only the ten busiest senders are listed, the most messages first and then by number as text", async () => {
  await using service = await startService();
  const counts = {
    "+9": 3,
    "+10": 1,
    "+100": 2,
    "+11": 1,
    "+2": 1,
    "+20": 1,
    "+3": 1,
    "+0": 1,
    "+00": 1,
    "+4": 1,
    "+5": 1,
    "+99": 2,
    "+6": 1,
  };
  const senders = Object.entries(counts).flatMap(([from, count]) =>
    Array<string>(count).fill(from),
  );
  for (const [at, from] of senders.entries()) await store(service, { message_id: `${at}`, from });
  const { messages_per_sender, senders_count, total_messages } = JSON.parse(
    (await stats(service)).text,
  );
  deepEqual([senders_count, total_messages], [13, senders.length]);
  deepEqual(
    messages_per_sender.map(
      ({ from, count }: { from: string; count: number }) => `${from} ${count}`,
    ),
    ["+9 3", "+100 2", "+99 2", "+0 1", "+00 1", "+10 1", "+11 1", "+2 1", "+20 1", "+3 1"],
  );
});

test("refused webhooks do not change the stats", async () => {
  const before = await stats(empty);
  await post(empty.url, body(), { "x-signature": "123" });
  await post(empty.url, body({ text: 5 }));
  await post(empty.url, body(), { "content-encoding": "gzip" });
  deepEqual(await stats(empty), before);
});

test("HEAD /stats is GET without a body, and parameters are ignored", async () => {
  const head = await fetch(`${empty.url}/stats`, { method: "HEAD" });
  deepEqual(
    [head.status, head.headers.get("content-type"), await head.text()],
    [200, "application/json", ""],
  );
  equal((await seen(fetch(`${empty.url}/stats?limit=abc&cursor=x&%ff`))).status, 200);
});

test("stats agree with the messages after every sequence of webhooks", {
  timeout: 30_000,
}, async () => {
  await using service = await startService();
  const message = record({
    message_id: integer({ min: 0, max: 60 }).map(String),
    from: integer({ min: 0, max: 14 }).map((number) => `+${number}`),
    ts: constantFrom(
      "2025-01-15T10:00:00Z",
      "2025-01-15T10:00:00.5Z",
      "2025-01-15T09:59:59.9Z",
      "2025-01-15T10:00:00.25Z",
    ),
  });
  await assert(
    asyncProperty(array(message, { maxLength: 5 }), async (batch) => {
      await Promise.all(batch.map((fields) => store(service, fields)));
      const { data, total } = await listMessages(service, "?limit=100");
      const told = JSON.parse((await stats(service)).text);
      equal(told.total_messages, total);
      const counts = new Map<string, number>();
      for (const { from } of data) counts.set(from, (counts.get(from) ?? 0) + 1);
      equal(told.senders_count, counts.size);
      const sorted = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
      deepEqual(
        told.messages_per_sender,
        sorted.slice(0, 10).map(([from, count]) => ({ from, count })),
      );
      deepEqual(
        [told.first_message_ts, told.last_message_ts],
        [data[0]?.ts ?? null, data.at(-1)?.ts ?? null],
      );
    }),
    { numRuns: propertyRuns(100) },
  );
});
