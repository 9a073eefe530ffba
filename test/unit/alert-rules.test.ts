import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { type Figures, RecentPeak, RecentRequests } from "../../src/alerts/figures.ts";
import { ENDS_AFTER_MS, FIRES_AFTER_MS, Hysteresis } from "../../src/alerts/hysteresis.ts";
import { evaluateRule, RULES, type RuleEvaluation } from "../../src/alerts/rules.ts";
import type { AlertRule } from "../../src/observe/metrics.ts";

const MIB = 1_048_576;
const GIB = 1_024 * MIB;
const NONE = { answered: 0, failed: 0 };
const WELL: Figures = {
  notReady: null,
  lastMinute: NONE,
  justNow: NONE,
  queueAgeMs: 0,
  disk: undefined,
  silence: { ms: 0, hasReceived: true, msMax: 3_600_000, unusual: undefined },
};

function evaluated(name: AlertRule, figures: Partial<Figures>): string {
  const [rule] = RULES.filter((one) => one.name === name);
  ok(rule, name);
  const evaluation = evaluateRule(rule, { ...WELL, ...figures });
  return evaluation.kind === "bad" ? evaluation.summary : evaluation.kind;
}

test("a process that cannot take messages is not ready, with the reason", () => {
  equal(evaluated("not_ready", {}), "well");
  equal(
    evaluated("not_ready", { notReady: "database not ready" }),
    "cannot take messages: database not ready",
  );
});

test("errors count if they are many of enough requests and continue", () => {
  const ratio = (lastMinute: number[], justNow: number[]) => {
    const requests = ([answered = 0, failed = 0]: number[]) => ({ answered, failed });
    return evaluated("error_ratio", {
      lastMinute: requests(lastMinute),
      justNow: requests(justNow),
    });
  };
  equal(ratio([0, 0], [0, 0]), "well");
  equal(ratio([10_000, 499], [2_000, 400]), "between");
  equal(
    ratio([10_000, 500], [2_000, 400]),
    "5 % of the webhooks of the last minute were answered with 5xx",
  );
  equal(ratio([9, 9], [3, 3]), "between");
  equal(ratio([10, 10], [3, 3]), "100 % of the webhooks of the last minute were answered with 5xx");
  equal(ratio([10_000, 5_000], [1_000, 10]), "well");
  equal(ratio([10_000, 5_000], [0, 0]), "well");
});

test("the age of the queue has different thresholds for start and end", () => {
  const ages = [499, 500, 1_999, 2_000].map((queueAgeMs) => evaluated("queue_age", { queueAgeMs }));
  deepEqual(ages, ["well", "between", "between", "messages wait 2.0 s to be stored"]);
});

test("one fault makes one rule fire: the most specific one", () => {
  const failing = {
    lastMinute: { answered: 10, failed: 10 },
    justNow: { answered: 3, failed: 3 },
    queueAgeMs: 3_000,
  };
  const firing = (figures: Partial<Figures>) =>
    RULES.filter(({ name }) => !/^(well|between)$/.test(evaluated(name, figures))).map(
      ({ name }) => name,
    );
  deepEqual(firing({ ...failing, notReady: "database not ready" }), ["not_ready"]);
  deepEqual(firing(failing), ["error_ratio"]);
  deepEqual(firing({ queueAgeMs: 3_000 }), ["queue_age"]);
  // With too few requests for a share of errors, the age of the queue decides.
  deepEqual(firing({ ...failing, lastMinute: { answered: 9, failed: 9 } }), ["queue_age"]);
  // A consequence ends by itself, whatever the cause does.
  equal(evaluated("queue_age", { notReady: "database not ready", queueAgeMs: 0 }), "well");
});

test("a disk is nearly full by its share or by its bytes, but a large one not by its share", () => {
  const disk = (freeBytes: number, sizeBytes: number) =>
    evaluated("disk_nearly_full", { disk: { freeBytes, sizeBytes } });
  equal(evaluated("disk_nearly_full", { disk: undefined }), "between");
  equal(disk(8 * GIB, 100 * GIB), "well");
  equal(disk(6 * GIB, 100 * GIB), "between");
  equal(disk(4 * GIB, 100 * GIB), "the disk of the database has 4096 MiB left, 4.0 %");
  equal(disk(255 * MIB, GIB), "the disk of the database has 255 MiB left, 24.9 %");
  equal(disk(300 * MIB, GIB), "between");
  equal(disk(60 * GIB, 10_000 * GIB), "well");
});

test("silence counts when it is long and unusual; a process that started during it does not end it", () => {
  const silence = (
    minutes: number | undefined,
    hasReceived: boolean,
    unusual: boolean | undefined,
  ) =>
    evaluated("silence", {
      silence: {
        ms: minutes === undefined ? undefined : minutes * 60_000,
        hasReceived,
        msMax: 3_600_000,
        unusual,
      },
    });
  equal(silence(61, true, true), "no message for 61 minutes, although this is usually a busy time");
  equal(silence(61, true, false), "between");
  equal(silence(61, true, undefined), "between");
  equal(silence(59, true, undefined), "well");
  equal(silence(59, false, undefined), "between");
  equal(silence(undefined, false, false), "well");
});

/** The state after each of these evaluations, five seconds apart: `f` fires, `.` does not. */
function course(looks: string, hysteresis = new Hysteresis()): string {
  const evaluations: Readonly<Record<string, RuleEvaluation>> = {
    b: { kind: "bad", summary: "it" },
    "-": { kind: "between" },
    w: { kind: "well" },
  };
  return [...looks]
    .map((look, at) => {
      hysteresis.update(evaluations[look] ?? { kind: "well" }, {
        nowMs: at * 5_000,
        monotonicMs: at * 5_000,
      });
      return hysteresis.firing ? "f" : ".";
    })
    .join("");
}

test("it fires after forty bad seconds without a break, and ends after forty good ones", () => {
  deepEqual([FIRES_AFTER_MS, ENDS_AFTER_MS], [40_000, 40_000]);
  equal(course("wbbbbbbbbbb"), ".........ff");
  equal(course("bbbbbbbbwbbbbbbbb"), ".................");
  equal(course("bbbb-bbbbbbbbb"), ".............f");
  equal(course("bbbbbbbbbwwwwwwwwww"), "........fffffffff..");
  equal(course("bbbbbbbbbwwwwwwwwbwwwwwwwwww"), "........ffffffffffffffffff..");
  equal(course("bbbbbbbbbwwww-----wwww"), "........ffffffffffffff");
});

test("bad evaluations before and after a pause of the machine do not count as bad in between", () => {
  const hysteresis = new Hysteresis();
  const look = (atMs: number) =>
    hysteresis.update({ kind: "bad", summary: "it" }, { nowMs: atMs, monotonicMs: atMs });
  look(0);
  look(60_000);
  equal(hysteresis.firing, undefined);
  for (let atMs = 65_000; atMs <= 100_000; atMs += 5_000) look(atMs);
  deepEqual(hysteresis.firing, { summary: "it", sinceMs: 60_000 });
});

test("an alert of the previous process continues until the rule has been good for long enough, with the current summary", () => {
  const inherited = () => {
    const hysteresis = new Hysteresis();
    hysteresis.inherit({ summary: "before", sinceMs: -100 });
    return hysteresis;
  };
  equal(course("wwwwwwwwww", inherited()), "ffffffff..");
  const hysteresis = inherited();
  course("b-", hysteresis);
  deepEqual(hysteresis.firing, { summary: "it", sinceMs: -100 });
});

test("an alert of the previous process ends when it is over for all others, unless this process found it too", () => {
  for (const [looks, continues] of [
    ["w", false],
    ["-", false],
    ["b", true],
    ["bw", true],
  ] as const) {
    const hysteresis = new Hysteresis();
    hysteresis.inherit({ summary: "before", sinceMs: -100 });
    course(looks, hysteresis);
    hysteresis.endInherited();
    equal(hysteresis.firing !== undefined, continues, looks);
  }
  const own = new Hysteresis();
  course("bbbbbbbbb", own);
  own.inherit({ summary: "before", sinceMs: -100 });
  own.endInherited();
  deepEqual(own.firing, { summary: "it", sinceMs: 0 });
});

test("requests of the last minute and of its end are computed from counters", () => {
  const recent = new RecentRequests();
  // Ten per measurement, and from the fortieth second on all of them fail.
  const looks = Array.from({ length: 25 }, (_, at) =>
    recent.add({ answered: at * 10, failed: Math.max(0, at - 8) * 10 }, at * 5_000),
  );
  deepEqual(looks[0], { lastMinute: NONE, justNow: NONE });
  deepEqual(looks[8], {
    lastMinute: { answered: 80, failed: 0 },
    justNow: { answered: 30, failed: 0 },
  });
  deepEqual(looks[10], {
    lastMinute: { answered: 100, failed: 20 },
    justNow: { answered: 30, failed: 20 },
  });
  deepEqual(looks[24], {
    lastMinute: { answered: 120, failed: 120 },
    justNow: { answered: 30, failed: 30 },
  });
});

test("a peak is kept for fifteen seconds", () => {
  const peak = new RecentPeak();
  deepEqual(
    [3, 9, 1, 1, 2].map((value, at) => peak.add(value, at * 5_000)),
    [3, 9, 9, 9, 2],
  );
});
