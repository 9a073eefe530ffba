import { deepEqual, equal, notEqual } from "node:assert/strict";
import { test } from "node:test";
import type { Issue } from "../../src/domain/issue.ts";
import {
  exact,
  integer,
  moment,
  msisdn,
  oneOf,
  optional,
  zone,
} from "../../src/domain/query-params.ts";

/** A parameter `x` of that value, or no parameter. */
const of = (value: string | undefined) => (value === undefined ? {} : { x: value });

function issuesOf(parse: (issues: Issue[]) => unknown): readonly Issue[] {
  const issues: Issue[] = [];
  parse(issues);
  return issues;
}

test("a missing or blank number is its default, another text one issue", () => {
  const issues: Issue[] = [];
  const parse = (value: string | undefined) => integer(of(value), "x", [1, 9], 5, issues);
  for (const value of [undefined, "", "  "]) equal(parse(value), 5);
  for (const value of ["7", " 7 ", "+7", "7.", "7.00", "7e0", "7E+0"])
    equal(parse(value), 7, value);
  deepEqual(issues, []);
  for (const value of ["x7", "7x", "7.5", "7e-1", ".7", "7.0e", "--7"]) equal(parse(value), 5);
  equal(issues.length, 7);
  deepEqual(issues[0], {
    type: "int_parsing",
    loc: ["query", "x"],
    msg: "Input should be a valid integer, unable to parse string as an integer",
    input: "x7",
  });
});

test("a word is one of the list, the first one when it is missing, and any other names them all", () => {
  const issues: Issue[] = [];
  const parse = (value: string | undefined) =>
    oneOf(of(value), "x", ["hour", "day", "week"], issues);
  for (const value of [undefined, "", "  "]) equal(parse(value), "hour");
  for (const word of ["hour", "day", "week"]) equal(parse(` ${word} `), word);
  deepEqual(issues, []);
  equal(parse("month"), "hour");
  const expected = "'hour', 'day' or 'week'";
  deepEqual(issues, [
    {
      type: "literal_error",
      loc: ["query", "x"],
      msg: `Input should be ${expected}`,
      input: "month",
      ctx: { expected },
    },
  ]);
});

test("an exact value is trimmed, and a blank one matches nothing instead of everything", () => {
  deepEqual(
    [undefined, "", "  ", " a "].map((value) => exact(value)),
    [undefined, undefined, "  ", "a"],
  );
});

test("only digits alone get a plus", () => {
  deepEqual(
    [undefined, "", "  ", " 12 ", "+12", "1a", "a1", "1 2", "-1"].map((value) => msisdn(value)),
    [undefined, undefined, "  ", "+12", "+12", "1a", "a1", "1 2", "-1"],
  );
});

test("a moment is missing, valid or one issue", () => {
  for (const value of [undefined, "", "2025-01-15"])
    deepEqual(
      issuesOf((issues) => moment(of(value), "x", issues)),
      [],
    );
  equal(moment({ x: "2025-01-15" }, "x", []), "2025-01-15T00:00:00");
  deepEqual(
    issuesOf((issues) => equal(moment({ x: "soon" }, "x", issues), undefined)),
    [
      {
        type: "datetime_from_date_parsing",
        loc: ["query", "x"],
        msg:
          "Input should be a valid datetime: 2025-01-15T10:00:00Z, with another offset " +
          "instead of Z, without one (UTC), or a date",
        input: "soon",
      },
    ],
  );
});

test("a time zone is missing, known or one issue", () => {
  for (const value of [undefined, "", " ", " Asia/Kolkata "])
    deepEqual(
      issuesOf((issues) => zone(of(value), "x", issues)),
      [],
    );
  equal(zone({}, "x", []), undefined);
  const zones = [" Asia/Kolkata ", "Asia/Kolkata"].map((x) => zone({ x }, "x", []));
  deepEqual(zones[0], zones[1]);
  notEqual(zones[0], undefined);
  deepEqual(
    issuesOf((issues) => equal(zone({ x: " Mars " }, "x", issues), undefined)),
    [
      {
        type: "zoneinfo_str",
        loc: ["query", "x"],
        msg: "Input should be the name of an IANA time zone, such as Asia/Kolkata",
        input: "Mars",
      },
    ],
  );
});

test("an optional field exists only with a value", () => {
  deepEqual(optional("a", undefined), {});
  deepEqual(optional("a", ""), { a: "" });
});
