import { deepEqual, equal, ok } from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { scrape, series } from "../support/client.ts";
import { serve } from "../support/process.ts";
import { RawConnection } from "../support/raw-http.ts";
import { body, post } from "../support/service.ts";

const BIN = fileURLToPath(new URL("../../bin/lyftr.js", import.meta.url));
const FILES_MAX = 120;

test("with too few open files the start warns, and closed connections are counted and logged", async () => {
  await using lyftr = await serve({
    cwd: mkdtempSync(join(tmpdir(), "lyftr-files-")),
    command: ["sh", "-c", `ulimit -n ${FILES_MAX}; exec "$0" "$@"`, process.execPath, BIN],
  });
  const warning = await lyftr.line(({ open_files_max }) => open_files_max === FILES_MAX);
  const most = Number(warning.connections_max);
  deepEqual([warning.level, most >= 8 && most < FILES_MAX], ["WARNING", true]);
  await using opened = new AsyncDisposableStack();
  const { port } = new URL(lyftr.url);
  for (let at = 0; at < 4 * FILES_MAX; at++) opened.use(await RawConnection.open(Number(port)));
  for (let at = 0; at < 10; at++)
    equal((await post(lyftr.url, body({ message_id: `m${at}` }))).status, 200);
  const samples = series(await scrape(lyftr));
  equal(samples.get("connections_max"), most);
  ok((samples.get("connections_open") ?? Number.NaN) <= most);
  // Every connection is either open or counted.
  const refused = samples.get("connections_refused_total") ?? 0;
  ok(refused >= 4 * FILES_MAX - most, `${refused} were counted`);
  await lyftr.line(({ connections, level }) => connections !== undefined && level === "WARNING");
});
