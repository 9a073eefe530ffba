import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseMessage } from "../../src/domain/message.ts";

const GOOD = {
  message_id: "m1",
  from: "+919876543210",
  to: "+14155550100",
  ts: "2025-01-15T10:00:00Z",
  text: "Hello",
};

function issuesOf(fields: Readonly<Record<string, unknown>>) {
  const parsed = parseMessage({ ...GOOD, ...fields });
  return parsed.ok ? [] : parsed.issues;
}

test("a refused number or text is not repeated, a refused id or timestamp is", () => {
  const shown = (fields: Readonly<Record<string, unknown>>) =>
    issuesOf(fields).map(({ input }) => input);
  deepEqual(shown({ from: "0919876543210" }), [undefined]);
  deepEqual(shown({ to: "0014155550100" }), [undefined]);
  deepEqual(shown({ from: 919876543210, to: 14155550100 }), [undefined, undefined]);
  deepEqual(shown({ text: `a secret${"x".repeat(5_000)}` }), [undefined]);
  deepEqual(shown({ text: "a secret\0" }), [undefined]);
  deepEqual(shown({ text: 5 }), [5]);
  deepEqual(shown({ message_id: 7, ts: "yesterday" }), [7, "yesterday"]);
});

test("whatever from, to and text contain, no issue contains it", () => {
  const anything = fc.string({ minLength: 8, unit: "grapheme" }).map((text) => `#${text}`);
  fc.assert(
    fc.property(anything, (value) => {
      const issues = issuesOf({
        from: value,
        to: value,
        text: `${value}${"x".repeat(5_000)}`,
        ts: null,
      });
      equal(issues.length, 4);
      ok(!JSON.stringify(issues).includes(JSON.stringify(value).slice(1, -1)));
    }),
  );
});
