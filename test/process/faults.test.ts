import { deepEqual, equal, match, ok } from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { serve } from "../support/process.ts";
import { body, getJson, post } from "../support/service.ts";

const folder = () => mkdtempSync(join(tmpdir(), "lyftr-faults-"));

test("a row the database refuses is a 500 without details, and the other rows of the batch are stored", async () => {
  const cwd = folder();
  await using lyftr = await serve({ cwd });
  const db = new DatabaseSync(join(cwd, "data", "app.db"));
  db.exec(`CREATE TRIGGER refuse BEFORE INSERT ON lyftr_messages WHEN new.message_id = 'poison'
           BEGIN SELECT RAISE(ABORT, 'refused: +919876543210 said Hello'); END`);
  db.close();
  const ids = ["a", "b", "poison", "c", "d"];
  const answers = await Promise.all(ids.map((id) => post(lyftr.url, body({ message_id: id }))));
  deepEqual(
    answers.map(({ status }) => status),
    [200, 200, 500, 200, 200],
  );
  equal(await answers[2]?.text(), '{"detail":"internal server error"}');
  equal((await getJson(`${lyftr.url}/stats`)).total_messages, 4);
  const line = await lyftr.line(({ status }) => status === 500);
  deepEqual([line.level, line.result, line.dup, line.error], ["ERROR", "error", false, "Error"]);
  equal(/919876543210|Hello/.test(lyftr.stdout()), false);
});

for (const [fault, code] of [
  ["an unhandled rejection", "Promise.reject(new Error('of a test'))"],
  ["an uncaught exception", "setImmediate(() => { throw new Error('of a test') })"],
] as const) {
  test(`${fault} ends the process with 1 and the reason in the log, and acknowledged messages are stored`, async () => {
    const cwd = folder();
    const module = `import { isMainThread } from "node:worker_threads"; if (isMainThread) process.on("SIGUSR2", () => { ${code} });`;
    const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(module)}` };
    await using lyftr = await serve({ cwd, env });
    equal((await post(lyftr.url, body())).status, 200);
    lyftr.child.kill("SIGUSR2");
    equal(await lyftr.ended, 1);
    const line = await lyftr.line(({ level }) => level === "CRITICAL");
    match(String(line.msg), /unhandled fault/);
    await using again = await serve({ cwd });
    equal((await getJson(`${again.url}/stats`)).total_messages, 1);
  });
}

test("clients that send their headers or their body byte by byte are cut off, and others are not affected", async () => {
  await using lyftr = await serve({ cwd: folder() });
  const port = Number(new URL(lyftr.url).port);
  const slow = async (first: string) => {
    const socket = connect(port, "127.0.0.1");
    let answer = "";
    socket.setEncoding("utf8").on("data", (text: string) => {
      answer += text;
    });
    socket.on("error", () => undefined);
    socket.write(first);
    const startMs = performance.now();
    await once(socket, "close", { signal: AbortSignal.timeout(25_000) });
    return { answer, ms: performance.now() - startMs };
  };
  const cut = Promise.all([
    slow("POST /webhook HTTP/1.1\r\nhost: x\r\nx-"),
    slow("POST /webhook HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{"),
  ]);
  equal((await post(lyftr.url, body())).status, 200);
  const [headers, payload] = await cut;
  match(headers.answer, /^HTTP\/1\.1 408 /);
  match(payload.answer, /^HTTP\/1\.1 408 /);
  ok(headers.ms < 12_500, `headers took ${headers.ms} ms`);
  ok(payload.ms < 17_500, `the body took ${payload.ms} ms`);
  equal((await getJson(`${lyftr.url}/stats`)).total_messages, 1);
});
