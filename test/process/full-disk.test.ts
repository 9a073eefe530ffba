import { deepEqual, equal, match, ok } from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { diskFaults } from "../support/disk-faults.ts";
import { logLines, runLyftr, serve } from "../support/process.ts";
import { body, getJson, post } from "../support/service.ts";
import { unlessTool } from "../support/tools.ts";

const READS = [
  "/messages",
  "/messages?q=hello",
  "/stats",
  "/senders",
  "/health/live",
  "/health/ready",
];
const HEAL_MS_MAX = 1_000;
const GIVE_UP_MS = 20_000;

function folder(): { readonly cwd: string; readonly full: string } {
  const cwd = mkdtempSync(join(tmpdir(), "lyftr-full-"));
  return { cwd, full: join(cwd, "full") };
}

async function answersReads(url: string): Promise<void> {
  for (const path of READS) equal((await fetch(url + path)).status, 200, path);
}

/** Resolves with the time until `isTrue`. */
async function until(isTrue: () => Promise<boolean>): Promise<number> {
  const startMs = performance.now();
  while (!(await isTrue())) {
    ok(performance.now() - startMs < GIVE_UP_MS, "it never came true");
    await sleep(20);
  }
  return performance.now() - startMs;
}

for (const name of ["ENOSPC", "EDQUOT", "EFBIG"] as const) {
  test(`while files cannot grow (${name}) webhooks get 503 and reads continue; with room again webhooks are accepted within a second`, {
    skip: unlessTool("gcc"),
  }, async () => {
    const { cwd, full } = folder();
    await using lyftr = await serve({ cwd, env: diskFaults({ FULL: full }) });
    equal((await post(lyftr.url, body({ message_id: "before" }))).status, 200);
    writeFileSync(full, String(constants.errno[name]));
    const send = async (round: number) => {
      const rows = Array.from({ length: 30 }, (_, n) =>
        body({ message_id: `${round}-${n}`, text: "x".repeat(4_000) }),
      );
      return (await Promise.all(rows.map((row) => post(lyftr.url, row)))).map(
        ({ status }) => status,
      );
    };
    let round = 0;
    // The log still has room: the first message may still be stored.
    await until(async () => (await send(++round)).every((status) => status === 503));
    const refused = await post(lyftr.url, body({ message_id: "refused", text: "x".repeat(4_000) }));
    deepEqual([refused.status, await refused.json()], [503, { detail: "database unavailable" }]);
    match(refused.headers.get("retry-after") ?? "", /^\d+$/);
    const line = await lyftr.line(({ status }) => status === 503);
    match(String(line.error), /disk is full/);
    await answersReads(lyftr.url);
    // The index thread gets the error too, and continues.
    await sleep(1_500);
    await answersReads(lyftr.url);
    rmSync(full);
    const ms = await until(
      async () => (await post(lyftr.url, body({ message_id: "after" }))).status === 200,
    );
    ok(ms < HEAL_MS_MAX, `it took ${ms} ms`);
    equal(
      logLines(lyftr.stdout()).some(({ level }) => level === "CRITICAL"),
      false,
    );
    lyftr.child.kill("SIGTERM");
    equal(await lyftr.ended, 0);
  });
}

/** Stores a message with a service that ends normally. */
async function storeOneMessage(cwd: string): Promise<void> {
  await using lyftr = await serve({ cwd });
  equal((await post(lyftr.url, body({ message_id: "before" }))).status, 200);
  lyftr.child.kill("SIGTERM");
  equal(await lyftr.ended, 0);
}

test("a start on a full disk says so, answers reads, and accepts webhooks when there is room", {
  skip: unlessTool("gcc"),
}, async () => {
  const { cwd, full } = folder();
  await storeOneMessage(cwd);
  writeFileSync(full, String(constants.errno.ENOSPC));
  await using lyftr = await serve({ cwd, env: diskFaults({ FULL: full, FULL_NAME: "-wal" }) });
  await lyftr.line(
    ({ level, warning }) => level === "WARNING" && /disk is full/.test(String(warning)),
  );
  await answersReads(lyftr.url);
  equal((await getJson(`${lyftr.url}/stats`)).total_messages, 1);
  equal((await post(lyftr.url, body({ message_id: "during" }))).status, 503);
  rmSync(full);
  equal((await post(lyftr.url, body({ message_id: "during" }))).status, 200);
  equal((await getJson(`${lyftr.url}/stats`)).total_messages, 2);
});

test("a start with no room at all is refused with a sentence, and the next one finds everything", {
  skip: unlessTool("gcc"),
}, async () => {
  const { cwd, full } = folder();
  await storeOneMessage(cwd);
  writeFileSync(full, String(constants.errno.ENOSPC));
  const env = {
    HOST: "127.0.0.1",
    PORT: "0",
    WEBHOOK_SECRET: "testsecret",
    ...diskFaults({ FULL: full }),
  };
  await using refused = runLyftr(["serve"], { cwd, env });
  equal(await refused.ended, 1);
  match(refused.stdout() + refused.stderr(), /disk is full/);
  rmSync(full);
  await using lyftr = await serve({ cwd });
  equal((await getJson(`${lyftr.url}/stats`)).total_messages, 1);
});
