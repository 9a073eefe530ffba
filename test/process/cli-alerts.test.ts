import { deepEqual, equal, match, ok } from "node:assert/strict";
import { test } from "node:test";
import { run, temporaryFolder } from "../support/cli.ts";
import { CHAT_PATH, fakeChat } from "../support/fake-chat.ts";
import { fakePagerDuty } from "../support/fake-pagerduty.ts";

const ROUTING_KEY = "R".repeat(32);

test("alerts test sends a trigger and a resolve to every target, and shows the answers", async () => {
  await using pagerduty = await fakePagerDuty();
  await using chat = await fakeChat();
  using folder = temporaryFolder();
  const env = {
    PAGERDUTY_ROUTING_KEY: ROUTING_KEY,
    PAGERDUTY_URL: pagerduty.url,
    ALERT_WEBHOOK_URL: chat.url,
  };
  const { code, stdout, stderr } = await run(["alerts", "test"], { cwd: folder.path, env });
  deepEqual([code, stderr], [0, ""]);
  const lines = stdout.trimEnd().split("\n");
  match(lines[0] ?? "", /^TARGET +EVENT +ANSWER$/);
  deepEqual(
    lines.slice(1).map((line) => line.replace(/ +/g, " ")),
    [
      'pagerduty trigger accepted, 202: {"status":"success","message":"Event processed"}',
      'pagerduty resolve accepted, 202: {"status":"success","message":"Event processed"}',
      "webhook trigger accepted, 200: ok",
      "webhook resolve accepted, 200: ok",
    ],
  );
  deepEqual(
    pagerduty
      .incidents()
      .map(({ dedupKey, resolvedAtMs }) => [
        dedupKey.startsWith("lyftr-test-"),
        resolvedAtMs !== undefined,
      ]),
    [[true, true]],
  );
  match(pagerduty.incidents()[0]?.summary ?? "", /^Lyftr: \S+ tests whether alerts arrive$/);
  equal(chat.texts.length, 2);
});

test("alerts test names the targets that are not configured, and ends with 2 when none is", async () => {
  await using chat = await fakeChat();
  using folder = temporaryFolder();
  const one = await run(["alerts", "test"], {
    cwd: folder.path,
    env: { ALERT_WEBHOOK_URL: chat.url },
  });
  deepEqual(
    [one.code, one.stderr],
    [0, "PagerDuty is not tested: PAGERDUTY_ROUTING_KEY is not set.\n"],
  );
  const none = await run(["alerts", "test"], { cwd: folder.path });
  deepEqual([none.code, none.stdout], [2, ""]);
  match(
    none.stderr,
    /ALERT_WEBHOOK_URL is not set\.\nNo target is configured\. Set PAGERDUTY_ROUTING_KEY or ALERT_WEBHOOK_URL\.\n$/,
  );
});

test("alerts test ends with 1 when a target does not accept it, says why, and shows no secret", async () => {
  await using pagerduty = await fakePagerDuty();
  await using chat = await fakeChat();
  using folder = temporaryFolder();
  pagerduty.answer(400);
  const env = {
    PAGERDUTY_ROUTING_KEY: ROUTING_KEY,
    PAGERDUTY_URL: pagerduty.url,
    ALERT_WEBHOOK_URL: chat.url,
  };
  const refused = await run(["alerts", "test"], { cwd: folder.path, env });
  equal(refused.code, 1);
  match(refused.stdout, /pagerduty +trigger +refused, 400: .*told to refuse/);
  match(refused.stdout, /webhook +resolve +accepted, 200/);
  match(refused.stderr, /integration key of a service with Events API v2/);
  chat.answer(404);
  const gone = { ...env, PAGERDUTY_URL: "http://127.0.0.1:9/" };
  const failed = await run(["alerts", "test"], { cwd: folder.path, env: gone });
  equal(failed.code, 1);
  match(failed.stdout, /pagerduty +trigger +failed: /);
  match(failed.stdout, /webhook +trigger +refused, 404: no \*\*\*\n/);
  for (const text of [refused.stdout, refused.stderr, failed.stdout, failed.stderr]) {
    ok(!text.includes(ROUTING_KEY));
    ok(!text.includes(CHAT_PATH));
  }
});
