import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { LIVE_MESSAGES_MAX, liveTraffic } from "../../src/cli/demo/live-traffic.ts";
import { parseMessage } from "../../src/domain/message.ts";

test("the demo continues with valid messages of now, one or two a second, and ends after 10,000", async () => {
  let nowMs = Date.UTC(2025, 0, 15, 10);
  const startMs = nowMs;
  const clock = {
    now: () => nowMs,
    monotonic: () => nowMs,
    sleep: async (ms: number) => {
      ok(ms >= 500 && ms <= 1_000, `${ms}`);
      nowMs += ms;
    },
  };
  const ids = new Set<string>();
  for await (const { body } of liveTraffic({ clock, signal: new AbortController().signal })) {
    const parsed = parseMessage(JSON.parse(String(body)));
    if (!parsed.ok) throw new Error(`invalid: ${body}`);
    const { messageId, ts } = parsed.message;
    ids.add(messageId);
    const lateMs = nowMs - Date.parse(ts);
    ok(lateMs >= 0 && lateMs <= 1_001, `${lateMs} ms late`);
  }
  deepEqual([ids.size, LIVE_MESSAGES_MAX], [10_000, 10_000]);
  ok((nowMs - startMs) / 10_000 > 600);
});

test("it ends at once when the demo is stopped", async () => {
  const stop = new AbortController();
  let slept = 0;
  const clock = {
    now: () => 0,
    monotonic: () => 0,
    sleep: async () => {
      if (++slept === 3) stop.abort();
    },
  };
  let sent = 0;
  for await (const _ of liveTraffic({ clock, signal: stop.signal })) sent++;
  equal(sent, 2);
});
