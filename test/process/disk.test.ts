import { deepEqual, equal, match, notEqual, ok } from "node:assert/strict";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { logLines, serve } from "../support/process.ts";
import { body, getJson, post } from "../support/service.ts";
import { someWithin } from "../support/some-within.ts";
import { attachStrace } from "../support/strace.ts";
import { unlessTool } from "../support/tools.ts";

/** The service itself writes at its start, so the lock may be taken for a moment. */
const LOCK_WAIT_MS_MAX = 5_000;

const folder = () => mkdtempSync(join(tmpdir(), "lyftr-disk-"));

test("the answer 200 is written after the fsync of its row has returned", {
  skip: unlessTool("strace"),
}, async () => {
  const cwd = folder();
  await using lyftr = await serve({ cwd });
  const trace = join(cwd, "trace");
  const { detach } = await attachStrace(lyftr.child.pid ?? 0, [
    "-s",
    "5000",
    "-o",
    trace,
    "-e",
    "trace=fdatasync,fsync,write,writev,pwrite64",
  ]);
  equal((await post(lyftr.url, body({ message_id: "traced" }))).status, 200);
  await lyftr.line(({ message_id }) => message_id === "traced");
  await detach();
  const calls = readFileSync(trace, "utf8").split("\n");
  const written = calls.findIndex((call) => call.includes("pwrite64") && call.includes("traced"));
  const synced = calls.findIndex(
    (call, at) => at > written && /f(data)?sync(\(\d+| resumed>)\) += 0/.test(call),
  );
  const answered = calls.findIndex(
    (call) => /writev?\(/.test(call) && call.includes("HTTP/1.1 200 OK"),
  );
  ok(
    written >= 0 && synced > written && answered > synced,
    `written ${written}, synced ${synced}, answered ${answered}\n${calls.join("\n")}`,
  );
});

for (const call of ["fdatasync,fsync", "pwrite64"]) {
  test(`an I/O error of ${call} ends the process within two seconds, and the message is not acknowledged`, {
    skip: unlessTool("strace"),
  }, async () => {
    await someWithin(2_000, async () => {
      const cwd = folder();
      await using lyftr = await serve({ cwd });
      equal((await post(lyftr.url, body({ message_id: "before" }))).status, 200);
      const { detach } = await attachStrace(lyftr.child.pid ?? 0, [
        "-o",
        "/dev/null",
        "-e",
        `trace=${call}`,
        "-e",
        `inject=${call}:error=EIO`,
      ]);
      const startMs = performance.now();
      const answer = await post(lyftr.url, body({ message_id: "during" })).catch(() => undefined);
      notEqual(answer?.status, 200);
      equal(await lyftr.ended, 1);
      const tookMs = performance.now() - startMs;
      await detach();
      equal(
        logLines(lyftr.stdout()).some(({ level }) => level === "CRITICAL"),
        true,
      );
      await using again = await serve({ cwd });
      const ids = (await getJson(`${again.url}/messages`)).data.map(
        (row: { message_id: string }) => row.message_id,
      );
      ok(ids.includes("before"));
      equal((await post(again.url, body({ message_id: "during" }))).status, 200);
      equal((await getJson(`${again.url}/stats`)).total_messages, 2);
      return tookMs;
    });
  });
}

test("a full disk gets 503 with Retry-After, reads continue, and it recovers without a restart", {
  skip: unlessTool("strace"),
}, async () => {
  await using lyftr = await serve({ cwd: folder() });
  equal((await post(lyftr.url, body({ message_id: "before" }))).status, 200);
  const { detach } = await attachStrace(lyftr.child.pid ?? 0, [
    "-o",
    "/dev/null",
    "-e",
    "trace=pwrite64",
    "-e",
    "inject=pwrite64:error=ENOSPC",
  ]);
  const refused = await post(lyftr.url, body({ message_id: "during" }));
  deepEqual([refused.status, await refused.json()], [503, { detail: "database unavailable" }]);
  match(refused.headers.get("retry-after") ?? "", /^[123]$/);
  equal((await getJson(`${lyftr.url}/stats`)).total_messages, 1);
  await detach();
  equal((await post(lyftr.url, body({ message_id: "during" }))).status, 200);
  equal((await getJson(`${lyftr.url}/stats`)).total_messages, 2);
});

test("while another process holds the lock, webhooks get 503 within a bounded time, and reads and liveness answer", async () => {
  const cwd = folder();
  await using lyftr = await serve({ cwd });
  equal((await post(lyftr.url, body({ message_id: "before" }))).status, 200);
  const other = new DatabaseSync(join(cwd, "data", "app.db"), { timeout: LOCK_WAIT_MS_MAX });
  other.exec("BEGIN IMMEDIATE");
  const lockedMs = performance.now();
  const waiting = Array.from({ length: 20 }, (_, n) =>
    post(lyftr.url, body({ message_id: `m${n}` })),
  );
  for (const path of ["/health/live", "/health/ready", "/messages", "/stats", "/metrics"]) {
    const startMs = performance.now();
    equal((await fetch(lyftr.url + path)).status, 200, path);
    ok(performance.now() - startMs < 1_500, `${path} had to wait for the lock`);
  }
  const answers = await Promise.all(waiting);
  deepEqual(new Set(answers.map(({ status }) => status)), new Set([503]));
  match(answers[0]?.headers.get("retry-after") ?? "", /^\d+$/);
  // Two seconds for the lock; the rest is for a slow machine.
  ok(performance.now() - lockedMs < 10_000);
  other.exec("ROLLBACK");
  other.close();
  equal((await post(lyftr.url, body({ message_id: "m0" }))).status, 200);
  equal((await getJson(`${lyftr.url}/stats`)).total_messages, 2);
});

test("a lock that is released in time only delays the answer", async () => {
  const cwd = folder();
  await using lyftr = await serve({ cwd });
  const other = new DatabaseSync(join(cwd, "data", "app.db"), { timeout: LOCK_WAIT_MS_MAX });
  other.exec("BEGIN IMMEDIATE");
  const waiting = post(lyftr.url, body());
  const released = AbortSignal.timeout(500);
  released.addEventListener("abort", () => other.exec("ROLLBACK"));
  equal((await waiting).status, 200);
  equal(released.aborted, true);
  other.close();
});
