import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { LINE_BYTES_MAX, readNdjson } from "../../src/cli/importing/ndjson.ts";

/** The lines of a text that arrives in chunks of `size` bytes. */
async function linesOf(text: string, size: number, from?: { offset: number; line: number }) {
  const bytes = Buffer.from(text).subarray(from?.offset ?? 0);
  async function* chunks() {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  }
  const lines: { number: number; bytes: string | undefined; end: number }[] = [];
  for await (const line of readNdjson(chunks(), from))
    lines.push({ ...line, bytes: line.bytes?.toString() });
  return lines;
}

test("lines are the same wherever the chunks are cut, and empty ones are left out but counted", async () => {
  const text = "\ufeffeins\r\n\n\r\nzwölf\n  \ndrei";
  const expected = [
    { number: 1, bytes: "eins", end: 9 },
    { number: 4, bytes: "zwölf", end: 19 },
    { number: 5, bytes: "  ", end: 22 },
    { number: 6, bytes: "drei", end: 26 },
  ];
  for (const size of [1, 2, 3, 7, 1_000])
    deepEqual(await linesOf(text, size), expected, `chunks of ${size}`);
});

test("reading from the end of any line gives the following lines, with the same numbers", async () => {
  const text = "one\n\ntwo\nthree\n";
  const all = await linesOf(text, 4);
  for (const { number, end } of all) {
    const rest = await linesOf(text, 4, { offset: end, line: number });
    deepEqual(
      rest,
      all.filter((line) => line.number > number),
    );
  }
});

test("a line that is too long is one line without bytes, and the following lines are not affected", async () => {
  const longest = "x".repeat(LINE_BYTES_MAX);
  const lines = await linesOf(`${longest}\n${longest}x\nshort\n`, 65_536);
  equal(lines[0]?.bytes, longest);
  deepEqual(lines.slice(1), [
    { number: 2, bytes: undefined, end: 2 * LINE_BYTES_MAX + 3 },
    { number: 3, bytes: "short", end: 2 * LINE_BYTES_MAX + 9 },
  ]);
});

test("a line that never ends does not fill the memory", async () => {
  const chunk = Buffer.alloc(1024 * 1024, "x");
  async function* endless() {
    for (let mib = 0; mib < 256; mib++) yield chunk;
  }
  const beforeKib = process.resourceUsage().maxRSS;
  for await (const { bytes } of readNdjson(endless())) equal(bytes, undefined);
  const grownKib = process.resourceUsage().maxRSS - beforeKib;
  ok(grownKib < 64 * 1024, `${grownKib} KiB more`);
});
