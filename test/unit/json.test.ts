import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { oneLine, parseJson } from "../../src/domain/json.ts";

function refusal(position: number, error: string) {
  const loc = ["body", position];
  return {
    ok: false,
    issue: { type: "json_invalid", loc, msg: "JSON decode error", ctx: { error } },
  };
}

test("a body is the value of its JSON, with a byte order mark or without, and undefined when it is empty", () => {
  deepEqual(parseJson(Buffer.from('{"a":["ß"]}')), { ok: true, value: { a: ["ß"] } });
  deepEqual(parseJson(Buffer.from('\ufeff"a"')), { ok: true, value: "a" });
  deepEqual(parseJson(Buffer.from("null")), { ok: true, value: null });
  deepEqual(parseJson(Buffer.alloc(0)), { ok: true, value: undefined });
});

test("a body that is not UTF-8 is refused before it is parsed", () => {
  deepEqual(parseJson(Buffer.from('"\xff"', "latin1")), refusal(0, "not UTF-8"));
});

test("a body that is not JSON is refused with the position where the parser stopped, as far as it says so", () => {
  const positions: Readonly<Record<string, number>> = {
    "{": 1,
    "[1,": 3,
    '{"a":1}x': 7,
    '"abc': 4,
    '"0123456789\n"': 11,
    "\ufeff[1,": 3,
    "[1,2,3,4,5,6": 12,
    x: 0,
    "\ufeff\ufeff1": 0,
  };
  for (const [text, position] of Object.entries(positions))
    deepEqual(parseJson(Buffer.from(text)), refusal(position, "not JSON"), JSON.stringify(text));
});

test("JSON on one line escapes what a line reader might take for a line end, and means the same", () => {
  const text = "a\x7f\x80\x85\x9f\u2028\u2029\xa0\x7eß";
  const escaped = oneLine(JSON.stringify(text));
  equal(escaped, '"a\\u007f\\u0080\\u0085\\u009f\\u2028\\u2029\xa0~ß"');
  equal(JSON.parse(escaped), text);
});
