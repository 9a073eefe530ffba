import { deepEqual, equal, ok } from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { test } from "node:test";
import { bearer } from "../support/api-keys.ts";
import { issuesOf, json, scrape, seen } from "../support/client.ts";
import { startFilled } from "../support/filled-service.ts";
import { body, post, startService } from "../support/service.ts";
import { otherUserOf } from "../support/tested-store.ts";

const ADMIN = "an-admin-key-that-is-long-enough-for-it";
const PERSON = "+919876500001";
const BODY_BYTES_MAX = 1_024;
/** Answers of the service until it has surely seen what other connections did. */
const TURNS = 10;

/** Messages whose erasure takes a moment. */
const OF_PERSON = Array.from({ length: 300 }, (_, at) => ({ message_id: `m${at}`, from: PERSON }));
const start = (env: Readonly<Record<string, string>> = {}) =>
  startService({ ADMIN_API_KEY: ADMIN, ...env });
const send = (url: string, payload: string, headers: Readonly<Record<string, string>> = {}) =>
  fetch(`${url}/erasures`, {
    method: "POST",
    headers: { ...bearer(ADMIN), ...headers },
    body: payload,
  });
const erase = (url: string, number: string) => send(url, JSON.stringify({ number }));
// biome-ignore lint/suspicious/noExplicitAny: every test looks into it differently
const jsonOf = async (answer: Response): Promise<any> => answer.json();
const read = async (url: string) => jsonOf(await fetch(url, { headers: bearer(ADMIN) }));

test("an erasure with the number in its body does what DELETE /senders/{msisdn} does, and answers the same", async () => {
  await using service = await start();
  const { url } = service;
  for (let at = 0; at < 30; at++) {
    const theirs = at % 3 === 0 ? { from: PERSON } : at % 3 === 1 ? { to: PERSON } : {};
    equal((await post(url, body({ message_id: `m${at}`, ...theirs }))).status, 200);
  }
  const answer = await erase(url, PERSON);
  deepEqual([answer.status, answer.headers.get("cache-control")], [200, "no-store"]);
  const erased = await jsonOf(answer);
  equal(erased.messages_deleted, 20);
  equal((await read(`${url}/messages?q=hello`)).total, 10);
  equal((await read(`${url}/stats`)).total_messages, 10);
  deepEqual(
    await seen(post(url, body({ message_id: "m0", from: PERSON }))),
    json(200, { status: "ok" }),
  );
  equal((await read(`${url}/stats`)).total_messages, 10);
  ok((await scrape({ url })).includes('messages_deleted_total{reason="erased"} 20'));
  const other = await fetch(`${url}/senders/${PERSON}`, {
    method: "DELETE",
    headers: bearer(ADMIN),
  });
  deepEqual(await jsonOf(other), { ...erased, messages_deleted: 0 });
});

test("digits alone are the number with its plus, and blanks around it are ignored", async () => {
  await using service = await start();
  const { url } = service;
  for (const number of [PERSON.slice(1), ` ${PERSON}\n`, ` ${PERSON.slice(1)} `]) {
    equal(
      (await post(url, body({ message_id: JSON.stringify(number), from: PERSON }))).status,
      200,
    );
    equal((await jsonOf(await erase(url, number))).messages_deleted, 1, number);
  }
});

test("a text that is not a number is refused and not repeated, because it would find nothing", async () => {
  await using service = await start();
  equal((await post(service.url, body({ from: PERSON }))).status, 200);
  for (const [payload, expected] of [
    ["", ["missing body"]],
    ["null", ["missing body"]],
    ["{", ["json_invalid body,1"]],
    ["{}", ["missing body,number"]],
    [`["${PERSON}"]`, ["model_attributes_type body"]],
    [`{"number":${PERSON.slice(1)}}`, ["string_type body,number"]],
    [`{"number":["${PERSON}"]}`, ["string_type body,number"]],
    ['{"number":null}', ["string_type body,number"]],
    ['{"number":""}', ["value_error body,number"]],
    ['{"number":"+"}', ["value_error body,number"]],
    ['{"number":"+91 98765 00001"}', ["value_error body,number"]],
    ['{"number":"+91-98765-00001"}', ["value_error body,number"]],
    ['{"number":"++919876500001"}', ["value_error body,number"]],
    ['{"number":"+919876500001\\u0000"}', ["value_error body,number"]],
    ['{"number":"+９１９８７６５００００１"}', ["value_error body,number"]],
    [`{"number":"+${"9".repeat(33)}"}`, ["value_error body,number"]],
    [`{"number":"${PERSON}","numbers":1}`, ["extra_forbidden body,numbers"]],
  ] as const) {
    const { status, text } = await seen(send(service.url, payload));
    deepEqual(
      [status, issuesOf(text).map(({ type, loc }) => `${type} ${loc}`)],
      [422, expected],
      payload,
    );
    ok(!/98765|９/.test(text), text);
  }
  equal((await read(`${service.url}/stats`)).total_messages, 1);
});

test("a body has at most 1 KiB", async () => {
  await using service = await start();
  const padded = (bytes: number) => JSON.stringify({ number: PERSON }).padEnd(bytes);
  equal((await send(service.url, padded(BODY_BYTES_MAX))).status, 200);
  equal((await send(service.url, padded(BODY_BYTES_MAX + 1))).status, 413);
});

test("only holders of an admin key may erase, also while reading is open", async () => {
  await using service = await start();
  const { url } = service;
  const made = await fetch(`${url}/keys`, {
    method: "POST",
    headers: bearer(ADMIN),
    body: JSON.stringify({ name: "reader", scope: "read" }),
  });
  const { key } = await jsonOf(made);
  equal((await post(url, body({ from: PERSON }))).status, 200);
  const asked = JSON.stringify({ number: PERSON });
  deepEqual(
    await seen(send(url, asked, { authorization: "" })),
    json(401, { detail: "unauthorized" }),
  );
  deepEqual(await seen(send(url, asked, bearer(key))), json(403, { detail: "forbidden" }));
  equal((await read(`${url}/stats`)).total_messages, 1);
  await using open = await startService({ READ_AUTH: "open" });
  deepEqual(
    await seen(send(open.url, asked, { authorization: "" })),
    json(401, { detail: "unauthorized" }),
  );
});

test("an erasure is audited as by DELETE, and the number is in no line of the log", async () => {
  await using service = await start({ LOG_LEVEL: "DEBUG" });
  const { url, lines } = service;
  equal((await post(url, body({ from: PERSON }))).status, 200);
  equal((await erase(url, PERSON)).status, 200);
  equal((await erase(url, `${PERSON} or so`)).status, 422);
  await service.line(({ path, status }) => path === "/erasures" && status === 422);
  const audit = await read(`${url}/audit`);
  deepEqual(
    audit.data.map(({ actor, action, subject, details }: Record<string, unknown>) => ({
      actor,
      action,
      subject,
      details,
    })),
    [
      {
        actor: "ADMIN_API_KEY",
        action: "sender.erased",
        subject: "",
        details: { messages: 1, finished: true },
      },
    ],
  );
  for (const text of [JSON.stringify(audit), JSON.stringify(lines)])
    ok(!text.includes(PERSON.slice(1)), text);
});

test("both routes of erasing share one limit: two at a time, the next is answered 503", async () => {
  await using service = await startFilled(OF_PERSON, { ADMIN_API_KEY: ADMIN });
  const { url } = service;
  const answers = await Promise.all(
    Array.from({ length: 6 }, (_, at) =>
      at % 2 === 0
        ? erase(url, PERSON)
        : fetch(`${url}/senders/${PERSON}`, { method: "DELETE", headers: bearer(ADMIN) }),
    ),
  );
  const statuses = answers.map(({ status }) => status);
  ok(statuses.filter((status) => status === 503).length >= 1, statuses.join());
  for (const answer of answers) {
    const told = await jsonOf(answer);
    if (answer.status !== 503) continue;
    ok(answer.headers.has("retry-after"));
    equal(told.detail, "too many people are being erased");
  }
});

test("an erasure is finished, and only then logged, even if the client does not wait", async () => {
  await using service = await startFilled(OF_PERSON, { ADMIN_API_KEY: ADMIN });
  const { url } = service;
  await using other = await otherUserOf(service.databaseUrl);
  await other.lockWrites();
  const turns = async () => {
    for (let at = 0; at < TURNS; at++) equal((await fetch(`${url}/health/live`)).status, 200);
  };
  const asked = request(`${url}/erasures`, { method: "POST", headers: bearer(ADMIN) });
  asked.on("error", () => undefined);
  asked.end(JSON.stringify({ number: PERSON }));
  await once(asked, "finish");
  await turns();
  // A connection that is only closed may be waiting for its answer.
  asked.socket?.resetAndDestroy();
  await turns();
  const isLogged = service.lines.some(({ path }) => path === "/erasures");
  equal(isLogged, false, "it is not over when the client leaves");
  await other.unlockWrites();
  await service.line(({ path }) => path === "/erasures");
  equal((await read(`${url}/stats`)).total_messages, 0);
});

test("a page of another origin may not erase: a preflight is not granted, and no answer is readable", async () => {
  const origin = "https://dashboard.example";
  await using service = await start({ CORS_ORIGINS: origin });
  for (const method of ["GET", "POST"]) {
    const preflight = await fetch(`${service.url}/erasures`, {
      method: "OPTIONS",
      headers: { origin, "access-control-request-method": method },
    });
    deepEqual(
      [preflight.status, preflight.headers.get("access-control-allow-origin")],
      [405, null],
    );
  }
  const answer = await send(service.url, JSON.stringify({ number: PERSON }), { origin });
  deepEqual([answer.status, answer.headers.get("access-control-allow-origin")], [200, null]);
});
