import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { shownAlerts } from "../../src/alerts/shown-alerts.ts";
import type { AlertVote } from "../../src/store/alerts.ts";
import { AlertWorld, NOT_READY, WELL } from "../support/alert-world.ts";

const shown = (votes: readonly AlertVote[]) =>
  shownAlerts(votes).map(({ rule, since, summary }) => `${rule} ${since.slice(11, 19)} ${summary}`);

test("without a target a fault is found, and nothing is sent, logged or counted", async () => {
  const world = new AlertWorld();
  const one = world.start(WELL, { tells: "shows" });
  await world.pass(60);
  one.figures = NOT_READY;
  await world.pass(35);
  deepEqual(one.alerts.votes, []);
  await world.pass(60);
  deepEqual(shown(one.alerts.votes), [
    "not_ready 10:01:05 p1 cannot take messages: database not ready",
  ]);
  deepEqual(shown(world.votes()), shown(one.alerts.votes));
  equal(await one.metric('alerts_firing{rule="not_ready"}'), 'alerts_firing{rule="not_ready"} 0');
  one.figures = WELL;
  await world.pass(60);
  deepEqual([shown(world.votes()), shown(one.alerts.votes)], [[], []]);
  deepEqual([one.lines, world.pagerduty.attempts, world.chat.attempts], [[], 0, 0]);
  await one.alerts.stop();
});

test("without a target and a fault the database is left alone", async () => {
  const world = new AlertWorld();
  const one = world.start(WELL, { tells: "shows" });
  await world.pass(600);
  equal(world.exchanges, 0);
  one.figures = NOT_READY;
  await world.pass(60);
  one.figures = WELL;
  await world.pass(120);
  const { exchanges } = world;
  await world.pass(600);
  await one.alerts.stop();
  equal(world.exchanges, exchanges);
});

test("a vote that could not be withdrawn is withdrawn later", async () => {
  const world = new AlertWorld();
  const one = world.start(NOT_READY, { tells: "shows" });
  await world.pass(60);
  equal(world.votes().length, 1);
  one.figures = WELL;
  one.away = "refuses";
  await world.pass(50);
  deepEqual([one.alerts.votes, world.votes().length], [[], 1]);
  one.away = "no";
  await world.pass(5);
  deepEqual(world.votes(), []);
  await one.alerts.stop();
});

test("a process with targets sends nothing for a fault of one without, and both show it", async () => {
  const world = new AlertWorld();
  const silent = world.start(NOT_READY, { tells: "shows" });
  const telling = world.start();
  await world.pass(300);
  deepEqual([world.pagerduty.told, world.chat.told], [[], []]);
  deepEqual(telling.lines, []);
  deepEqual(shown(world.votes()), [
    "not_ready 10:00:00 p1 cannot take messages: database not ready",
  ]);
  telling.figures = NOT_READY;
  await world.pass(60);
  deepEqual(world.pagerduty.told, ["345 trigger not_ready"]);
  deepEqual(shown(world.votes()), [
    "not_ready 10:00:00 p1 cannot take messages: database not ready",
  ]);
  await silent.alerts.stop();
  await telling.alerts.stop();
});

test("the most urgent rule comes first, of several votes the oldest, with advice", () => {
  const vote = (rule: string, minute: number): AlertVote => ({
    rule,
    summary: `${rule} of ${minute}`,
    since: `2025-01-15T10:0${minute}:00.000Z`,
  });
  const votes = [
    vote("silence", 1),
    vote("unknown", 1),
    vote("shown:queue_age", 5),
    vote("queue_age", 4),
    vote("shown:queue_age", 3),
  ];
  deepEqual(shown(votes), [
    "queue_age 10:03:00 shown:queue_age of 3",
    "silence 10:01:00 silence of 1",
  ]);
  const [first] = shownAlerts(votes);
  equal(first?.severity, "error");
  equal(first?.advice.startsWith("Messages arrive faster than the database stores them."), true);
});
