import { deepEqual, equal } from "node:assert/strict";
import { after, test } from "node:test";
import {
  assert,
  asyncProperty,
  constantFrom,
  integer,
  nat,
  record,
  shuffledSubarray,
  string,
  uniqueArray,
} from "fast-check";
import { listMessages } from "../support/client.ts";
import { propertyRuns } from "../support/property-runs.ts";
import { body, post, startService } from "../support/service.ts";

const service = await startService();
after(() => service[Symbol.asyncDispose]());

/** Different ids, among them some whose order in UTF-16 differs from that of their bytes. */
const messages = uniqueArray(
  record({
    id: string({ unit: constantFrom("a", "B", "é", "\ufffd", "😀"), maxLength: 3 }),
    ts: integer({ min: 0, max: 59 }).chain((second) =>
      constantFrom("", ".5", ".50", ".000000001").map(
        (fraction) => `2025-01-15T10:00:${String(second).padStart(2, "0")}${fraction}Z`,
      ),
    ),
  }),
  { selector: ({ id }) => id, minLength: 2, maxLength: 6 },
);

test("the order of webhooks, their repeats and how many come at once do not change the list", async () => {
  let run = 0;
  const sent = messages.chain((all) =>
    record({
      first: shuffledSubarray(all, { minLength: all.length }),
      again: shuffledSubarray(all),
      atOnce: nat(4).map((n) => n + 1),
    }),
  );
  await assert(
    asyncProperty(sent, async ({ first, again, atOnce }) => {
      run++;
      const from = `+${1_000 + run}`;
      const payloadOf = ({ id, ts }: { readonly id: string; readonly ts: string }) =>
        body({ message_id: `${run}-${id}`, from, ts });
      const payloads = [...first, ...again].map(payloadOf);
      for (let at = 0; at < payloads.length; at += atOnce) {
        const answers = payloads.slice(at, at + atOnce).map((each) => post(service.url, each));
        for (const { status } of await Promise.all(answers)) equal(status, 200);
      }
      const { data, total } = await listMessages(service, `?from=${encodeURIComponent(from)}`);
      const expected = first.toSorted(byPosition).map(({ id, ts }) => [`${run}-${id}`, ts]);
      deepEqual(
        data.map(({ message_id, ts }) => [message_id, ts]),
        expected,
      );
      equal(total, expected.length);
    }),
    { numRuns: propertyRuns(80) },
  );
});

/** By the moment, then by the bytes of the id. */
function byPosition(
  one: { readonly id: string; readonly ts: string },
  other: { readonly id: string; readonly ts: string },
): number {
  return (
    nanosOf(one.ts) - nanosOf(other.ts) ||
    Buffer.compare(Buffer.from(one.id), Buffer.from(other.id))
  );
}

/** All moments are within one minute, so the number is exact. */
function nanosOf(ts: string): number {
  const [, seconds = "", fraction = ""] = /:([0-9]{2})(?:\.([0-9]+))?Z$/.exec(ts) ?? [];
  return Number(seconds) * 1e9 + Number(fraction.padEnd(9, "0"));
}
