import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { oneLine } from "../../src/domain/json.ts";
import { createLog } from "../../src/observe/log.ts";

const LINE_ENDS = /[\n\v\f\r\x7f-\x9f\u2028\u2029]/;

test("whatever is logged is one line for every reader, and comes back as it was", () => {
  const lines: string[] = [];
  const log = createLog({ level: "INFO", destination: { write: (line) => void lines.push(line) }, now: () => 0 });
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string({ unit: fc.constantFrom(..."a\x7f\x80\x85\x9f\u2028\u2029\n") }),
  );
  fc.assert(
    fc.property(text, text, (key, value) => {
      lines.length = 0;
      log.info({ [`k${key}`]: value, nested: { list: [value] }, msg: value });
      equal(lines.length, 1);
      const line = lines[0] ?? "";
      ok(line.endsWith("\n") && !LINE_ENDS.test(line.slice(0, -1)), JSON.stringify(line));
      const told = JSON.parse(line);
      deepEqual([told[`k${key}`], told.nested.list[0], told.msg], [value, value, value]);
    }),
  );
});

test("a text that is JSON stays the same JSON", () => {
  fc.assert(
    fc.property(fc.json({ stringUnit: "binary" }), (json) => deepEqual(JSON.parse(oneLine(json)), JSON.parse(json))),
  );
});
