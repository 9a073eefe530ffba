import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { LyftrClient, type StoredMessage } from "../../client/client.ts";
import { badServer } from "../support/bad-server.ts";
import { getJson, SECRET, type Service, startService } from "../support/service.ts";

/** 250 messages of two senders, an hour apart. */
async function filled(): Promise<Service & { readonly client: LyftrClient }> {
  const service = await startService();
  const client = new LyftrClient({ url: service.url, secret: SECRET });
  const messages = Array.from({ length: 250 }, (_, at) => ({
    message_id: `m${at}`,
    from: at % 5 ? "+919876543210" : "+4930123456",
    to: "+14155550100",
    ts: new Date(Date.UTC(2025, 0, 1, at)).toISOString(),
    text: at % 10 ? `Hello ${at}` : null,
  }));
  equal((await client.sendMany(messages)).sent, 250);
  return { ...service, client };
}

async function idsOf(messages: AsyncIterable<StoredMessage>): Promise<readonly string[]> {
  const ids: string[] = [];
  for await (const { message_id } of messages) ids.push(message_id);
  return ids;
}

test("messages() returns every message once, in order, over any number of pages", async () => {
  await using service = await filled();
  const ascending = Array.from({ length: 250 }, (_, at) => `m${at}`);
  deepEqual(await idsOf(service.client.messages()), ascending);
  deepEqual(await idsOf(service.client.messages({ order: "desc" })), ascending.toReversed());
});

test("messages() filters as the service does, with values that have to be escaped", async () => {
  await using service = await filled();
  equal((await idsOf(service.client.messages({ from: "+4930123456" }))).length, 50);
  equal((await idsOf(service.client.messages({ to: "+1" }))).length, 0);
  equal(
    (await idsOf(service.client.messages({ since: "2025-01-02", until: "2025-01-03" }))).length,
    24,
  );
  deepEqual(await idsOf(service.client.messages({ q: "hello 24" })), [
    "m24",
    "m241",
    "m242",
    "m243",
    "m244",
    "m245",
    "m246",
    "m247",
    "m248",
    "m249",
  ]);
  deepEqual(await idsOf(service.client.messages({ q: "%&=#" })), []);
  await rejects(idsOf(service.client.messages({ since: "yesterday" })), {
    kind: "invalid",
    status: 422,
  });
});

test("a page is requested only when it is needed, and none after a break", async () => {
  await using service = await filled();
  for await (const { message_id } of service.client.messages()) {
    equal(message_id, "m0");
    break;
  }
  equal(
    service.lines.filter(({ path, status }) => path === "/messages" && status === 200).length,
    1,
  );
});

test("message() returns one message with any id, or undefined", async () => {
  await using service = await startService();
  const client = new LyftrClient({ url: service.url, secret: SECRET });
  const fields = { from: "+1", to: "+2", ts: "2025-01-15T10:00:00Z" };
  for (const id of ["m1", "a/b?c#d", "%2F", "   ", "é👋", "...", "x\u0001"]) {
    await client.send({ ...fields, message_id: id, text: id });
    const found = await client.message(id);
    deepEqual([found?.message_id, found?.from, found?.text], [id, "+1", id]);
    equal((await client.message(id, { source: "native" }))?.message_id, id);
    equal(await client.message(id, { source: "other" }), undefined);
  }
  equal(await client.message("m2"), undefined);
  for (const id of ["", ".", "..", "export", "\ud800"])
    await rejects(client.message(id), { kind: "usage" });
});

test("stats() returns the service's statistics", async () => {
  await using service = await filled();
  const stats = await service.client.stats();
  deepEqual(stats, await getJson(`${service.url}/stats`));
  deepEqual([stats.total_messages, stats.senders_count], [250, 2]);
});

test("reading sends the API key, and never the secret", async () => {
  const requests: string[] = [];
  await using server = await badServer((socket) => {
    socket.end('HTTP/1.1 401 No\r\ncontent-length: 25\r\n\r\n{"detail":"unauthorized"}');
  });
  const client = new LyftrClient({
    url: server.url,
    apiKey: "key_123",
    secret: "hush",
    fetch: (url, init) => {
      requests.push(JSON.stringify([url, init]));
      return fetch(url, init);
    },
  });
  await rejects(client.stats(), {
    kind: "unauthorized",
    status: 401,
    attempts: 1,
    message: "401 unauthorized",
  });
  equal(requests.length, 1);
  ok(requests[0]?.includes('"authorization":"Bearer key_123"'));
  ok(!requests[0]?.includes("hush"));
});

test("answers of another service are a typed error, also for reads, and a cursor that leads to itself ends", async () => {
  const answers = [
    '{"hello":"world"}',
    "[]",
    "null",
    '{"data":[{}],"next_cursor":null}',
    '{"data":[]}',
    "<html>",
  ];
  for (const answer of answers) {
    await using server = await badServer((socket) => {
      socket.end(`HTTP/1.1 200 OK\r\ncontent-length: ${answer.length}\r\n\r\n${answer}`);
    });
    const client = new LyftrClient({ url: server.url });
    await rejects(client.stats(), { kind: "protocol" });
    await rejects(idsOf(client.messages()), { kind: "protocol" });
    await rejects(client.message("m1"), { kind: "protocol" });
  }
  const same = '{"data":[],"next_cursor":"again"}';
  await using server = await badServer((socket) => {
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${same.length}\r\n\r\n${same}`);
  });
  await rejects(idsOf(new LyftrClient({ url: server.url }).messages()), { kind: "protocol" });
  equal(server.requests(), 2);
});

test("a 404 that is not the service's own does not count as a missing message", async () => {
  await using server = await badServer((socket) => {
    socket.end("HTTP/1.1 404 Not Found\r\ncontent-length: 9\r\n\r\nNot Found");
  });
  await rejects(new LyftrClient({ url: server.url }).message("m1"), {
    kind: "protocol",
    status: 404,
  });
});
