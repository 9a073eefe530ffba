import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import {
  durationIn,
  fieldsOf,
  flag,
  missing,
  noString,
  wrong,
} from "../../src/domain/body-fields.ts";
import type { Issue } from "../../src/domain/issue.ts";

const extra = (name: string) => ({
  type: "extra_forbidden",
  loc: ["body", name],
  msg: "Extra inputs are not permitted",
});

test("the known fields of a body are returned, and each other one is an issue", () => {
  deepEqual(fieldsOf({ a: 1, b: null, toString: 2 }, ["a", "b", "c"]), {
    ok: true,
    given: { a: 1, b: null },
    unknown: [extra("toString")],
  });
  deepEqual(fieldsOf({}, ["a"]), { ok: true, given: {}, unknown: [] });
});

test("at most twenty unknown fields are reported, in their order", () => {
  const names = Array.from({ length: 21 }, (_, at) => `x${at}`);
  const fields = fieldsOf(Object.fromEntries(names.map((name) => [name, 1])), []);
  deepEqual(fields.ok && fields.unknown, names.slice(0, 20).map(extra));
});

test("a missing body and one that is no object are each one issue", () => {
  const required = { type: "missing", loc: ["body"], msg: "Field required" };
  for (const body of [undefined, null])
    deepEqual(fieldsOf(body, ["a"]), { ok: false, issues: [required] });
  const noObject = {
    type: "model_attributes_type",
    loc: ["body"],
    msg: "Input should be a valid dictionary or object to extract fields from",
  };
  for (const body of ["a", 1, true, ["a"]])
    deepEqual(fieldsOf(body, ["a"]), { ok: false, issues: [noObject] });
});

test("the issues of a field name it in the words of the older service", () => {
  deepEqual(missing("a"), { type: "missing", loc: ["body", "a"], msg: "Field required" });
  const text = { type: "string_type", loc: ["body", "a"], msg: "Input should be a valid string" };
  deepEqual(noString("a"), text);
  deepEqual(noString("a", { input: 5 }), { ...text, input: 5 });
  const value = { type: "value_error", loc: ["body", "a"], msg: "Value error, must be odd" };
  deepEqual(wrong("a", "must be odd"), value);
  deepEqual(wrong("a", "must be odd", { input: "2" }), { ...value, input: "2" });
});

test("a flag is true or false, or its default when it is missing or null", () => {
  const issues: Issue[] = [];
  for (const fallback of [true, false]) {
    for (const value of [undefined, null]) equal(flag("a", value, fallback, issues), fallback);
    for (const value of [true, false]) equal(flag("a", value, fallback, issues), value);
  }
  deepEqual(issues, []);
  equal(flag("a", "true", false, issues), false);
  deepEqual(issues, [
    {
      type: "bool_type",
      loc: ["body", "a"],
      msg: "Input should be a valid boolean",
      input: "true",
    },
  ]);
});

test("a duration is parsed, missing or null, or one issue", () => {
  const issues: Issue[] = [];
  const form = {
    parse: (text: string) => (text === "1s" ? 1_000 : undefined),
    form: "must be a duration",
  };
  equal(durationIn("a", "1s", form, issues), 1_000);
  for (const value of [undefined, null]) equal(durationIn("a", value, form, issues), undefined);
  deepEqual(issues, []);
  equal(durationIn("a", 5, form, issues), undefined);
  equal(durationIn("a", "soon", form, issues), undefined);
  deepEqual(issues, [
    noString("a", { input: 5 }),
    wrong("a", "must be a duration", { input: "soon" }),
  ]);
});
