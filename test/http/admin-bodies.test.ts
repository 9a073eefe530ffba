import { deepEqual, equal, ok } from "node:assert/strict";
import { after, test } from "node:test";
import fc from "fast-check";
import { anyCharacter } from "../support/any-character.ts";
import { bearer } from "../support/api-keys.ts";
import { issuesOf } from "../support/client.ts";
import { propertyRuns } from "../support/property-runs.ts";
import { RawConnection, rawRequest } from "../support/raw-http.ts";
import { type Service, startService } from "../support/service.ts";
import { otherUserOf } from "../support/tested-store.ts";

// What administrators may send: any bytes, and values that are nearly right.

const ADMIN = "an-admin-key-of-32-characters-or-more";
const MASTER_KEY = "a master key of thirty-two characters";
const RUNS = propertyRuns(150);
const JSON_DEPTH = 3;
const service = await startService({
  ADMIN_API_KEY: ADMIN,
  MASTER_KEY,
  RATE_LIMIT_FAILED_AUTH: "off",
});
after(() => service[Symbol.asyncDispose]());

const ERASURE = ["/erasures", '{"number":"+1"}'] as const;
const TEST_MESSAGE = ["/test-messages", "{}"] as const;
const SIGNED_MESSAGE = ["/test-messages", '{"send":false}'] as const;
const SECRET = ["/secrets", '{"name":"a"}'] as const;

const text = fc.oneof(
  fc.string({ unit: anyCharacter, maxLength: 40 }),
  // Code units of UTF-16, lone surrogates too.
  fc
    .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 20 })
    .map((units) => String.fromCharCode(...units)),
  fc.constantFrom("", " ", "\0", "24h", "0", "-1d", "native", "current", "autumn", "+", "+९१"),
  fc.string({ minLength: 4_090, maxLength: 4_100 }),
);
const value = fc.oneof(text, fc.boolean(), fc.constant(null), fc.double(), fc.jsonValue());

/** Objects with these fields and arbitrary values, and sometimes other fields. */
function nearly(...names: readonly string[]): fc.Arbitrary<string> {
  const name = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...names) },
    { weight: 1, arbitrary: fc.constantFrom("__proto__", "constructor", "toString", "") },
    { weight: 1, arbitrary: text },
  );
  const pairs = fc.array(fc.tuple(name, value), { maxLength: 4 });
  // Written by hand, so that fields may occur twice.
  return pairs.map(
    (all) => `{${all.map(([key, one]) => `${JSON.stringify(key)}:${JSON.stringify(one)}`)}}`,
  );
}

const arbitraryBody = (
  ...names: readonly string[]
): fc.Arbitrary<string | Uint8Array<ArrayBuffer>> =>
  fc.oneof(
    nearly(...names),
    fc.json({ maxDepth: JSON_DEPTH }),
    text,
    fc.uint8Array({ maxLength: 300 }).map((bytes) => new Uint8Array(bytes)),
    fc.constantFrom("[".repeat(900), '{"a":'.repeat(100), "1e999", '"\\ud800"', "\ufeff{}", "{}{}"),
  );

const send = (path: string, body: string | Uint8Array<ArrayBuffer>, { url }: Service = service) =>
  fetch(url + path, { method: "POST", headers: bearer(ADMIN), body });

for (const { path, fields, answers } of [
  { path: "/erasures", fields: ["number"], answers: [200, 413, 422] },
  { path: "/test-messages", fields: ["text", "source", "send"], answers: [200, 422] },
  { path: "/secrets", fields: ["name", "secret"], answers: [201, 409, 422] },
  { path: "/secrets/none/retire", fields: ["in", "force"], answers: [404, 422] },
  { path: "/secrets/current/retire", fields: ["in", "force"], answers: [409, 422] },
])
  test(`POST ${path} answers every body as documented, never with a 5xx`, async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryBody(...fields), async (body) => {
        const answer = await send(path, body);
        const told = await answer.text();
        ok(answers.includes(answer.status), `${answer.status} ${told}`);
        if (answer.status !== 422) return;
        const issues = issuesOf(told);
        ok(issues.length > 0);
        for (const { type, loc, msg } of issues)
          ok(type !== "" && loc[0] === "body" && msg !== "", told);
      }),
      { numRuns: RUNS },
    );
  });

test("no name in a path leads to a 5xx", async () => {
  const part = fc.oneof(
    fc.string({ unit: anyCharacter, maxLength: 40 }).map(encodeURIComponent),
    fc.constantFrom("%00", "%ff", "%zz", "%", "..", "%2e%2e", "%2F", "a%0d%0ab", "x".repeat(3_100)),
  );
  await fc.assert(
    fc.asyncProperty(part, async (name) => {
      await using connection = await RawConnection.open(service.port);
      const headers = ["Host: x", `Authorization: Bearer ${ADMIN}`];
      await connection.write(rawRequest(`POST /secrets/${name}/retire HTTP/1.1`, headers));
      const [answer] = await connection.answered(1);
      ok([400, 404, 405, 409].includes(answer?.status ?? 0), `${name} ${answer?.status}`);
    }),
    { numRuns: RUNS },
  );
});

test("an answer about unknown fields does not grow with their number", async () => {
  const fields = Array.from({ length: 3_000 }, (_, at) => [`f${at}`, 1]);
  for (const path of ["/test-messages", "/secrets", "/secrets/none/retire", "/keys"]) {
    const body = JSON.stringify(
      Object.fromEntries(fields.slice(0, path === "/keys" ? 1_000 : 3_000)),
    );
    const answer = await send(path, body);
    equal(answer.status, 422, path);
    const told = await answer.text();
    ok(told.length < 4_096 && issuesOf(told).length <= 23, `${path} ${told.length}`);
  }
});

test("while nothing can be written the answer is 503 with Retry-After, and secrets are still listed", async () => {
  await using own = await startService({ ADMIN_API_KEY: ADMIN, MASTER_KEY });
  await using other = await otherUserOf(own.databaseUrl);
  await other.lockWrites();
  // On PostgreSQL only the table of the messages is locked, and an erasure waits for its vacuum.
  const asked = own.databaseUrl.startsWith("sqlite:")
    ? [ERASURE, TEST_MESSAGE, SIGNED_MESSAGE, SECRET]
    : [TEST_MESSAGE];
  const refused = asked.map(async ([path, body]) => {
    const answer = await send(path, body, own);
    deepEqual([answer.status, answer.headers.has("retry-after")], [503, true], path);
    await answer.arrayBuffer();
  });
  await Promise.all(refused);
  const listed = await fetch(`${own.url}/secrets`, { headers: bearer(ADMIN) });
  equal(listed.status, 200);
  await other.unlockWrites();
  for (const [path, body] of [...asked, SIGNED_MESSAGE])
    ok([200, 201].includes((await send(path, body, own)).status), path);
});

test("the rate limits of addresses and of keys hold for these routes", async () => {
  for (const limit of ["RATE_LIMIT_PER_IP", "RATE_LIMIT_PER_KEY"]) {
    await using own = await startService({ ADMIN_API_KEY: ADMIN, MASTER_KEY, [limit]: "2/1h" });
    for (const path of ["/erasures", "/secrets"])
      equal((await send(path, "{}", own)).status, 422, limit);
    for (const path of ["/erasures", "/test-messages", "/secrets", "/secrets/none/retire"]) {
      const answer = await send(path, "{}", own);
      deepEqual([answer.status, answer.headers.has("retry-after")], [429, true], path);
    }
    const listed = await fetch(`${own.url}/secrets`, { headers: bearer(ADMIN) });
    equal(listed.status, 429);
  }
});
