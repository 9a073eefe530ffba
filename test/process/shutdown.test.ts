import { deepEqual, equal, match, ok } from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { SAME_SIGNAL_MS } from "../../src/cli/repeated-signal.ts";
import { sign } from "../../src/providers/signature.ts";
import { scrape } from "../support/client.ts";
import { INHERITED, logLines, runLyftr, serve } from "../support/process.ts";
import { body, getJson, post, SECRET } from "../support/service.ts";

const folder = () => mkdtempSync(join(tmpdir(), "lyftr-shutdown-"));

/** A webhook whose body is held back after its first half. */
async function halfSent(
  url: string,
  payload: string,
): Promise<{ socket: Socket; finish: () => Promise<string> }> {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  await once(socket, "connect");
  const head = `POST /webhook HTTP/1.1\r\nhost: x\r\nx-signature: ${sign(SECRET, payload)}\r\ncontent-length: ${Buffer.byteLength(payload)}\r\n\r\n`;
  socket.write(head + payload.slice(0, 20));
  let answer = "";
  socket.setEncoding("utf8").on("data", (text: string) => (answer += text));
  const finish = async () => {
    socket.write(payload.slice(20));
    await once(socket, "close");
    return answer;
  };
  return { socket, finish };
}

test("SIGTERM: readiness turns 503, the current request is answered, its row is stored, exit 0", async () => {
  const cwd = folder();
  await using lyftr = await serve({ cwd });
  const held = await halfSent(lyftr.url, body({ message_id: "held" }));
  // The first half has arrived when a request sent after it has been answered.
  equal((await fetch(`${lyftr.url}/health/ready`)).status, 200);
  lyftr.child.kill("SIGTERM");
  await lyftr.line(({ msg }) => msg === "shutting down");
  const ready = await fetch(`${lyftr.url}/health/ready`);
  deepEqual(
    [ready.status, await ready.text(), ready.headers.get("connection")],
    [503, '{"detail":"shutting down"}', "close"],
  );
  equal((await fetch(`${lyftr.url}/health/live`)).status, 200);
  match(
    await held.finish(),
    /^HTTP\/1\.1 200 OK\r\n[\s\S]*connection: close\r\n[\s\S]*\{"status":"ok"\}$/i,
  );
  equal(await lyftr.ended, 0);
  await using again = await serve({ cwd });
  equal((await getJson(`${again.url}/messages`)).data[0].message_id, "held");
});

test("a request that never ends does not delay the shutdown beyond the drain time", async () => {
  await using lyftr = await serve({ cwd: folder(), env: { DRAIN_TIMEOUT_MS: "500" } });
  const held = await halfSent(lyftr.url, body());
  equal((await fetch(`${lyftr.url}/health/live`)).status, 200);
  const startMs = performance.now();
  lyftr.child.kill("SIGTERM");
  equal(await lyftr.ended, 0);
  ok(performance.now() - startMs < 5_000);
  held.socket.destroy();
});

test("a signal that is repeated within half a second is the same signal, a later one ends at once", async () => {
  await using lyftr = await serve({ cwd: folder(), env: { DRAIN_TIMEOUT_MS: "60000" } });
  const held = await halfSent(lyftr.url, body());
  equal((await fetch(`${lyftr.url}/health/live`)).status, 200);
  lyftr.child.kill("SIGTERM");
  await lyftr.line(({ msg }) => msg === "shutting down");
  const firstMs = performance.now();
  for (const signal of ["SIGTERM", "SIGINT"] as const) lyftr.child.kill(signal);
  equal((await fetch(`${lyftr.url}/health/live`)).status, 200);
  await setTimeout(firstMs + SAME_SIGNAL_MS - performance.now());
  equal(lyftr.child.exitCode, null);
  lyftr.child.kill("SIGTERM");
  equal(await lyftr.ended, 143);
  held.socket.destroy();
});

test("SIGTERM under load: every message that got 200 is stored, and only connections fail", async () => {
  const cwd = folder();
  await using lyftr = await serve({ cwd });
  const accepted: string[] = [];
  const statuses = new Set<number>();
  let stopped = false;
  const sender = async (name: number) => {
    for (let n = 0; !stopped; n++) {
      const id = `${name}-${n}`;
      const answer = await post(lyftr.url, body({ message_id: id })).catch(() => undefined);
      if (answer === undefined) return;
      statuses.add(answer.status);
      if (answer.status === 200) accepted.push(id);
      if (accepted.length === 200) lyftr.child.kill("SIGTERM");
    }
  };
  const senders = Array.from({ length: 16 }, (_, name) => sender(name));
  equal(await lyftr.ended, 0);
  stopped = true;
  await Promise.all(senders);
  deepEqual([...statuses], [200]);
  await using again = await serve({ cwd });
  const stored = (await getJson(`${again.url}/stats`)).total_messages;
  ok(stored >= accepted.length, `${stored} stored, ${accepted.length} accepted`);
  for (const id of accepted) equal((await post(again.url, body({ message_id: id }))).status, 200);
  equal((await getJson(`${again.url}/stats`)).total_messages, stored);
});

test("a closed stdout does not stop ingestion", async () => {
  await using lyftr = await serve({ cwd: folder() });
  lyftr.child.stdout?.destroy();
  for (let n = 0; n < 20; n++)
    equal((await post(lyftr.url, body({ message_id: `m${n}` }))).status, 200);
  lyftr.child.kill("SIGTERM");
  equal(await lyftr.ended, 0);
});

test("a full log disk does not stop ingestion, and what was dropped is counted", async () => {
  const port = 20_000 + (process.pid % 20_000);
  const full = openSync("/dev/full", "w");
  const bin = fileURLToPath(new URL("../../bin/lyftr.js", import.meta.url));
  const env = { ...INHERITED, WEBHOOK_SECRET: SECRET, HOST: "127.0.0.1", PORT: String(port) };
  const child = spawn(process.execPath, [bin, "serve"], {
    cwd: folder(),
    env,
    stdio: ["ignore", full, "ignore"],
  });
  closeSync(full);
  const ended = once(child, "exit");
  try {
    const url = `http://127.0.0.1:${port}`;
    const deadline = AbortSignal.timeout(10_000);
    while ((await fetch(`${url}/health/ready`).catch(() => undefined))?.status !== 200)
      deadline.throwIfAborted();
    for (let n = 0; n < 20; n++)
      equal((await post(url, body({ message_id: `m${n}` }))).status, 200);
    const dropped = /^log_lines_dropped_total (\d+)$/m.exec(await scrape({ url }))?.[1];
    ok(Number(dropped) > 0, `dropped ${dropped}`);
  } finally {
    child.kill("SIGTERM");
    deepEqual(await ended, [0, null]);
  }
});

test("an unread stdout does not stop ingestion nor the shutdown", async () => {
  const cwd = folder();
  await using lyftr = await serve({ cwd, env: { LOG_LEVEL: "INFO" } });
  lyftr.child.stdout?.pause();
  const long = "x".repeat(100);
  const batch = (from: number) =>
    Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        post(lyftr.url, body({ message_id: `${long}${from + n}` })),
      ),
    );
  // Well beyond the 64 KiB of a pipe.
  for (let n = 0; n < 1_000; n += 50) for (const { status } of await batch(n)) equal(status, 200);
  lyftr.child.kill("SIGTERM");
  await once(lyftr.child, "exit");
  equal(lyftr.child.exitCode, 0);
});

test("a taken port is explained, with exit 1", async () => {
  await using lyftr = await serve({ cwd: folder() });
  const { port } = new URL(lyftr.url);
  await using second = runLyftr(["serve"], {
    cwd: folder(),
    env: { PORT: port, HOST: "127.0.0.1" },
  });
  equal(await second.ended, 1);
  match(second.stderr(), /Port \d+ is taken.*PORT=/);
  equal(second.stdout().includes("listening"), false);
});

test("all problems of a wrong configuration are reported on stderr, with exit 2", async () => {
  await using lyftr = runLyftr(["serve"], { cwd: folder(), env: { PORT: "x", LOG_LEVEL: "y" } });
  equal(await lyftr.ended, 2);
  match(lyftr.stderr(), /PORT[\s\S]*LOG_LEVEL|LOG_LEVEL[\s\S]*PORT/);
  equal(lyftr.stdout(), "");
});

test("without a secret it starts, says so, is alive, is not ready and refuses every webhook", async () => {
  await using lyftr = await serve({ cwd: folder(), env: { WEBHOOK_SECRET: "" } });
  const said = "readiness is 503. Set it, or run lyftr init, and restart";
  await lyftr.line(({ level, msg }) => level === "WARNING" && String(msg).endsWith(said));
  equal((await fetch(`${lyftr.url}/health/live`)).status, 200);
  const ready = await fetch(`${lyftr.url}/health/ready`);
  deepEqual(
    [ready.status, await ready.text()],
    [503, '{"detail":"WEBHOOK_SECRET not configured"}'],
  );
  equal((await post(lyftr.url, body(), { "x-signature": sign("", body()) })).status, 401);
});

test("stdout contains only JSON lines", async () => {
  await using lyftr = await serve({ cwd: folder() });
  await post(lyftr.url, body());
  await fetch(`${lyftr.url}/nowhere`);
  lyftr.child.kill("SIGINT");
  equal(await lyftr.ended, 0);
  ok(logLines(lyftr.stdout()).length >= 5);
  equal(lyftr.stderr(), "");
});
