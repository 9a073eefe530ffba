import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { json, macOf, scrape, seen, series } from "../support/client.ts";
import { body, post, type Service, startService } from "../support/service.ts";

const BEFORE = "the secret of before";
const LONG_BEFORE = "the secret of long before";
let sent = 0;

/** The status of a new message that is signed with this. */
async function statusWith(
  secret: string,
  { url }: Service,
  fields: Readonly<Record<string, unknown>> = {},
) {
  const payload = body({ message_id: `m${++sent}`, ...fields });
  return (await post(url, payload, { "x-signature": macOf(payload, secret) })).status;
}

async function counts(service: Service): Promise<Record<string, number>> {
  const found = [...series(await scrape(service))].flatMap(([name, value]) => {
    const key = /^webhook_signature_key_total\{key="(.*)"\}$/.exec(name)?.[1];
    return key === undefined ? [] : [[key, value] as const];
  });
  return Object.fromEntries(found);
}

test("each webhook is counted under the secret that verified it, even with a bad body, and a forged one under none", async () => {
  await using service = await startService({
    WEBHOOK_SECRET: "now",
    WEBHOOK_SECRET_PREVIOUS: `${BEFORE}, ${LONG_BEFORE}`,
  });
  deepEqual(await counts(service), { current: 0, previous_1: 0, previous_2: 0 });
  deepEqual(
    await Promise.all(["now", "now", BEFORE].map((secret) => statusWith(secret, service))),
    [200, 200, 200],
  );
  equal(await statusWith(LONG_BEFORE, service, { from: "nobody" }), 422);
  equal(await statusWith("never", service), 401);
  deepEqual(await counts(service), { current: 2, previous_1: 1, previous_2: 1 });
  const verified = series(await scrape(service));
  const at = (key: string) =>
    verified.get(`webhook_signature_key_last_verified_timestamp_seconds{key="${key}"}`) ??
    Number.NaN;
  for (const key of ["current", "previous_1", "previous_2"])
    equal(Math.abs(Date.now() / 1_000 - at(key)) < 60, true, key);
});

test("a secret that never verified a message has 0 as its last use", async () => {
  await using service = await startService();
  const verified = series(await scrape(service));
  equal(verified.get('webhook_signature_key_last_verified_timestamp_seconds{key="current"}'), 0);
});

test("the end of a secret is reported until it has come", async () => {
  const ends = async (service: Service) =>
    [...series(await scrape(service))].filter(([name]) =>
      name.startsWith("webhook_signature_key_end_timestamp_"),
    );
  const endMs = Date.now() + 3_000;
  const before = `${BEFORE}, ${LONG_BEFORE}@${new Date(endMs).toISOString()}`;
  await using service = await startService({
    WEBHOOK_SECRET: "now",
    WEBHOOK_SECRET_PREVIOUS: before,
  });
  deepEqual(await ends(service), [
    ['webhook_signature_key_end_timestamp_seconds{key="previous_2"}', endMs / 1_000],
  ]);
  await setTimeout(Math.max(0, endMs - Date.now()) + 5);
  deepEqual(await ends(service), []);
});

test("with only a previous secret, the service is ready and accepts it until its end, without a restart", async () => {
  const endMs = Date.now() + 8_000;
  const end = new Date(endMs).toISOString();
  await using service = await startService({
    WEBHOOK_SECRET: "",
    WEBHOOK_SECRET_PREVIOUS: `${BEFORE}@${end}`,
  });
  equal((await fetch(`${service.url}/health/ready`)).status, 200);
  equal(await statusWith(BEFORE, service), 200);
  await setTimeout(Math.max(0, endMs - Date.now()) + 5);
  equal(await statusWith(BEFORE, service), 401);
  deepEqual(
    await seen(fetch(`${service.url}/health/ready`)),
    json(503, { detail: "WEBHOOK_SECRET not configured" }),
  );
  await service.line(({ msg }) => String(msg).startsWith("WEBHOOK_SECRET not configured"));
});
