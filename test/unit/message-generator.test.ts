import { deepEqual, equal, match, ok } from "node:assert/strict";
import { test } from "node:test";
import { demoTraffic } from "../../src/cli/demo/demo-traffic.ts";
import {
  type GeneratedMessage,
  generateMessages,
  senderNumber,
} from "../../src/cli/sending/message-generator.ts";
import { COMMON_WORD, LOCALES, RARE_WORD } from "../../src/cli/sending/sample-texts.ts";
import { pickerByRank, scattered, seededRandom } from "../../src/cli/sending/seeded-random.ts";
import { parseMessage } from "../../src/domain/message.ts";

const COUNT = 3_000;
const NOW_MS = Date.UTC(2025, 0, 15, 10);
const DAY_MS = 86_400_000;
const messages = [...generateMessages({ seed: 7, count: COUNT, nowMs: NOW_MS })];
const MANY = 20_000;
const many = [
  ...generateMessages({ seed: 7, count: MANY, nowMs: NOW_MS, spanMs: MANY * 1_000, senders: 500 }),
];
const textsWith = (word: string, list: readonly GeneratedMessage[]) =>
  list.filter(({ text }) => text?.toLowerCase().includes(word)).length;

test("every generated message is valid and has a unique id", () => {
  for (const message of messages) equal(parseMessage(message).ok, true, JSON.stringify(message));
  equal(new Set(messages.map(({ message_id }) => message_id)).size, COUNT);
});

test("the same seed makes the same messages, another seed makes other ids", () => {
  deepEqual([...generateMessages({ seed: 7, count: COUNT, nowMs: NOW_MS })], messages);
  const [other] = generateMessages({ seed: 8, count: 1, nowMs: NOW_MS });
  ok(!messages.some(({ message_id }) => message_id === other?.message_id));
});

test("ids have no order unless one is requested, and are unique in both cases", () => {
  const ids = (options: { readonly ids?: "random" | "ascending" }) =>
    [...generateMessages({ seed: 7, count: COUNT, nowMs: NOW_MS, ...options })].map(
      ({ message_id }) => message_id,
    );
  const ascents = (list: readonly string[]) =>
    list.filter((id, at) => at > 0 && id > (list[at - 1] as string)).length;
  const random = ids({});
  for (const id of random) match(id, /^[0-9a-f]{16}$/);
  ok(Math.abs(ascents(random) - COUNT / 2) < COUNT / 20, `${ascents(random)} ascents`);
  const ascending = ids({ ids: "ascending" });
  equal(ascents(ascending), COUNT - 1);
  equal(new Set(ascending).size, COUNT);
});

test("no two numbers are scattered to the same place", () => {
  equal(new Set(Array.from({ length: 100_000 }, (_, number) => scattered(number))).size, 100_000);
});

test("a picker by rank picks the first most often, and every one of them", () => {
  const pick = pickerByRank(10, 1);
  const random = seededRandom(1);
  const counts = Array.from({ length: 10 }, () => 0);
  for (let round = 0; round < 29_290; round++) {
    const rank = pick(random());
    counts[rank] = (counts[rank] ?? 0) + 1;
  }
  // The harmonic number of 10 is 2.929: the first is picked 10,000 times, the last 1,000 times,
  // approximately.
  ok(Math.abs((counts[0] ?? 0) - 10_000) < 400, counts.join(" "));
  ok(Math.abs((counts[9] ?? 0) - 1_000) < 150, counts.join(" "));
  equal(pick(0), 0);
  equal(pick(1 - Number.EPSILON), 9);
});

test("some senders are far busier than others", () => {
  const counts = new Map<string, number>();
  for (const { from } of messages) counts.set(from, (counts.get(from) ?? 0) + 1);
  const sorted = [...counts.values()].sort((a, b) => b - a);
  ok(sorted.length >= 40, `${sorted.length} senders`);
  ok((sorted[0] ?? 0) > 10 * (sorted.at(-1) ?? 0), sorted.join(" "));
});

test("the number of senders is as requested, each with its own number", () => {
  equal(new Set(Array.from({ length: 20_000 }, (_, rank) => senderNumber(rank))).size, 20_000);
  const senders = new Set(many.map(({ from }) => from));
  ok(senders.size > 400 && senders.size <= 500, `${senders.size} senders`);
  const counts = Map.groupBy(many, ({ from }) => from);
  equal(
    Math.max(...[...counts.values()].map(({ length }) => length)),
    counts.get(senderNumber(0))?.length,
  );
});

test("timestamps are within the last five days, none in the future", () => {
  const times = messages.map(({ ts }) => Date.parse(ts));
  ok(Math.max(...times) <= NOW_MS);
  ok(Math.min(...times) >= NOW_MS - 5 * DAY_MS - 1_000);
  ok(Math.max(...times) - Math.min(...times) > 4 * DAY_MS);
});

test("timestamps ascend except for some seconds, over the requested span", () => {
  const times = many.map(({ ts }) => Date.parse(ts));
  let [latest, late] = [0, 0];
  for (const time of times) {
    if (time < latest) late++;
    ok(latest - time < 10_000);
    latest = Math.max(latest, time);
  }
  ok(late > MANY / 20 && late < MANY / 2, `${late} came late`);
  const seconds = (Math.max(...times) - Math.min(...times)) / 1_000;
  ok(seconds > 0.99 * MANY && seconds <= MANY, `${seconds} s`);
  ok(many.some(({ ts }) => ts.length === 20) && many.some(({ ts }) => ts.length === 24));
  ok(many.some(({ ts }) => ts.length === 27));
});

test("one word occurs in a hundredth of the texts, another in three of them, and neither by chance", () => {
  const common = textsWith(COMMON_WORD, many);
  ok(common > MANY / 130 && common < MANY / 70, `${common} of ${MANY}`);
  equal(textsWith(RARE_WORD, many), 3);
  for (const { texts, words } of LOCALES) {
    const all = [...texts, words].join(" ").toLowerCase();
    ok(!all.includes(COMMON_WORD) && !all.includes(RARE_WORD));
  }
});

test("a webhook's body has about 160 bytes", () => {
  const bytes =
    many.reduce((sum, message) => sum + Buffer.byteLength(JSON.stringify(message)), 0) / MANY;
  ok(bytes > 140 && bytes < 180, `${bytes} bytes`);
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
  const bodies: { readonly message_id: string; readonly text: string; readonly from: string }[] =
    [];
  let forged = 0;
  for await (const { body, secret } of demoTraffic({
    messages: 30,
    nowMs: NOW_MS,
    spanMs: 60_000,
  })) {
    if (secret === undefined) bodies.push(JSON.parse(String(body)));
    else forged++;
  }
  ok(forged > 0);
  const valid = bodies.filter((body) => parseMessage(body).ok);
  ok(valid.length < bodies.length);
  equal(new Set(valid.map(({ message_id }) => message_id)).size, 30);
  ok(new Set(valid.map((body) => JSON.stringify(body))).size < valid.length, "no duplicates");
  ok(new Set(valid.map((body) => JSON.stringify(body))).size > 30, "no conflicts");
});
