import { equal, ok } from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { bearer } from "./api-keys.ts";
import { macOf } from "./client.ts";
import { body, post } from "./service.ts";

/** The service that gets the traffic. */
export interface Receiver {
  readonly url: string;
  /** A key of scope `admin`. */
  readonly adminKey: string;
  /** A previous secret that is still accepted. */
  readonly oldSecret: string;
  /** Its largest body, MAX_BODY_BYTES. */
  readonly bodyBytesMax: number;
}

/** A sender that exceeds RATE_LIMIT_PER_SENDER. */
const TOO_BUSY = "+4900000001";

/**
 * Requests of every kind that a healthy service answers, one or a few of each, with the expected
 * answers. It must accept three messages an hour of one sender, and not six.
 */
export async function everyTraffic(receiver: Receiver): Promise<void> {
  const { url, adminKey } = receiver;
  const forgotten = sender();
  equal(await status(post(url, body({ message_id: randomUUID(), from: forgotten }))), 200);
  await webhooks(receiver);
  const paths = [
    "/messages",
    "/messages?q=hello",
    "/messages?q=hello",
    "/stats",
    "/stats/timeline",
    "/senders",
  ];
  for (const path of [
    ...paths,
    "/messages/export",
    "/docs/",
    "/openapi.json",
    "/audit",
    "/health/ready",
  ])
    equal(await status(fetch(url + path, { headers: bearer(adminKey) })), 200, path);
  equal(await status(fetch(`${url}/no/such/path`, { headers: bearer(adminKey) })), 404);
  equal(await status(fetch(`${url}/messages?limit=x`, { headers: bearer(adminKey) })), 422);
  equal(
    await status(fetch(`${url}/messages`, { method: "DELETE", headers: bearer(adminKey) })),
    405,
  );
  await keys(receiver);
  equal(
    await status(
      fetch(`${url}/senders/${forgotten}`, { method: "DELETE", headers: bearer(adminKey) }),
    ),
    200,
  );
}

async function webhooks({ url, oldSecret, bodyBytesMax }: Receiver): Promise<void> {
  const fresh = (from = sender()) => body({ message_id: randomUUID(), from });
  const first = fresh();
  equal(await status(post(url, first)), 200);
  equal(await status(post(url, first)), 200);
  equal(await status(post(url, first.replace("Hello", "Other content"))), 200);
  const old = fresh();
  equal(await status(post(url, old, { "x-signature": macOf(old, oldSecret) })), 200);
  equal(await status(post(url, fresh(), { "x-signature": "0".repeat(64) })), 401);
  equal(await status(post(url, body({ from: "nobody" }))), 422);
  equal(await status(post(url, "x".repeat(bodyBytesMax + 1))), 413);
  equal(await status(post(url, fresh(), { "content-encoding": "gzip" })), 415);
  const many = await Promise.all([1, 2, 3, 4, 5, 6].map(() => status(post(url, fresh(TOO_BUSY)))));
  ok(many.includes(429), many.join(" "));
}

async function keys({ url, adminKey }: Receiver): Promise<void> {
  const headers = { ...bearer(adminKey), "content-type": "application/json" };
  const asked = JSON.stringify({ name: randomUUID(), scope: "read" });
  const made = await fetch(`${url}/keys`, { method: "POST", headers, body: asked });
  equal(made.status, 201);
  const { key } = (await made.json()) as { readonly key: string };
  // Another worker sees it up to 5 seconds later.
  const used = await Promise.all(
    ["/messages", "/keys"].map((path) => status(fetch(url + path, { headers: bearer(key) }))),
  );
  ok([200, 401].includes(used[0] ?? 0) && [403, 401].includes(used[1] ?? 0), used.join(" "));
  equal(await status(fetch(`${url}/stats`)), 401);
}

/** A unique number. */
function sender(): string {
  return `+${BigInt(`0x${randomUUID().replaceAll("-", "").slice(0, 16)}`)}`;
}

/** Reads the whole answer, so that connections are reused. */
async function status(answer: Promise<Response>): Promise<number> {
  const response = await answer;
  await response.arrayBuffer();
  return response.status;
}
