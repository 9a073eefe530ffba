import { deepEqual, equal, ok } from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { diskFaults } from "../support/disk-faults.ts";
import { logLines, runLyftr, serve } from "../support/process.ts";
import { body, post } from "../support/service.ts";
import { unlessTool } from "../support/tools.ts";

const SYNC_MS = 500;
const SENDERS = 300;
const LOAD_MS = 4_000;
const READS = [
  "/messages",
  "/messages?q=hello",
  "/messages?from=%2B919876543210",
  "/stats",
  "/senders",
  "/health/ready",
];

test("with every fsync delayed by half a second messages wait or are shed, and reads are answered as usual", {
  skip: unlessTool("gcc"),
}, async () => {
  const cwd = mkdtempSync(join(tmpdir(), "lyftr-slow-"));
  // The new file is created while the disk is fast.
  equal(await runLyftr(["migrate"], { cwd }).ended, 0);
  await using lyftr = await serve({ cwd, env: diskFaults({ SYNC_MS }) });
  const over = AbortSignal.timeout(LOAD_MS);
  let sent = 0;
  const statuses = new Map<number, number>();
  const sender = async () => {
    while (!over.aborted) {
      const { status } = await post(lyftr.url, body({ message_id: `m${++sent}` }));
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  };
  const refused: string[] = [];
  const reader = async () => {
    while (!over.aborted) {
      for (const path of READS) {
        const { status } = await fetch(lyftr.url + path);
        if (status !== 200) refused.push(`${path} ${status}`);
      }
      await sleep(10);
    }
  };
  await Promise.all([...Array.from({ length: SENDERS }, sender), reader()]);
  deepEqual(refused, []);
  // Measured by the service itself, because the senders keep this process busy. Reads that waited
  // for a write would wait for half of its fsync on average. A busy machine makes a few slow, not
  // most.
  const tookMs = logLines(lyftr.stdout()).flatMap(({ method, latency_ms }) =>
    method === "GET" ? Number(latency_ms) : [],
  );
  const medianMs = tookMs.sort((a, b) => a - b)[Math.floor(tookMs.length / 2)] ?? Number.NaN;
  ok(medianMs < SYNC_MS / 2, `half of the reads took more than ${medianMs} ms`);
  ok((statuses.get(200) ?? 0) > SENDERS, "no load came through");
  equal(
    [...statuses.keys()].every((status) => status === 200 || status === 503),
    true,
    `${[...statuses.keys()]}`,
  );
});
