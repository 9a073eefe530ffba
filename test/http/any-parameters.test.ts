import { ok } from "node:assert/strict";
import { request } from "node:http";
import { after, test } from "node:test";
import { array, assert, asyncProperty, constantFrom, oneof, record, string } from "fast-check";
import { anyCharacter } from "../support/any-character.ts";
import { propertyRuns } from "../support/property-runs.ts";
import { body, post, startService } from "../support/service.ts";

// /messages has its own property in messages.test.ts.
const FILTERS = ["from", "to", "source", "since", "until", "q"];
const PARAMETERS = {
  "/stats": ["limit"],
  "/stats/timeline": ["from", "since", "until", "bucket", "zone"],
  "/senders": ["limit", "offset", "cursor", "prefix"],
  "/messages/export": [...FILTERS, "order", "format", "cursor"],
  "/messages/m1": ["source"],
};
const VALUES = [
  ...["", "1", "-1", "1e999", "9007199254740993", "Infinity", "2025-01-15", "0000-01-01", "minute"],
  ...["day", "week", "Asia/Kolkata", "UTC", "csv", "ndjson", "desc", "%2B1", "%00", "%ff", "%"],
  ...["0000-01-01T00:00:00%2B23:59", "9999-12-31T23:59:59.999999999-23:59", "m1", "native"],
];

const service = await startService();
after(() => service[Symbol.asyncDispose]());

/** Without a URL parser, which would change the path. */
function statusOf(path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port: service.port, path }, (response) => {
      response.resume().on("end", () => resolve(response.statusCode ?? 0));
    });
    sent.on("error", reject).end();
  });
}

test("no parameters of a read are a 5xx, whatever they are", async () => {
  for (const message_id of ["m1", "m2"]) await post(service.url, body({ message_id }));
  const value = oneof(
    { weight: 3, arbitrary: constantFrom(...VALUES) },
    string({ unit: anyCharacter, maxLength: 20 }).map(encodeURIComponent),
    string({ unit: constantFrom(..."abz019-_.~!$'()*,;:@/?[]{}|\\^`\"<>=%+"), maxLength: 20 }),
  );
  const target = constantFrom(...Object.entries(PARAMETERS)).chain(([path, names]) =>
    array(record({ name: constantFrom(...names, "__proto__"), value }), { maxLength: 6 }).map(
      (pairs) => `${path}?${pairs.map((pair) => `${pair.name}=${pair.value}`).join("&")}`,
    ),
  );
  await assert(
    asyncProperty(target, async (path) => {
      const status = await statusOf(path);
      ok([200, 400, 404, 422].includes(status), `${status}`);
    }),
    { numRuns: propertyRuns(600) },
  );
});
