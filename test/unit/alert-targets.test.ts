import { deepEqual, doesNotMatch, equal, match, ok } from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { postJson } from "../../src/alerts/post.ts";
import {
  type AlertMessage,
  chatText,
  chatWebhook,
  pagerDuty,
  pagerDutyEvent,
} from "../../src/alerts/targets.ts";
import { badServer } from "../support/bad-server.ts";
import { fakeChat } from "../support/fake-chat.ts";
import { fakePagerDuty } from "../support/fake-pagerduty.ts";

const KEY = "K".repeat(32);
const OPTIONS = { url: "http://127.0.0.1:1/", routingKey: KEY, host: "web-1", version: "1.2.3" };
const NEVER_ABORTED = new AbortController().signal;

function message(fields: Partial<AlertMessage> = {}): AlertMessage {
  return {
    event: "trigger",
    key: "lyftr-id-disk_nearly_full",
    summary: "web-1 has <little> & less",
    rule: { name: "disk_nearly_full", severity: "error", advice: "Make room." },
    sinceMs: Date.parse("2025-01-15T10:00:00Z"),
    nowMs: Date.parse("2025-01-15T10:03:10Z"),
    ...fields,
  };
}

test("a trigger has the fields that PagerDuty's Events API v2 requires, and a resolve only the key", () => {
  deepEqual(pagerDutyEvent(message(), OPTIONS), {
    routing_key: KEY,
    event_action: "trigger",
    dedup_key: "lyftr-id-disk_nearly_full",
    client: "Lyftr",
    payload: {
      summary: "Lyftr: web-1 has <little> & less",
      source: "web-1",
      severity: "error",
      timestamp: "2025-01-15T10:00:00.000Z",
      component: "lyftr",
      class: "disk_nearly_full",
      custom_details: { rule: "disk_nearly_full", what_to_do: "Make room.", version: "1.2.3" },
    },
  });
  deepEqual(pagerDutyEvent(message({ event: "resolve" }), OPTIONS), {
    routing_key: KEY,
    event_action: "resolve",
    dedup_key: "lyftr-id-disk_nearly_full",
  });
  const { payload } = pagerDutyEvent(message({ summary: "x".repeat(5_000) }), OPTIONS) as {
    payload: { summary: string };
  };
  equal(payload.summary.length, 1_024);
});

test("a chat shows what is wrong and what to do, and afterwards how long it lasted, without foreign markup", () => {
  equal(chatText(message()), "*Lyftr, error:* web-1 has &lt;little&gt; &amp; less\nMake room.");
  equal(
    chatText(message({ event: "resolve" })),
    "*Lyftr, over:* web-1 has &lt;little&gt; &amp; less (after 3 min)",
  );
});

test("PagerDuty's answers are distinguished: accepted, refused for good, to be retried", async () => {
  await using fake = await fakePagerDuty();
  const target = pagerDuty({ ...OPTIONS, url: fake.url });
  deepEqual(await target.send(message(), NEVER_ABORTED), {
    kind: "taken",
    status: 202,
    words: '{"status":"success","message":"Event processed"}',
  });
  equal(fake.open()[0]?.dedupKey, "lyftr-id-disk_nearly_full");
  equal((await target.send(message({ event: "resolve" }), NEVER_ABORTED)).kind, "taken");
  equal(fake.open().length, 0);
  fake.answer(400);
  const refused = await target.send(message(), NEVER_ABORTED);
  ok(refused.kind === "refused" && refused.status === 400);
  match(refused.words, /told to refuse/);
  for (const [status, isOutcomeUnknown] of [
    [429, false],
    [500, true],
  ] as const) {
    fake.answer(status);
    const reason = `It answered ${status}.`;
    deepEqual(await target.send(message(), NEVER_ABORTED), {
      kind: "failed",
      reason,
      retryAfterMs: 0,
      isOutcomeUnknown,
    });
  }
});

test("a redirect is not followed, and a chat's answer is shown without its address", async () => {
  await using chat = await fakeChat();
  const target = chatWebhook(chat.url);
  chat.answer(302);
  const result = await target.send(message(), NEVER_ABORTED);
  deepEqual(result, { kind: "refused", status: 302, words: "no ***" });
  equal(chat.requests(), 1);
  chat.answer(200);
  equal((await target.send(message(), NEVER_ABORTED)).kind, "taken");
  equal(chat.texts.length, 1);
});

/** Posts to a server that treats each connection like this. */
async function posted(answer: Parameters<typeof badServer>[0], signal = NEVER_ABORTED) {
  await using server = await badServer(answer);
  const startMs = performance.now();
  const result = await postJson(
    `${server.url}/secret`,
    { text: "it" },
    { signal, secrets: ["/secret", "geheim"] },
  );
  return { result, ms: performance.now() - startMs };
}

test("a requested wait is respected, five minutes at most, and secrets are removed from an answer", async () => {
  const asked = (status: string, headers: string, body = "") =>
    posted(
      (socket) =>
        void socket.end(
          `HTTP/1.1 ${status}\r\ncontent-length: ${body.length}\r\n${headers}\r\n\r\n${body}`,
        ),
    );
  const waits = (result: object) => (result as { retryAfterMs: number }).retryAfterMs;
  equal(waits((await asked("429 Too Many", "retry-after: 7")).result), 7_000);
  equal(waits((await asked("503 Away", "retry-after: 99999")).result), 300_000);
  equal(waits((await asked("503 Away", "retry-after: Wed, 21 Oct 2015 07:28:00 GMT")).result), 0);
  const { result } = await asked("404 Not Found", "x: y", "no\n /secret\u0000 of geheim here");
  deepEqual(result, { kind: "refused", status: 404, words: "no *** of *** here" });
});

test("an endless body is read to four kilobytes, and garbage and a broken connection are failures that name no address", async (t) => {
  const endless = await posted((socket) => {
    socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
    const writing = setInterval(() => socket.write(`400\r\n${"x".repeat(1_024)}\r\n`), 1);
    socket.on("close", () => clearInterval(writing));
  });
  ok(endless.result.kind === "taken" && endless.result.words.length === 200);
  ok(endless.ms < 5_000, `${endless.ms}`);
  for (const answer of ["not http at all\r\n\r\n", ""]) {
    const { result } = await posted((socket) => void socket.end(answer));
    ok(result.kind === "failed" && result.isOutcomeUnknown, JSON.stringify(result));
    doesNotMatch(result.reason, /127|secret/);
    t.diagnostic(result.reason);
  }
  const gone = await badServer(() => undefined);
  await gone[Symbol.asyncDispose]();
  const refused = await postJson(gone.url, {}, { signal: NEVER_ABORTED, secrets: [] });
  deepEqual(refused, {
    kind: "failed",
    reason: "Nothing listens at its address (ECONNREFUSED).",
    retryAfterMs: 0,
    isOutcomeUnknown: false,
  });
});

test("a target that never answers is given up after ten seconds, or at once when the result is not wanted any more", async (t: TestContext) => {
  const [{ result, ms }, aborted] = await Promise.all([
    posted(() => undefined),
    posted(() => undefined, AbortSignal.timeout(200)),
  ]);
  deepEqual(result, {
    kind: "failed",
    reason: "It did not answer within 10 s.",
    retryAfterMs: 0,
    isOutcomeUnknown: true,
  });
  ok(ms >= 9_900 && ms < 15_000, `${ms}`);
  ok(aborted.ms < 5_000, `${aborted.ms}`);
  t.diagnostic(`${Math.round(ms)} ms`);
});
