import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import type { PostResult } from "../../src/alerts/post.ts";
import { AlertWorld, NOT_READY, TAKEN, WELL } from "../support/alert-world.ts";

const DOWN: PostResult = {
  kind: "failed",
  reason: "ECONNREFUSED",
  retryAfterMs: 0,
  isOutcomeUnknown: false,
};
const LOST: PostResult = {
  kind: "failed",
  reason: "no answer within 10 s",
  retryAfterMs: 0,
  isOutcomeUnknown: true,
};
const REFUSED: PostResult = { kind: "refused", status: 400, words: "no such key" };

/** The messages about one rule. */
const of = (told: readonly string[], rule = "not_ready") =>
  told.filter((line) => line.endsWith(` ${rule}`));
const messages = (lines: readonly Readonly<Record<string, unknown>>[]) =>
  lines.map(({ msg }) => msg);

test("a lasting fault is sent once, and its end once, within ninety seconds each", async () => {
  const world = new AlertWorld();
  const one = world.start();
  await world.pass(120);
  one.figures = NOT_READY;
  await world.pass(300);
  equal(await one.metric('alerts_firing{rule="not_ready"}'), 'alerts_firing{rule="not_ready"} 1');
  one.figures = WELL;
  await world.pass(300);
  deepEqual(of(world.pagerduty.told), ["165 trigger not_ready", "465 resolve not_ready"]);
  deepEqual(world.chat.told, ["165 trigger not_ready", "465 resolve not_ready"]);
  const [trigger, resolve] = world.chat.messages;
  deepEqual(
    [trigger?.key, trigger?.summary, trigger?.rule.severity],
    ["lyftr-id-not_ready", "p1 cannot take messages: database not ready", "critical"],
  );
  deepEqual(
    [resolve?.key, resolve?.summary, resolve?.sinceMs],
    [trigger?.key, trigger?.summary, trigger?.sinceMs],
  );
  equal(await one.metric('alerts_firing{rule="not_ready"}'), 'alerts_firing{rule="not_ready"} 0');
  equal(
    await one.metric('alert_notifications_total{target="webhook",result="sent"}'),
    'alert_notifications_total{target="webhook",result="sent"} 2',
  );
  deepEqual(
    messages(one.lines).filter((msg) => msg !== "alert sent"),
    ["alert fires", "alert is over"],
  );
  await one.alerts.stop();
});

test("a fault of half a minute is not sent, and neither is a start", async () => {
  const world = new AlertWorld();
  const one = world.start(NOT_READY);
  await world.pass(30);
  one.figures = WELL;
  await world.pass(200);
  one.figures = NOT_READY;
  await world.pass(34);
  one.figures = WELL;
  await world.pass(200);
  deepEqual(world.chat.told, []);
  deepEqual(world.pagerduty.told, []);
  await one.alerts.stop();
});

test("after a kill while an alert fires, the next process does not send it again, and sends its end", async () => {
  const world = new AlertWorld();
  const first = world.start(NOT_READY);
  await world.pass(60);
  first.kill();
  await world.pass(10);
  const second = world.start(NOT_READY);
  await world.pass(200);
  deepEqual(
    [of(world.pagerduty.told), world.chat.told],
    [["40 trigger not_ready"], ["40 trigger not_ready"]],
  );
  second.figures = WELL;
  await world.pass(100);
  await second.alerts.stop();
  // The lease of the killed process had to expire.
  deepEqual(world.chat.told, ["40 trigger not_ready", "315 resolve not_ready"]);
  equal(of(world.pagerduty.told).length, 2);
});

test("a fault repaired while no process ran ends once the next process has been well for a while", async () => {
  const world = new AlertWorld();
  const first = world.start(NOT_READY);
  await world.pass(60);
  await first.alerts.stop();
  await world.pass(7_200);
  const second = world.start(WELL);
  await world.pass(200);
  await second.alerts.stop();
  deepEqual(world.chat.told, ["40 trigger not_ready", "7305 resolve not_ready"]);
});

test("after a process that may have notified PagerDuty without storing it, the next one resolves what is well, and the one after it sends nothing", async () => {
  const toldAfter = async (how: "killed" | "ended" | "ended while the database was down") => {
    const world = new AlertWorld();
    const first = world.start();
    await world.pass(60);
    if (how === "ended while the database was down")
      Object.assign(first, { figures: NOT_READY, away: "refuses" });
    await world.pass(60);
    if (how === "killed") first.kill();
    else await first.alerts.stop();
    for (let process = 0; process < 2; process++) {
      const { alerts } = world.start();
      await world.pass(120);
      await alerts.stop();
    }
    return world.pagerduty.told.map((line) => line.replace(/^[0-9]+ /, "")).sort();
  };
  const all = ["disk_nearly_full", "error_ratio", "not_ready", "queue_age", "silence"].map(
    (rule) => `resolve ${rule}`,
  );
  deepEqual(await toldAfter("ended"), []);
  deepEqual(await toldAfter("killed"), all);
  deepEqual(await toldAfter("ended while the database was down"), [...all, "trigger not_ready"]);
});

test("in doubt, a rule that may be about to fire is not resolved", async () => {
  const world = new AlertWorld();
  const first = world.start();
  await world.pass(60);
  first.kill();
  const second = world.start();
  await world.pass(60);
  second.figures = NOT_READY;
  await world.pass(100);
  deepEqual(of(world.pagerduty.told), ["165 trigger not_ready"]);
  await second.alerts.stop();
});

test("an endpoint that is down is notified later, with waits that grow to a minute", async () => {
  const world = new AlertWorld();
  const one = world.start(NOT_READY);
  const attemptsMs: number[] = [];
  world.pagerduty.answer = ({ rule }) => {
    if (rule.name === "not_ready") attemptsMs.push(world.clock.monotonic());
    return DOWN;
  };
  await world.pass(300);
  deepEqual(world.chat.told, ["40 trigger not_ready"]);
  // The waits are 4, 8, 16, 32, 60, 60 s, each up to the following evaluation.
  deepEqual(
    attemptsMs.map((ms) => ms / 1_000),
    [40, 45, 55, 75, 110, 170, 230, 290],
  );
  world.pagerduty.answer = () => TAKEN;
  await world.pass(60);
  deepEqual(of(world.pagerduty.told), ["350 trigger not_ready"]);
  const late = one.lines.find(({ msg, target }) => msg === "alert sent" && target === "pagerduty");
  equal(late?.outage_ms, 310_000);
  equal(
    messages(one.lines).filter((msg) => msg === "alert could not be sent, trying again").length >=
      1,
    true,
  );
  await one.alerts.stop();
});

test("an alert that ended before it could be sent is not sent; one that was perhaps sent is resolved", async () => {
  for (const [answer, told] of [
    [DOWN, []],
    [LOST, ["135 resolve not_ready"]],
  ] as const) {
    const world = new AlertWorld();
    const one = world.start(NOT_READY);
    world.chat.answer = ({ event }) => (event === "resolve" ? TAKEN : answer);
    await world.pass(94);
    one.figures = WELL;
    await world.pass(200);
    deepEqual(world.chat.told, told);
    await one.alerts.stop();
  }
});

test("after an hour it gives up with an ERROR, and the next alert is sent again", async () => {
  const world = new AlertWorld();
  const one = world.start(NOT_READY);
  world.chat.answer = () => DOWN;
  await world.pass(2 * 3_600);
  const { attempts } = world.chat;
  equal(
    messages(one.lines).filter((msg) => msg === "alert could not be sent, giving up").length,
    1,
  );
  equal(
    await one.metric('alert_notifications_total{target="webhook",result="gave_up"}'),
    'alert_notifications_total{target="webhook",result="gave_up"} 1',
  );
  await world.pass(3_600);
  equal(world.chat.attempts, attempts);
  world.chat.answer = () => TAKEN;
  one.figures = WELL;
  await world.pass(100);
  one.figures = NOT_READY;
  await world.pass(100);
  equal(world.chat.told.length, 1);
  await one.alerts.stop();
});

test("a refusal is an ERROR with advice, and is not repeated", async () => {
  const world = new AlertWorld();
  const one = world.start(NOT_READY);
  world.pagerduty.answer = ({ event }) => (event === "trigger" ? REFUSED : TAKEN);
  await world.pass(600);
  const refusals = one.lines.filter(({ level }) => level === "ERROR");
  equal(refusals.length, 1);
  const { msg, status, answer, rule } = refusals[0] ?? {};
  deepEqual(
    [msg, status, answer, rule],
    [
      "alert refused: check the target; check it with lyftr alerts test",
      400,
      "no such key",
      "not_ready",
    ],
  );
  deepEqual(world.chat.told, ["40 trigger not_ready"]);
  await one.alerts.stop();
});

test("of two replicas that see a fault one sends it, and it ends when neither sees it", async () => {
  const world = new AlertWorld();
  const [one, two] = [world.start(), world.start()];
  await world.pass(100);
  two.figures = { ...WELL, queueAgeMs: 5_000 };
  await world.pass(60);
  one.figures = { ...WELL, queueAgeMs: 9_000 };
  await world.pass(60);
  two.figures = WELL;
  await world.pass(100);
  one.figures = WELL;
  await world.pass(100);
  deepEqual(world.chat.told, ["150 trigger queue_age", "365 resolve queue_age"]);
  equal(world.chat.messages[0]?.summary, "p2 messages wait 5.0 s to be stored");
  deepEqual(of(world.pagerduty.told, "queue_age"), [
    "150 trigger queue_age",
    "365 resolve queue_age",
  ]);
  await Promise.all([one.alerts.stop(), two.alerts.stop()]);
});

test("when the sending process dies, another sends what is found later", async () => {
  const world = new AlertWorld();
  const [one, two] = [world.start(), world.start()];
  await world.pass(100);
  one.kill();
  two.figures = NOT_READY;
  await world.pass(90);
  equal(world.chat.told.length, 1);
  await two.alerts.stop();
});

test("the votes of a worker that does not send count too", async () => {
  const world = new AlertWorld();
  const [one, two] = [world.start(), world.start(WELL, { tells: false })];
  await world.pass(100);
  two.figures = NOT_READY;
  await world.pass(60);
  two.figures = WELL;
  await world.pass(60);
  deepEqual(world.chat.told, ["150 trigger not_ready", "210 resolve not_ready"]);
  await Promise.all([one.alerts.stop(), two.alerts.stop()]);
});

test("an alert found by a worker that does not send continues after its restart, however long it takes to find it again", async () => {
  const world = new AlertWorld();
  const [one, two] = [world.start(), world.start(NOT_READY, { tells: false })];
  await world.pass(60);
  two.kill();
  await world.pass(30);
  const again = world.start(NOT_READY, { tells: false });
  await world.pass(300);
  deepEqual(world.chat.told, ["45 trigger not_ready"]);
  again.figures = WELL;
  await world.pass(60);
  equal(world.chat.told.length, 2);
  await Promise.all([one.alerts.stop(), again.alerts.stop()]);
});

test("a process that starts while the end is being sent does not start the alert again", async () => {
  const world = new AlertWorld();
  const [one, two] = [world.start(NOT_READY), world.start()];
  await world.pass(60);
  one.figures = WELL;
  const answered = Promise.withResolvers<PostResult>();
  world.chat.answer = ({ event }) => (event === "resolve" ? answered.promise : TAKEN);
  await world.pass(46);
  equal(world.chat.attempts, 2);
  const three = world.start();
  await world.pass(1);
  answered.resolve(TAKEN);
  await world.pass(200);
  deepEqual(
    world.chat.told.map((line) => line.split(" ")[1]),
    ["trigger", "resolve"],
  );
  await Promise.all([one, two, three].map(({ alerts }) => alerts.stop()));
});

/** The events of an alert when a process starts just before its end, and is killed later. */
async function toldAfterKill(livesSeconds: number, jumpMs: number): Promise<readonly unknown[]> {
  const world = new AlertWorld();
  const [one, two] = [world.start(), world.start(NOT_READY)];
  await world.pass(60);
  two.kill();
  // The votes of a killed process count for a minute. The other process sends the end then.
  await world.pass(61);
  const three = world.start();
  await world.pass(livesSeconds);
  three.kill();
  world.clock.jump(jumpMs);
  await world.pass(200);
  await one.alerts.stop();
  return world.chat.told.map((line) => line.split(" ")[1]);
}

test("a process that starts just before the end and is killed later does not start the alert again", async () => {
  for (const livesSeconds of [3, 6, 8, 20, 44])
    deepEqual(await toldAfterKill(livesSeconds, 0), ["trigger", "resolve"], `${livesSeconds} s`);
});

test("a clock that goes back or forward does not make an old vote a new alert", async () => {
  for (const jumpMs of [-3_600_000, 3_600_000])
    deepEqual(await toldAfterKill(6, jumpMs), ["trigger", "resolve"], `${jumpMs} ms`);
});

test("an alert that is taken over and found again is begun again, although its end was sent", async () => {
  const world = new AlertWorld();
  const [one, two] = [world.start(), world.start(NOT_READY)];
  await world.pass(60);
  two.kill();
  await world.pass(61);
  const three = world.start(NOT_READY);
  await world.pass(200);
  deepEqual(
    world.chat.told.slice(0, 2).map((line) => line.split(" ")[1]),
    ["trigger", "resolve"],
  );
  ok((world.chat.told[2] ?? "").endsWith("trigger not_ready"), String(world.chat.told));
  await Promise.all([one.alerts.stop(), three.alerts.stop()]);
});

test("a message sent while a slow database answers is not sent again", async () => {
  const world = new AlertWorld();
  const one = world.start(NOT_READY);
  one.away = "slow";
  await world.pass(90);
  one.figures = WELL;
  await world.pass(120);
  one.figures = NOT_READY;
  // The target answers between a query to the database and its answer.
  world.chat.answer = async () => {
    await world.clock.sleep(8_000);
    return TAKEN;
  };
  await world.pass(120);
  one.figures = WELL;
  await world.pass(120);
  deepEqual(
    world.chat.told.map((line) => line.split(" ")[1]),
    ["trigger", "resolve", "trigger", "resolve"],
  );
  one.away = "no";
  await world.pass(10);
  await one.alerts.stop();
});

for (const away of ["refuses", "hangs"] as const) {
  test(`while the database ${away} all processes notify PagerDuty and one the chat, and the end is sent once it is back`, async () => {
    const world = new AlertWorld();
    const all = [world.start(), world.start(), world.start()];
    await world.pass(100);
    for (const one of all) Object.assign(one, { figures: NOT_READY, away });
    await world.pass(120);
    for (const one of all) one.figures = WELL;
    await world.pass(120);
    // It is not sent before the database is back.
    equal(world.chat.told.length, 1);
    equal(of(world.pagerduty.told).length, 3);
    ok(of(world.pagerduty.told).every((line) => line.endsWith("trigger not_ready")));
    if (away === "hangs") return;
    for (const one of all) one.away = "no";
    await world.pass(120);
    equal(world.chat.told.length, 2);
    ok(world.chat.told[1]?.endsWith("resolve not_ready"));
    equal(of(world.pagerduty.told).at(-1)?.endsWith("resolve not_ready"), true);
    await Promise.all(all.map(({ alerts }) => alerts.stop()));
  });
}

test("the first process to find the database back does not send the chat what another has sent and not stored yet", async () => {
  const world = new AlertWorld();
  const all = [world.start(), world.start()];
  await world.pass(100);
  for (const one of all) Object.assign(one, { figures: NOT_READY, away: "refuses" });
  await world.pass(100);
  const [first, second] = all;
  Object.assign(second ?? {}, { away: "no" });
  await world.pass(12);
  Object.assign(first ?? {}, { away: "no" });
  await world.pass(60);
  equal(world.chat.told.length, 1);
  for (const one of all) one.figures = WELL;
  await world.pass(60);
  deepEqual(
    world.chat.told.map((line) => line.split(" ")[1]),
    ["trigger", "resolve"],
  );
  await Promise.all(all.map(({ alerts }) => alerts.stop()));
});

test("when the process that notifies the chat and the database are gone, another one does it after ten minutes", async () => {
  const world = new AlertWorld();
  const [one, two] = [world.start(), world.start()];
  await world.pass(100);
  one.kill();
  Object.assign(two, { figures: NOT_READY, away: "refuses" });
  await world.pass(500);
  deepEqual(world.chat.told, []);
  await world.pass(200);
  equal(world.chat.told.length, 1);
  await two.alerts.stop();
});

test("a process without the database opens its incident again after ten minutes, and ends none of others'", async () => {
  const world = new AlertWorld();
  const [one, two] = [world.start({ ...WELL, queueAgeMs: 5_000 }), world.start()];
  await world.pass(100);
  Object.assign(two, { figures: NOT_READY, away: "refuses" });
  await world.pass(100);
  one.figures = WELL;
  await world.pass(1_300);
  deepEqual(of(world.pagerduty.told, "queue_age"), [
    "40 trigger queue_age",
    "245 resolve queue_age",
  ]);
  deepEqual(
    of(world.pagerduty.told).filter((line) => line.includes("trigger")),
    ["145 trigger not_ready", "745 trigger not_ready", "1345 trigger not_ready"],
  );
  await Promise.all([one.alerts.stop(), two.alerts.stop()]);
});

test("notices are stored when the service ends, and a current request is awaited", async () => {
  const world = new AlertWorld();
  const one = world.start(NOT_READY);
  const answered = Promise.withResolvers<PostResult>();
  world.chat.answer = () => answered.promise;
  await world.pass(42);
  const stopped = one.alerts.stop();
  await world.pass(1);
  answered.resolve(TAKEN);
  await stopped;
  equal(world.chat.told.length, 1);
  world.chat.answer = () => TAKEN;
  const two = world.start(NOT_READY);
  await world.pass(200);
  equal(world.chat.told.length, 1);
  await two.alerts.stop();
  await two.alerts.stop();
});

test("a failed evaluation is logged without the error's message, and the next one runs", async () => {
  const world = new AlertWorld();
  const one = world.start();
  Object.defineProperty(one, "figures", {
    get: () => {
      throw new TypeError("secret words");
    },
  });
  // The first evaluation was at its start.
  await world.pass(11);
  equal(one.lines.filter(({ msg }) => msg === "evaluating the alerts failed").length, 2);
  equal(JSON.stringify(one.lines).includes("secret words"), false);
  await one.alerts.stop();
});
