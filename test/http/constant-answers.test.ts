import { deepEqual, equal, ok } from "node:assert/strict";
import { request } from "node:http";
import { test } from "node:test";
import { body, post, type Service, startService } from "../support/service.ts";

const ADMIN = "an-admin-key-of-the-tests-0123456789-abcdef";

/** Everything in an answer that should not differ between requests. */
interface Whole {
  readonly status: number;
  readonly headers: readonly string[];
  readonly body: string;
}

/** Sends headers as they are given, possibly two of a name. */
function ask(
  service: Service,
  path: string,
  {
    method = "GET",
    headers = {},
  }: { method?: string; headers?: Record<string, string | string[]> } = {},
): Promise<Whole> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: "127.0.0.1", port: service.port, path, method, headers },
      (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (part: string) => (text += part));
        response.on("end", () => {
          const { rawHeaders, statusCode = 0 } = response;
          const lines = rawHeaders.flatMap((name, at) =>
            at % 2 === 0 ? [`${name}: ${rawHeaders[at + 1]}`] : [],
          );
          const headers = lines.filter((line) => !/^(date|x-request-id): /i.test(line));
          resolve({ status: statusCode, headers, body: text });
        });
      },
    );
    sent.on("error", reject).end();
  });
}

async function makeKey(
  service: Service,
  fields: object,
): Promise<{ readonly id: string; readonly key: string }> {
  const answer = await fetch(`${service.url}/keys`, {
    method: "POST",
    headers: { authorization: `Bearer ${ADMIN}`, "content-type": "application/json" },
    body: JSON.stringify(fields),
  });
  equal(answer.status, 201);
  return (await answer.json()) as { id: string; key: string };
}

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

test("the refusal is the same byte for byte, whatever is wrong with the key, and whether the requested object exists", async () => {
  await using service = await startService({ ADMIN_API_KEY: ADMIN });
  await post(service.url, body());
  const live = await makeKey(service, { name: "live", scope: "read" });
  const revoked = await makeKey(service, { name: "revoked", scope: "admin" });
  await fetch(`${service.url}/keys/${revoked.id}`, { method: "DELETE", headers: bearer(ADMIN) });
  const expired = await makeKey(service, { name: "expired", scope: "admin", expires_in: "1s" });
  const others = live.key.at(-1) === "A" ? "B" : "A";
  const causes: Readonly<Record<string, Record<string, string | string[]>>> = {
    "no key": {},
    "an empty header": { authorization: "" },
    "a scheme alone": { authorization: "Bearer" },
    "another scheme": {
      authorization: `Basic ${Buffer.from(`live:${live.key}`).toString("base64")}`,
    },
    "a key without its scheme": { authorization: live.key },
    nonsense: bearer("nonsense"),
    "a key that never was": bearer(live.key.replace(/.$/, others)),
    "a truncated key": bearer(live.key.slice(0, -1)),
    "a longer key": bearer(`${live.key}A`),
    "a key in capitals": bearer(live.key.toUpperCase()),
    "a revoked key": bearer(revoked.key),
    "an expired key": bearer(expired.key),
    "two good keys": { authorization: [`Bearer ${live.key}`, `Bearer ${live.key}`] },
    "a good key in another header": { "x-api-key": live.key, cookie: `key=${live.key}` },
    "a very long key": bearer("x".repeat(8_000)),
  };
  const reads = [
    "/messages",
    "/messages?limit=x",
    "/messages/m1",
    "/messages/nothing",
    "/messages/export",
    "/stats",
  ];
  const asked = [
    ...reads,
    "/stats/timeline",
    "/senders",
    "/senders?cursor=x",
    "/keys",
    "/secrets",
    "/audit",
  ].map((path) => ["GET", path]);
  asked.push(["DELETE", "/senders/%2B919876543210"], ["DELETE", "/senders/%2B1"]);
  asked.push(["DELETE", `/keys/${live.id}`], ["DELETE", "/keys/nothing"], ["POST", "/keys"]);
  asked.push(["POST", `/keys/${live.id}/rotate`], ["POST", "/keys/nothing/rotate"]);
  asked.push(["POST", "/secrets"], ["POST", "/erasures"], ["POST", "/test-messages"]);
  asked.push(["POST", "/secrets/current/retire"], ["POST", "/secrets/nothing/retire"]);
  const deadline = performance.now() + 10_000;
  while ((await ask(service, "/stats", { headers: bearer(expired.key) })).status !== 401)
    ok(performance.now() < deadline);
  const expected = await ask(service, "/messages");
  equal(expected.status, 401);
  equal(expected.body, '{"detail":"unauthorized"}');
  for (const [method = "", path = ""] of asked) {
    for (const [cause, headers] of Object.entries(causes))
      deepEqual(
        await ask(service, path, { method, headers }),
        expected,
        `${method} ${path}, ${cause}`,
      );
  }
  // A key in the query string is not accepted.
  deepEqual(await ask(service, `/messages?authorization=Bearer%20${live.key}`), expected);
  equal(
    (await ask(service, "/messages/m1", { headers: bearer(live.key) })).status,
    200,
    "the key was good",
  );
});

test("a forbidden action is refused in the same words, whether the object exists or not", async () => {
  await using service = await startService({ ADMIN_API_KEY: ADMIN });
  const { id, key } = await makeKey(service, { name: "reader", scope: "read" });
  const expected = await ask(service, "/keys", { headers: bearer(key) });
  deepEqual([expected.status, expected.body], [403, '{"detail":"forbidden"}']);
  for (const [method, path] of [
    ["GET", "/audit"],
    ["POST", "/keys"],
    ["DELETE", `/keys/${id}`],
    ["DELETE", "/senders/%2B1"],
    ["DELETE", "/keys/nothing"],
    ["POST", `/keys/${id}/rotate`],
    ["POST", "/keys/nothing/rotate"],
    ["GET", "/secrets"],
    ["POST", "/secrets"],
    ["POST", "/secrets/current/retire"],
    ["POST", "/secrets/nothing/retire"],
    ["POST", "/erasures"],
    ["POST", "/test-messages"],
  ] as const)
    deepEqual(
      await ask(service, path, { method, headers: bearer(key) }),
      expected,
      `${method} ${path}`,
    );
});

test("a webhook is refused in the same words, whatever is wrong with its signature, and whether its id is known", async () => {
  await using service = await startService();
  await post(service.url, body());
  const refused = async (payload: string, signature: string) => {
    const { status, headers, ...answer } = await post(service.url, payload, {
      "x-signature": signature,
    }).then(async (response) => ({
      status: response.status,
      headers: [...response.headers].filter(([name]) => !["date", "x-request-id"].includes(name)),
      text: await response.text(),
    }));
    return { status, headers, ...answer };
  };
  const expected = await refused(body(), "0".repeat(64));
  equal(expected.status, 401);
  for (const signature of ["", "123", "f".repeat(64), "0".repeat(63), "z".repeat(64)])
    for (const payload of [body(), body({ message_id: "unknown" }), "not json", "{}"])
      deepEqual(await refused(payload, signature), expected, `${signature} ${payload}`);
});
