import { deepEqual, equal, match } from "node:assert/strict";
import { scrape } from "./client.ts";
import { type LyftrProcess, logLines } from "./process.ts";
import { body, getJson, post } from "./service.ts";

/**
 * The acceptance walk of the contract, through a service with an empty database, to its end by
 * SIGTERM.
 */
export async function walkThrough(lyftr: LyftrProcess & { readonly url: string }): Promise<void> {
  const { url } = lyftr;
  const read = (path: string) => getJson(url + path);
  deepEqual(await read("/health/live"), { status: "alive" });
  deepEqual(await read("/health/ready"), { status: "ready" });

  const known = body();
  const bad = await post(url, known, { "x-signature": "123" });
  deepEqual([bad.status, await bad.text()], [401, '{"detail":"invalid signature"}']);
  const signature = "ff1016e524bc9299d18988ecf27a880af9428140e3850af0c73ea1eef091a4cb";
  for (const attempt of ["first", "again"]) {
    const good = await post(url, known, { "x-signature": signature });
    deepEqual([good.status, await good.text()], [200, '{"status":"ok"}'], attempt);
    equal((await read("/messages")).total, 1, attempt);
  }
  const more = [
    { message_id: "m2", ts: "2025-01-15T09:00:00Z", text: "Earlier" },
    { message_id: "m3", ts: "2025-01-15T11:00:00Z", text: "Later", from: "+919876543211" },
    { message_id: "m4", ts: "2025-01-15T12:00:00Z", text: "hello again" },
  ];
  for (const fields of more) equal((await post(url, body(fields))).status, 200);

  const ids = (page: { data: { message_id: string }[] }) =>
    page.data.map(({ message_id }) => message_id);
  deepEqual(ids(await read("/messages")), ["m2", "m1", "m3", "m4"]);
  const page = await read("/messages?limit=2&offset=0");
  deepEqual([ids(page), page.total, page.limit, page.offset], [["m2", "m1"], 4, 2, 0]);
  deepEqual(ids(await read("/messages?from=+919876543210")), ["m2", "m1", "m4"]);
  deepEqual(ids(await read("/messages?since=2025-01-15T09:30:00Z")), ["m1", "m3", "m4"]);
  deepEqual(ids(await read("/messages?q=Hello")), ["m1", "m4"]);
  deepEqual(await read("/stats"), {
    total_messages: 4,
    senders_count: 2,
    messages_per_sender: [
      { from: "+919876543210", count: 3 },
      { from: "+919876543211", count: 1 },
    ],
    first_message_ts: "2025-01-15T09:00:00Z",
    last_message_ts: "2025-01-15T12:00:00Z",
  });
  const head = (await scrape({ url })).split("\n").slice(0, 10).join("\n");
  match(head, /http_requests_total/);
  match(head, /webhook_requests_total/);

  lyftr.child.kill("SIGTERM");
  equal(await lyftr.ended, 0);
  const webhooks = logLines(lyftr.stdout()).filter(({ path }) => path === "/webhook");
  deepEqual(
    webhooks.map(({ result, dup, message_id }) => [result, dup, message_id]),
    [
      ["invalid_signature", false, undefined],
      ["created", false, "m1"],
      ["duplicate", true, "m1"],
      ["created", false, "m2"],
      ["created", false, "m3"],
      ["created", false, "m4"],
    ],
  );
}
