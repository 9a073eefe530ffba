import { deepEqual, equal, match } from "node:assert/strict";
import { test } from "node:test";
import { connectionLimit } from "../../src/app/connection-limit.ts";

function limited(wanted: number, filesMax: number, open: number) {
  const lines: Readonly<Record<string, unknown>>[] = [];
  const log = { warn: (line: Readonly<Record<string, unknown>>) => void lines.push(line) };
  return { connections: connectionLimit(wanted, log, { filesMax, open }), lines };
}

test("with enough open files the number of connections is as wanted, and nothing is logged", () => {
  for (const filesMax of [5_000 + 60 + 32, Number.POSITIVE_INFINITY])
    deepEqual(limited(5_000, filesMax, 60), { connections: 5_000, lines: [] });
});

test("with too few open files there are fewer connections, and a warning with advice", () => {
  const { connections, lines } = limited(5_000, 1_024, 60);
  equal(connections, 1_024 - 60 - 32);
  const [line] = lines;
  match(String(line?.msg), /allows 932 connections instead of 5000.*ulimit -n.*MAX_CONNECTIONS/);
  deepEqual(
    [line?.open_files_max, line?.open_files_needed, line?.connections_max],
    [1_024, 5_092, 932],
  );
  equal(limited(5_000, 64, 60).connections, 8);
});
