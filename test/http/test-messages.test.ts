import { deepEqual, equal, match, ok } from "node:assert/strict";
import { after, test } from "node:test";
import { bearer } from "../support/api-keys.ts";
import { issuesOf, json, macOf, scrape, seen, series } from "../support/client.ts";
import { SECRET, type Service, startService } from "../support/service.ts";

const ADMIN = "an-admin-key-of-32-characters-or-more";
const FROM = "+999000000001";
const DEFAULT_TEXT = "This is a test message from Lyftr.";
const BODY_BYTES_MAX = 64 * 1_024;
const ID = /^lyftr-test-[0-9a-f-]{36}$/;
const service = await startService({ ADMIN_API_KEY: ADMIN });
after(() => service[Symbol.asyncDispose]());

/** Sends a body as an admin. One that is not a text is sent as JSON. */
function make(body: unknown, { url }: Pick<Service, "url"> = service, key = ADMIN) {
  const payload = typeof body === "string" ? body : JSON.stringify(body);
  return fetch(`${url}/test-messages`, { method: "POST", headers: bearer(key), body: payload });
}

// biome-ignore lint/suspicious/noExplicitAny: every test looks into it differently
async function made(body: unknown, own: Pick<Service, "url"> = service): Promise<any> {
  const answer = await make(body, own);
  equal(answer.status, 200);
  equal(answer.headers.get("cache-control"), "no-store");
  return answer.json();
}

// biome-ignore lint/suspicious/noExplicitAny: every test looks into it differently
async function read(path: string, { url }: Pick<Service, "url"> = service): Promise<any> {
  return (await fetch(url + path, { headers: bearer(ADMIN) })).json();
}

test("a test message is made, signed and stored, and is in lists, statistics and the search at once", async () => {
  const before = (await read("/stats")).total_messages;
  const { message_id, result, request, ...rest } = await made({ text: "Grüße \u{1F600}" });
  deepEqual([result, rest], ["created", {}]);
  match(message_id, ID);
  equal(request.path, "/webhook");
  deepEqual(request.headers, {
    "content-type": "application/json",
    "x-signature": macOf(request.body),
  });
  const sent = JSON.parse(request.body);
  ok(Math.abs(Date.parse(sent.ts) - Date.now()) < 60_000);
  const { created_at, ...stored } = await read(`/messages/${message_id}`);
  ok(Math.abs(Date.parse(created_at) - Date.now()) < 60_000);
  deepEqual(stored, {
    message_id,
    from: FROM,
    to: "+999000000002",
    ts: sent.ts,
    text: "Grüße \u{1F600}",
    from_msisdn: FROM,
    to_msisdn: "+999000000002",
  });
  equal((await read("/stats")).total_messages, before + 1);
  equal((await read(`/messages?q=gr%C3%BC%C3%9Fe&from=${FROM.slice(1)}`)).total, 1);
});

test("the request of the answer is a webhook that can be sent again, and is a duplicate then", async () => {
  const { message_id, request } = await made({});
  equal((await read(`/messages/${message_id}`)).text, DEFAULT_TEXT);
  const again = fetch(service.url + request.path, {
    method: "POST",
    headers: request.headers,
    body: request.body,
  });
  deepEqual(await seen(again), json(200, { status: "ok" }));
  ok((await scrape(service)).includes('webhook_requests_total{result="duplicate"} 1'));
});

test("with send false the message is only made, and another program can send it", async () => {
  const { message_id, result, request } = await made({ send: false, text: "for curl" });
  equal(result, null);
  equal(
    (await fetch(`${service.url}/messages/${message_id}`, { headers: bearer(ADMIN) })).status,
    404,
  );
  const { path, headers, body } = request;
  equal((await fetch(service.url + path, { method: "POST", headers, body })).status, 200);
  equal((await read(`/messages/${message_id}`)).text, "for curl");
});

test("each message has an id of its own, and null is a message without a text", async () => {
  const ids = await Promise.all(
    Array.from({ length: 8 }, async () => (await made({ text: null })).message_id),
  );
  equal(new Set(ids).size, ids.length);
  for (const id of ids) equal((await read(`/messages/${id}`)).text, null);
});

test("it is signed with the first secret that is accepted", async () => {
  const end = new Date(Date.now() + 60_000).toISOString();
  await using own = await startService({
    ADMIN_API_KEY: ADMIN,
    WEBHOOK_SECRET: "",
    WEBHOOK_SECRET_PREVIOUS: `ended-long-ago-by-now@2020-01-01T00:00:00Z,still-accepted-secret@${end}`,
  });
  const { request } = await made({}, own);
  equal(request.headers["x-signature"], macOf(request.body, "still-accepted-secret"));
});

test("without a webhook secret the answer is 409, and nothing is stored or audited", async () => {
  await using own = await startService({ ADMIN_API_KEY: ADMIN, WEBHOOK_SECRET: "" });
  for (const send of [true, false])
    deepEqual(
      await seen(make({ send }, own)),
      json(409, {
        detail:
          "no webhook secret is accepted, so nothing can be signed: set WEBHOOK_SECRET, or add a secret",
      }),
    );
  deepEqual(
    [(await read("/stats", own)).total_messages, (await read("/audit", own)).data],
    [0, []],
  );
});

test("no sender sent it: it is not in webhook_requests_total, and no use of the secret", async () => {
  await using own = await startService({ ADMIN_API_KEY: ADMIN });
  equal((await made({}, own)).result, "created");
  const found = series(await scrape(own));
  for (const name of [
    'webhook_requests_total{result="created"}',
    'messages_received_total{source="native"}',
    'webhook_signature_key_total{key="current"}',
    'webhook_signature_key_last_verified_timestamp_seconds{key="current"}',
  ])
    equal(found.get(name), 0, name);
  equal(found.get('http_requests_total{method="POST",path="/test-messages",status="200"}'), 1);
  equal((await read("/secrets", own)).data[0].last_verified_at, null);
});

test("the rate limit of senders holds for the number of test messages too", async () => {
  await using own = await startService({ ADMIN_API_KEY: ADMIN, RATE_LIMIT_PER_SENDER: "2/1h" });
  deepEqual([(await make({}, own)).status, (await make({}, own)).status], [200, 200]);
  const limited = await make({}, own);
  deepEqual(
    [limited.status, await limited.json(), limited.headers.has("retry-after")],
    [429, { detail: "rate limit exceeded" }, true],
  );
  equal((await made({ send: false }, own)).result, null);
  equal((await read("/stats", own)).total_messages, 2);
});

/** Bodies and where they are wrong. */
const WRONG: readonly (readonly [unknown, readonly string[]])[] = [
  ["", ["missing body"]],
  ["null", ["missing body"]],
  ["{", ["json_invalid body,1"]],
  ["[]", ["model_attributes_type body"]],
  ['"private"', ["model_attributes_type body"]],
  [{ text: 5 }, ["string_type body,text"]],
  [{ text: ["private"] }, ["string_type body,text"]],
  [{ text: "private".padEnd(4_097) }, ["string_too_long body,text"]],
  ['{"text":"private\\u0000"}', ["value_error body,text"]],
  ['{"text":"private\\ud800"}', ["value_error body,text"]],
  [{ source: "other" }, ["literal_error body,source"]],
  [{ source: 1 }, ["literal_error body,source"]],
  [{ send: "false" }, ["bool_type body,send"]],
  [{ send: 0 }, ["bool_type body,send"]],
  [{ message_id: "m1" }, ["extra_forbidden body,message_id"]],
  [{ from: "+1", to: "+2" }, ["extra_forbidden body,from", "extra_forbidden body,to"]],
  ['{"__proto__":{"send":false}}', ["extra_forbidden body,__proto__"]],
  [
    { text: 1, source: "x", send: "x" },
    ["string_type body,text", "literal_error body,source", "bool_type body,send"],
  ],
];

test("a wrong body is reported without its text, and nothing is stored", async () => {
  const before = (await read("/stats")).total_messages;
  for (const [payload, expected] of WRONG) {
    const { status, text } = await seen(make(payload));
    deepEqual(
      [status, issuesOf(text).map(({ type, loc }) => `${type} ${loc}`)],
      [422, expected],
      text,
    );
    ok(!text.includes("private"), text);
  }
  deepEqual(issuesOf((await seen(make({ source: "other" }))).text), [
    {
      type: "literal_error",
      loc: ["body", "source"],
      msg: "Input should be 'native'",
      input: "other",
      ctx: { expected: "'native'" },
    },
  ]);
  for (const body of [{ source: "native" }, { source: null, send: null }])
    equal((await made(body)).result, "created");
  equal((await read("/stats")).total_messages, before + 2);
});

test("a body has at most 64 KiB, which is enough for every text, and a message at most MAX_BODY_BYTES", async () => {
  const text = "\u{1F600}".repeat(4_096);
  const escaped = text.replace(
    /[\ud800-\udfff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16)}`,
  );
  const longest = `{"text":"${escaped}"}`;
  equal((await make(longest.padEnd(BODY_BYTES_MAX + 1))).status, 413);
  const { message_id } = await made(longest.padEnd(BODY_BYTES_MAX));
  equal((await read(`/messages/${message_id}`)).text, text);
  await using own = await startService({ ADMIN_API_KEY: ADMIN, MAX_BODY_BYTES: "300" });
  deepEqual(
    await seen(make({ text: "x".repeat(300) }, own)),
    json(413, { detail: "payload too large" }),
  );
  equal((await made({ text: "short" }, own)).result, "created");
  equal((await read("/stats", own)).total_messages, 1);
});

test("only holders of an admin key get a signed message, also while reading is open", async () => {
  const key = await fetch(`${service.url}/keys`, {
    method: "POST",
    headers: bearer(ADMIN),
    body: JSON.stringify({ name: "reader", scope: "read" }),
  });
  const reader = ((await key.json()) as { readonly key: string }).key;
  for (const body of [{}, { send: false }, "{"]) {
    deepEqual(await seen(make(body, service, reader)), json(403, { detail: "forbidden" }));
    deepEqual(await seen(make(body, service, "x")), json(401, { detail: "unauthorized" }));
  }
  await using open = await startService({ READ_AUTH: "open" });
  deepEqual(
    await seen(fetch(`${open.url}/test-messages`, { method: "POST", body: "{}" })),
    json(401, { detail: "unauthorized" }),
  );
});

test("each one is audited by its id, and neither signature, text nor number is in the audit or the log", async () => {
  await using own = await startService({ ADMIN_API_KEY: ADMIN, LOG_LEVEL: "DEBUG" });
  const text = "quite private, zanzibar";
  const sent = await made({ text }, own);
  const signed = await made({ text, send: false }, own);
  equal((await make({ text, unknown: 1 }, own)).status, 422);
  const line = await own.line(({ message_id }) => message_id === signed.message_id);
  await own.line(({ path, status }) => path === "/test-messages" && status === 422);
  deepEqual(
    [line.path, line.status, line.api_key, "result" in line],
    ["/test-messages", 200, "ADMIN_API_KEY", false],
  );
  const audit = await read("/audit", own);
  deepEqual(
    audit.data.map(({ actor, action, subject, details }: Record<string, unknown>) => ({
      actor,
      action,
      subject,
      details,
    })),
    [
      ["test_message.signed", signed.message_id],
      ["test_message.sent", sent.message_id],
    ].map(([action, subject]) => ({
      actor: "ADMIN_API_KEY",
      action,
      subject,
      details: { source: "native" },
    })),
  );
  const private_ = [
    sent.request.headers["x-signature"],
    signed.request.headers["x-signature"],
    "zanzibar",
    FROM.slice(1),
    SECRET,
  ];
  for (const text of [JSON.stringify(audit), JSON.stringify(own.lines)])
    for (const value of private_) ok(!text.includes(value), value);
});

test("a page of another origin makes none and reads no signature", async () => {
  const origin = "https://dashboard.example";
  await using own = await startService({ ADMIN_API_KEY: ADMIN, CORS_ORIGINS: origin });
  const url = `${own.url}/test-messages`;
  for (const method of ["GET", "POST"]) {
    const preflight = await fetch(url, {
      method: "OPTIONS",
      headers: { origin, "access-control-request-method": method },
    });
    deepEqual(
      [preflight.status, preflight.headers.get("access-control-allow-origin")],
      [405, null],
    );
  }
  const headers = { ...bearer(ADMIN), origin };
  const answer = await fetch(url, { method: "POST", headers, body: "{}" });
  deepEqual([answer.status, answer.headers.get("access-control-allow-origin")], [200, null]);
});
