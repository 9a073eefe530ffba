import { deepEqual, equal, ok } from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { test } from "node:test";
import { json, scrape, seen } from "../support/client.ts";
import { startFilled } from "../support/filled-service.ts";
import { body, post, startService } from "../support/service.ts";

const ADMIN = "an-admin-key-that-is-long-enough-for-it";
const PERSON = "+919876500001";
const admin = { authorization: `Bearer ${ADMIN}` };

/** Messages whose erasure takes a moment. */
const OF_PERSON = Array.from({ length: 300 }, (_, at) => ({ message_id: `m${at}`, from: PERSON }));
const start = () => startService({ ADMIN_API_KEY: ADMIN });
const erase = (url: string, number: string, headers: Readonly<Record<string, string>> = admin) =>
  fetch(`${url}/senders/${number}`, { method: "DELETE", headers });
const read = async (url: string) => jsonOf(await fetch(url, { headers: admin }));
// biome-ignore lint/suspicious/noExplicitAny: every test looks into it differently
const jsonOf = async (answer: Response): Promise<any> => answer.json();

test("erasing a person removes every message from them and to them from lists, statistics and the search, at once", async () => {
  await using service = await start();
  const { url } = service;
  for (let at = 0; at < 30; at++) {
    const theirs = at % 3 === 0 ? { from: PERSON } : at % 3 === 1 ? { to: PERSON } : {};
    equal((await post(url, body({ message_id: `m${at}`, ...theirs }))).status, 200);
  }
  equal((await read(`${url}/messages?q=hello`)).total, 30);
  const answer = await erase(url, encodeURIComponent(PERSON));
  equal(answer.status, 200);
  const { messages_deleted, remains, ...rest } = await jsonOf(answer);
  deepEqual([messages_deleted, rest], [20, {}]);
  ok(remains.length >= 1 && remains.every((sentence: unknown) => typeof sentence === "string"));
  equal((await read(`${url}/messages?q=hello`)).total, 10);
  equal((await read(`${url}/stats`)).total_messages, 10);
  equal((await read(`${url}/messages?from=${PERSON.slice(1)}`)).total, 0);
  deepEqual(
    (await read(`${url}/senders`)).data.map(({ from }: { from: string }) => from),
    ["+919876543210"],
  );
  // A late retry of an erased message does not bring it back.
  deepEqual(
    await seen(post(url, body({ message_id: "m0", from: PERSON }))),
    json(200, { status: "ok" }),
  );
  equal((await read(`${url}/stats`)).total_messages, 10);
  const metrics = await scrape({ url });
  ok(metrics.includes('messages_deleted_total{reason="erased"} 20'));
  ok(metrics.includes('webhook_requests_total{result="duplicate"} 1'));
});

test("digits alone are the number with its plus, and a second erasure finds nothing", async () => {
  await using service = await start();
  equal((await post(service.url, body({ from: PERSON }))).status, 200);
  equal((await jsonOf(await erase(service.url, PERSON.slice(1)))).messages_deleted, 1);
  equal((await jsonOf(await erase(service.url, PERSON.slice(1)))).messages_deleted, 0);
});

test("only holders of an admin key may erase", async () => {
  await using service = await start();
  const { url } = service;
  const made = await fetch(`${url}/keys`, {
    method: "POST",
    headers: admin,
    body: JSON.stringify({ name: "reader", scope: "read" }),
  });
  const { key } = await jsonOf(made);
  equal((await post(url, body({ from: PERSON }))).status, 200);
  deepEqual(await seen(erase(url, PERSON, {})), json(401, { detail: "unauthorized" }));
  deepEqual(
    await seen(erase(url, PERSON, { authorization: `Bearer ${key}` })),
    json(403, { detail: "forbidden" }),
  );
  equal((await read(`${url}/stats`)).total_messages, 1);
  await using open = await startService({ READ_AUTH: "open" });
  deepEqual(await seen(erase(open.url, PERSON, {})), json(401, { detail: "unauthorized" }));
});

test("an erasure is audited and logged, without the person", async () => {
  await using service = await start();
  const { url, lines } = service;
  equal((await post(url, body({ from: PERSON, text: "quite private" }))).status, 200);
  equal((await erase(url, encodeURIComponent(PERSON))).status, 200);
  await service.line(({ method, status }) => method === "DELETE" && status === 200);
  const audit = await read(`${url}/audit`);
  const [{ actor, action, subject, details }] = audit.data;
  deepEqual([actor, action, subject], ["ADMIN_API_KEY", "sender.erased", ""]);
  deepEqual(details, { messages: 1, finished: true });
  for (const text of [JSON.stringify(audit), JSON.stringify(lines)]) {
    equal(text.includes(PERSON.slice(1)), false);
    equal(text.includes("private"), false);
  }
});

test("an erasure is finished even if the client does not wait", async () => {
  await using service = await startFilled(OF_PERSON, { ADMIN_API_KEY: ADMIN });
  const { url } = service;
  const asked = request(`${url}/senders/${PERSON.slice(1)}`, {
    method: "DELETE",
    headers: admin,
  }).end();
  asked.on("error", () => undefined);
  await once(asked, "finish");
  asked.destroy();
  await service.line(({ method }) => method === "DELETE");
  equal((await read(`${url}/stats`)).total_messages, 0);
});
