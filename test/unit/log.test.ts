import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { oneLine } from "../../src/domain/json.ts";
import { createLog } from "../../src/observe/log.ts";
import { anyCharacter } from "../support/any-character.ts";

const LINE_ENDS = /[\n\v\f\r\x7f-\x9f\u2028\u2029]/;

test("whatever is logged is one line for every reader, and is parsed back unchanged", () => {
  const lines: string[] = [];
  const log = createLog({
    level: "INFO",
    destination: { write: (line) => void lines.push(line) },
    now: () => 0,
  });
  const text = fc.oneof(
    fc.string({ unit: anyCharacter }),
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

test("a line has its level, its time and its worker first, then its fields in order", () => {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const log = createLog({ level: "WARNING", destination, now: () => 1_736_935_200_123, worker: 2 });
  log.debug({ msg: "a" });
  log.info({ msg: "b" });
  log.warn({ msg: "c", left_out: undefined, none: null, number: 1.5, ratio: Number.NaN });
  log.error({});
  log.fatal({ lone: "\ud800" });
  const head = (level: string) => `{"level":"${level}","ts":"2025-01-15T10:00:00.123Z","worker":2`;
  deepEqual(lines, [
    `${head("WARNING")},"msg":"c","none":null,"number":1.5,"ratio":null}\n`,
    `${head("ERROR")}}\n`,
    `${head("CRITICAL")},"lone":"\\ud800"}\n`,
  ]);
});

test("a field that is not JSON loses the fields of its line, and does not affect the caller", () => {
  const lines: string[] = [];
  const log = createLog({
    level: "INFO",
    destination: { write: (line) => void lines.push(line) },
    now: () => 0,
  });
  const circle: Record<string, unknown> = {};
  circle.itself = circle;
  for (const field of [1n, circle]) {
    log.info({ msg: "a message", field });
    const { msg, error } = JSON.parse(lines.pop() ?? "");
    deepEqual([msg, /^TypeError: /.test(error)], ["a log line had a field that is not JSON", true]);
  }
});

test("a text that is JSON stays the same JSON", () => {
  const text = fc.string({ unit: anyCharacter });
  const values = [text, fc.double({ noNaN: true }), fc.boolean(), fc.constant(null)];
  fc.assert(
    fc.property(fc.anything({ key: text, values }).map(JSON.stringify), (json) =>
      deepEqual(JSON.parse(oneLine(json)), JSON.parse(json)),
    ),
  );
});
