import { equal, match, ok } from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { run, temporaryFolder } from "../support/cli.ts";
import { macOf } from "../support/client.ts";
import { serve } from "../support/process.ts";
import { body, post } from "../support/service.ts";

const OLD = "the old master key, of enough characters";
const NEW = "the new master key, of enough characters";
const SECRET = "what the sender signs with";

test("MASTER_KEY is changed in the steps of docs/operations/keys-and-secrets.md, and no webhook is refused during any of them", async () => {
  using folder = temporaryFolder();
  writeFileSync(folder.file("autumn"), SECRET);
  const base = { DATABASE_URL: "sqlite:///./app.db", WEBHOOK_SECRET: "of another sender" };
  const lyftr = async (env: Readonly<Record<string, string>>, ...args: string[]) => {
    const done = await run(args, { cwd: folder.path, env: { ...base, ...env } });
    equal(done.code, 0, done.stderr);
    return done.stdout;
  };
  /**
   * Starts the service with these settings, runs `during`, and ends it. A webhook is accepted
   * before and after.
   */
  const serving = async (env: Readonly<Record<string, string>>, during = async () => {}) => {
    await using service = await serve({ cwd: folder.path, env: { ...base, ...env } });
    for (const work of [during, async () => {}]) {
      const payload = body();
      equal(
        (await post(service.url, payload, { "x-signature": macOf(payload, SECRET) })).status,
        200,
      );
      await work();
    }
    service.child.kill("SIGTERM");
    equal(await service.ended, 0);
  };
  const previous = { WEBHOOK_SECRET_PREVIOUS: SECRET };
  await lyftr({}, "migrate");
  await lyftr({ MASTER_KEY: OLD }, "secrets", "add", "autumn", "--secret-file", "autumn");
  await serving({ MASTER_KEY: OLD });

  await serving({ ...previous, MASTER_KEY: OLD }, async () => {
    const listed = await lyftr({ ...previous, MASTER_KEY: OLD }, "secrets", "list");
    match(listed, /^autumn .* yes: previous_1 is the same secret$/m);
    await lyftr({ ...previous, MASTER_KEY: OLD }, "secrets", "retire", "autumn");
  });
  await serving({ ...previous, MASTER_KEY: NEW }, async () => {
    await lyftr(
      { ...previous, MASTER_KEY: NEW },
      "secrets",
      "add",
      "autumn",
      "--secret-file",
      "autumn",
    );
  });
  await serving({ MASTER_KEY: NEW });

  const chapter = readFileSync(
    new URL("../../docs/operations/keys-and-secrets.md", import.meta.url),
    "utf8",
  ).split("\n## Rotating MASTER_KEY\n")[1];
  for (const step of [
    "`WEBHOOK_SECRET_PREVIOUS`",
    "lyftr secrets retire NAME",
    "new `MASTER_KEY`",
    "lyftr secrets add NAME --secret-file FILE",
  ])
    ok(chapter?.includes(step), `the document has no step with ${step}`);
});
