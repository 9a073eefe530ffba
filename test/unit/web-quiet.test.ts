import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import {
  intervalOf,
  LIST_INTERVAL,
  QUIET_AFTER_MS,
  Quiet,
  tellFigures,
} from "../../web/live/quiet.ts";

/** A clock that the test moves, and how often the quiet ended. */
function world() {
  let now = 0;
  let ended = 0;
  const quiet = new Quiet(() => now);
  const forget = quiet.onEnd(() => ended++);
  return {
    quiet,
    forget,
    ended: () => ended,
    pass: (ms: number) => {
      now += ms;
    },
  };
}

test("it is quiet a minute after the last touch or news", () => {
  const { quiet, pass } = world();
  pass(QUIET_AFTER_MS - 1);
  equal(quiet.isQuiet, false);
  quiet.end();
  pass(QUIET_AFTER_MS - 1);
  equal(quiet.isQuiet, false);
  pass(1);
  equal(quiet.isQuiet, true);
});

test("a touch ends the quiet and says so once", () => {
  const { quiet, pass, ended, forget } = world();
  quiet.end();
  equal(ended(), 0, "there was no quiet to end");
  pass(QUIET_AFTER_MS);
  quiet.end();
  quiet.end();
  deepEqual([quiet.isQuiet, ended()], [false, 1]);
  forget();
  pass(QUIET_AFTER_MS);
  quiet.end();
  equal(ended(), 1);
});

test("the listener sees that the quiet has ended", () => {
  const { quiet, pass } = world();
  const seen: boolean[] = [];
  quiet.onEnd(() => seen.push(quiet.isQuiet));
  pass(QUIET_AFTER_MS);
  quiet.end();
  deepEqual(seen, [false]);
});

test("what was told before is no news", () => {
  const { quiet, pass } = world();
  quiet.told("rows", 1);
  quiet.told("total", 1);
  pass(QUIET_AFTER_MS);
  quiet.told("rows", 1);
  equal(quiet.isQuiet, true);
  quiet.told("rows", 2);
  equal(quiet.isQuiet, false);
});

const FIGURES = {
  started_at: "2026-01-01T00:00:00Z",
  version: "0.1.0",
  ready: true,
  read: "keys",
  last_received_at: null as string | null,
  results: { created: 1 },
  conflicts: 0,
  shed: 0,
  workers: { configured: 1, alive: 1 },
  alerts: [] as { rule: string; since: string; summary: string }[],
};

test("figures are news when a count, the state or an alert has changed, not their moment", () => {
  const alert = { rule: "silence", since: "2026-01-01T00:10:00Z", summary: "for 10 minutes" };
  const later = { ...FIGURES, at: "2026-01-01T01:00:00Z", database: { size_bytes: 9 } };
  const changes: Partial<typeof FIGURES & { at: string }>[] = [
    { results: { created: 2 } },
    { last_received_at: "2026-01-01T00:05:00Z" },
    { ready: false },
    { version: "0.2.0" },
    { shed: 1 },
    { conflicts: 1 },
    { workers: { configured: 1, alive: 0 } },
    { alerts: [alert] },
  ];
  for (const change of changes) {
    const { quiet, pass } = world();
    tellFigures(quiet, FIGURES);
    pass(QUIET_AFTER_MS);
    tellFigures(quiet, later);
    equal(quiet.isQuiet, true, "only its moment and the size of the database changed");
    tellFigures(quiet, { ...FIGURES, ...change });
    equal(quiet.isQuiet, false, JSON.stringify(change));
  }
  const { quiet, pass } = world();
  tellFigures(quiet, { ...FIGURES, alerts: [alert] });
  pass(QUIET_AFTER_MS);
  const again = { ...alert, summary: "for 11 minutes" };
  tellFigures(quiet, { ...FIGURES, alerts: [again] });
  equal(quiet.isQuiet, true, "an alert that continues is no news");
});

test("answers of several replicas in turn are no news", () => {
  const { quiet, pass } = world();
  const other = { ...FIGURES, started_at: "2026-01-01T00:01:00Z", results: { created: 7 } };
  for (const figures of [FIGURES, other]) tellFigures(quiet, figures);
  pass(QUIET_AFTER_MS);
  for (const figures of [FIGURES, other, FIGURES]) tellFigures(quiet, figures);
  equal(quiet.isQuiet, true);
});

test("quiet intervals are three times as long, at most a minute, and 5 s for a list", () => {
  const quietOf = (quickMs: number) => intervalOf(quickMs).quietMs;
  deepEqual(
    [5_000, 10_000, 15_000, 30_000, 60_000, 90_000].map(quietOf),
    [15_000, 30_000, 45_000, 60_000, 60_000, 90_000],
  );
  deepEqual(LIST_INTERVAL, { quickMs: 2_000, quietMs: 5_000 });
});
