import { equal, match, ok } from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { hasStackTrace, run, temporaryFolder, valueIn } from "../support/cli.ts";
import { serve } from "../support/process.ts";
import { body, getJson, post } from "../support/service.ts";

const env = { DATABASE_URL: "sqlite:///./app.db" };
const MESSAGES = 500;

async function imported(folder: ReturnType<typeof temporaryFolder>): Promise<void> {
  const lines = Array.from({ length: MESSAGES }, (_, index) =>
    body({ message_id: `m${index}`, text: `text ${index}` }),
  );
  writeFileSync(folder.file("in.ndjson"), lines.join("\n"));
  equal((await run(["import", "in.ndjson"], { cwd: folder.path, env })).code, 0);
}

test("verify counts again beside a running service, and finds nothing wrong", async () => {
  using folder = temporaryFolder();
  await imported(folder);
  await using lyftr = await serve({ cwd: folder.path, env });
  for (let sent = 0; sent < 50; sent++)
    equal((await post(lyftr.url, body({ message_id: `live-${sent}` }))).status, 200);
  const { code, stdout, stderr } = await run(["verify"], { cwd: folder.path, env });
  equal(stderr, "");
  match(stdout, /^counted [0-9]+ messages again; [0-9]+ wait to be indexed\nnothing differs\n$/);
  const [, counted, waiting] = /([0-9]+) messages again; ([0-9]+) wait/.exec(stdout) ?? [];
  equal(Number(counted) + Number(waiting), MESSAGES + 50);
  equal(code, 0);
});

test("verify reports what differs and how to repair it; after that the service rebuilds the index", async () => {
  using folder = temporaryFolder();
  await imported(folder);
  const index = folder.file("app.db-index");
  {
    await using lyftr = await serve({ cwd: folder.path, env });
    // The index is complete after a quiet time.
    while (valueIn(index, "SELECT messages FROM index_state") !== MESSAGES)
      await new Promise(setImmediate);
    lyftr.child.kill("SIGTERM");
    equal(await lyftr.ended, 0);
  }
  const db = new DatabaseSync(index);
  db.exec("UPDATE index_state SET messages = messages + 1");
  db.close();
  const { code, stdout, stderr } = await run(["verify"], { cwd: folder.path, env });
  equal(code, 1);
  match(stdout, /differs: the total of messages is 501 in the index, 500 in the messages\n/);
  match(stdout, /delete \S*app\.db-index, and start it again/);
  equal(stderr, "");
  for (const suffix of ["", "-wal", "-shm"]) rmSync(index + suffix, { force: true });
  await using lyftr = await serve({ cwd: folder.path, env });
  equal((await getJson(`${lyftr.url}/stats`)).total_messages, MESSAGES);
});

test("verify of a missing database says so and does not create it", async () => {
  using folder = temporaryFolder();
  const missing = await run(["verify"], { cwd: folder.path, env });
  equal(missing.code, 1);
  match(missing.stderr, /no database to verify: \.\/app\.db \(DATABASE_URL\) does not exist/);
  const other = await run(["verify", "--fast"], { cwd: folder.path, env });
  equal(other.code, 2);
  ok(![missing, other].some(({ stderr }) => hasStackTrace(stderr)));
});
