import { deepEqual, equal, ok } from "node:assert/strict";
import { request } from "node:http";
import { after, test } from "node:test";
import { array, assert, asyncProperty, constantFrom, integer, oneof, string } from "fast-check";
import { anyCharacter } from "../support/any-character.ts";
import { json, listMessages, type Seen, seen } from "../support/client.ts";
import { propertyRuns } from "../support/property-runs.ts";
import { body, post, startService } from "../support/service.ts";

const NOT_FOUND = json(404, { detail: "Not Found" });

const service = await startService();
after(() => service[Symbol.asyncDispose]());

const one = (id: string, query = "") =>
  seen(fetch(`${service.url}/messages/${encodeURIComponent(id)}${query}`));

async function store(
  message_id: string,
  fields: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  equal((await post(service.url, body({ message_id, ...fields }))).status, 200, message_id);
}

/** Sends a request target unchanged; fetch would normalize it. */
function asked(path: string, method = "GET"): Promise<Seen> {
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port: service.port, path, method, timeout: 5_000 };
    const sent = request(options, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => (text += part));
      const type = response.headers["content-type"] ?? null;
      response.on("end", () => resolve({ status: response.statusCode ?? 0, type, text }));
    });
    sent.on("timeout", () => sent.destroy(new Error(`no answer to ${path}`)));
    sent.on("error", reject).end();
  });
}

test("a message is returned exactly as in the list", async () => {
  await store("first", { text: 'ünïcode \u{1F600} "quoted"\n' });
  await store("no text", { text: null, ts: "2025-01-15T10:00:00.500Z" });
  await store("empty", { text: "" });
  for (const listed of (await listMessages(service)).data)
    deepEqual(await one(listed.message_id), json(200, listed), listed.message_id);
});

test("an unknown id is 404, whatever it looks like", async () => {
  for (const id of [
    "nothing",
    "First",
    "first ",
    " first",
    "firs",
    "firs%",
    "f_rst",
    "' OR '1'='1",
    "'; DROP TABLE messages; --",
    "\0",
    "first\0",
    "../stats",
    "__proto__",
    "😀",
    "x".repeat(1024),
    "x".repeat(1025),
    "😀".repeat(257),
    "x".repeat(5_000),
  ]) {
    deepEqual(await one(id), NOT_FOUND, id.slice(0, 40));
  }
});

test("a source narrows the search, and an empty one does not", async () => {
  await store("of native");
  for (const query of [
    "?source=native",
    "?source=%20native%20",
    "?source=",
    "?source",
    "?other=1",
    "?limit=x",
  ])
    equal((await one("of native", query)).status, 200, query);
  for (const query of [
    "?source=other",
    "?source=NATIVE",
    "?source='",
    "?source=%ff",
    "?source=native&source=other",
  ])
    deepEqual(await one("of native", query), NOT_FOUND, query);
});

const ODD_IDS = [
  " ",
  "   ",
  ".",
  "..",
  "/",
  "//",
  "a/b",
  "/messages/x",
  "a%2Fb",
  "%",
  "%25",
  "%2541",
  "%zz",
  "a?b=c",
  "?",
  "#",
  "a#b",
  "a&b=c;d",
  "a+b",
  "+919876543210",
  "a b",
  "\\",
  ":message_id",
  "*",
  "exports",
  "EXPORT",
  "timeline",
  "\r\n",
  "\t",
  "\u2028",
  "é",
  "e\u0301",
  "\u{1F600}".repeat(256),
  "%".repeat(1024),
  "/".repeat(1024),
  "x".repeat(1024),
];

test("every id that can be stored can be read, however odd and however long", async () => {
  for (const id of ODD_IDS) {
    await store(id);
    const { status, text } = await asked(`/messages/${encodeURIComponent(id)}`);
    deepEqual([status, JSON.parse(text).message_id], [200, id], JSON.stringify(id.slice(0, 20)));
  }
});

test("a path may escape more or less than necessary", async () => {
  await store("plain-id");
  await store("semi;colon,and=more@here:$&+!*'()");
  for (const path of [
    "/messages/%70lain-id",
    "/messages/%70%6c%61%69%6E%2d%69%64",
    "/%6dessages/plain-id",
  ])
    equal(JSON.parse((await asked(path)).text).message_id, "plain-id", path);
  const unescaped = await asked("/messages/semi;colon,and=more@here:$&+!*'()");
  equal(JSON.parse(unescaped.text).message_id, "semi;colon,and=more@here:$&+!*'()");
});

test("arbitrary ids lead to their own message and to no other", async () => {
  const id = oneof(
    string({ unit: anyCharacter, minLength: 1, maxLength: 40 }),
    string({ unit: constantFrom(..."aA%2Ff.+/?#&;: \\'\""), minLength: 1, maxLength: 12 }),
  ).filter((text) => text.isWellFormed() && !text.includes("\0") && text !== "export");
  await assert(
    asyncProperty(id, async (text) => {
      await store(text);
      const { status, text: told } = await asked(`/messages/${encodeURIComponent(text)}`);
      deepEqual([status, JSON.parse(told).message_id], [200, text]);
    }),
    { numRuns: propertyRuns(300) },
  );
});

test("broken escapes are a 4xx, never a 5xx", async () => {
  for (const id of [
    "%ff",
    "%",
    "%f",
    "%zz",
    "%c0%af",
    "%ed%a0%80",
    "%u0041",
    "a%ffb",
    "%e9",
    "%2",
    "%00%ff",
  ]) {
    for (const method of ["GET", "HEAD", "POST"]) {
      const { status } = await asked(`/messages/${id}`, method);
      ok(
        status === 400 || status === 404 || (status === 405 && method === "POST"),
        `${method} ${id} ${status}`,
      );
    }
  }
  const escapes = array(integer({ min: 0, max: 255 }), { maxLength: 12 }).map((bytes) =>
    bytes.map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join(""),
  );
  await assert(
    asyncProperty(escapes, async (id) => {
      const { status } = await asked(`/messages/${id}`);
      ok([200, 400, 404].includes(status), `${id} ${status}`);
    }),
    { numRuns: propertyRuns(300) },
  );
});

test("another method is 405 and lists the allowed ones, whatever the id", async () => {
  for (const id of ["first", "nothing", encodeURIComponent("a/b"), "x".repeat(3_000), "%20"]) {
    for (const method of ["POST", "PUT", "DELETE", "PATCH"]) {
      const response = await fetch(`${service.url}/messages/${id}?a=b`, { method });
      deepEqual(
        [response.status, response.headers.get("allow")],
        [405, "GET, HEAD"],
        `${method} ${id.slice(0, 20)}`,
      );
      deepEqual(await response.json(), { detail: "Method Not Allowed" });
    }
  }
});

test("an empty id and a longer path are not a message", async () => {
  for (const path of ["/messages//", "/messages/first/x", "/messages//first", "/messages/first%2F"])
    deepEqual(await asked(path), NOT_FOUND, path);
});

test("HEAD is GET without a body", async () => {
  await store("head");
  const head = await asked("/messages/head", "HEAD");
  deepEqual(head, { status: 200, type: "application/json", text: "" });
  equal((await asked("/messages/nothing", "HEAD")).status, 404);
});

test("the log has the route's template instead of an id", async () => {
  const before = service.lines.length;
  await asked("/messages/%2B919876543210");
  await asked(`/messages/${"y".repeat(2_000)}`);
  await service.line((line) => service.lines.indexOf(line) === before + 1);
  const paths = service.lines.slice(before).map(({ path }) => path);
  deepEqual(paths, ["/messages/:message_id", "/messages/:message_id"]);
});
