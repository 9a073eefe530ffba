import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { demoTraffic } from "../../src/cli/demo/demo-traffic.ts";
import { generateMessages } from "../../src/cli/sending/message-generator.ts";
import { parseMessage } from "../../src/domain/message.ts";

const COUNT = 3_000;
const NOW_MS = Date.UTC(2025, 0, 15, 10);
const DAY_MS = 86_400_000;
const messages = [...generateMessages({ seed: 7, count: COUNT, nowMs: NOW_MS })];

test("every generated message is a valid one with an id of its own", () => {
  for (const message of messages) equal(parseMessage(message).ok, true, JSON.stringify(message));
  equal(new Set(messages.map(({ message_id }) => message_id)).size, COUNT);
});

test("the same seed makes the same messages, another seed makes other ids", () => {
  deepEqual([...generateMessages({ seed: 7, count: COUNT, nowMs: NOW_MS })], messages);
  const [other] = generateMessages({ seed: 8, count: 1, nowMs: NOW_MS });
  ok(!messages.some(({ message_id }) => message_id === other?.message_id));
});

test("some senders are far busier than others", () => {
  const counts = new Map<string, number>();
  for (const { from } of messages) counts.set(from, (counts.get(from) ?? 0) + 1);
  const sorted = [...counts.values()].sort((a, b) => b - a);
  ok(sorted.length >= 40, `${sorted.length} senders`);
  ok((sorted[0] ?? 0) > 10 * (sorted.at(-1) ?? 0), sorted.join(" "));
});

test("timestamps lie within the last five days, none in the future", () => {
  const times = messages.map(({ ts }) => Date.parse(ts));
  ok(Math.max(...times) <= NOW_MS);
  ok(Math.min(...times) >= NOW_MS - 5 * DAY_MS - 1_000);
  ok(Math.max(...times) - Math.min(...times) > 4 * DAY_MS);
});

test("texts come in many scripts, some long and some missing", () => {
  const texts = messages.map(({ text }) => text);
  for (const script of [
    "Latin",
    "Devanagari",
    "Arabic",
    "Han",
    "Hiragana",
    "Cyrillic",
    "Hangul",
    "Thai",
    "Greek",
    "Hebrew",
  ]) {
    ok(
      texts.some((text) => text !== null && new RegExp(`\\p{Script=${script}}`, "u").test(text)),
      script,
    );
  }
  ok(texts.includes(null));
  ok(texts.some((text) => text !== null && text.length > 200));
});

test("the traffic of a demonstration has every kind of trouble in it, however short it is", async () => {
  const bodies: { readonly message_id: string; readonly text: string; readonly from: string }[] = [];
  let forged = 0;
  for await (const { body, signature } of demoTraffic({ messages: 30, nowMs: NOW_MS })) {
    if (signature === undefined) bodies.push(JSON.parse(String(body)));
    else forged++;
  }
  ok(forged > 0);
  const valid = bodies.filter((body) => parseMessage(body).ok);
  ok(valid.length < bodies.length);
  equal(new Set(valid.map(({ message_id }) => message_id)).size, 30);
  ok(new Set(valid.map((body) => JSON.stringify(body))).size < valid.length, "no duplicates");
  ok(new Set(valid.map((body) => JSON.stringify(body))).size > 30, "no conflicts");
});
