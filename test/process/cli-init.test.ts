import { deepEqual, equal, match, notEqual } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { run, temporaryFolder } from "../support/cli.ts";
import { serve } from "../support/process.ts";

const OWNER_ONLY = 0o600;
const modeOf = (path: string) => statSync(path).mode & 0o777;
const secretIn = (dotEnv: string) =>
  /^WEBHOOK_SECRET=([0-9a-f]{64})$/m.exec(readFileSync(dotEnv, "utf8"))?.[1] ?? "";

test("init makes a secret that only its owner can read, and shows it once, on standard error", async () => {
  using folder = temporaryFolder();
  const { code, stdout, stderr } = await run(["init"], { cwd: folder.path });
  equal(code, 0);
  equal(stdout, "");
  const secret = secretIn(folder.file(".env"));
  match(stderr, new RegExp(`A new secret is in .env: ${secret}\n`));
  equal(modeOf(folder.file(".env")), OWNER_ONLY);
});

test("a second init prints nothing and changes nothing", async () => {
  using folder = temporaryFolder();
  await run(["init"], { cwd: folder.path });
  const before = readFileSync(folder.file(".env"), "utf8");
  deepEqual(await run(["init"], { cwd: folder.path }), { code: 0, stdout: "", stderr: "" });
  equal(readFileSync(folder.file(".env"), "utf8"), before);
});

test("init makes a new secret for each folder", async () => {
  using one = temporaryFolder();
  using other = temporaryFolder();
  await Promise.all([run(["init"], { cwd: one.path }), run(["init"], { cwd: other.path })]);
  notEqual(secretIn(one.file(".env")), secretIn(other.file(".env")));
});

test("init does not change a secret of the environment, in either of its forms", async () => {
  using folder = temporaryFolder();
  const nothing = { code: 0, stdout: "", stderr: "" };
  deepEqual(await run(["init"], { cwd: folder.path, env: { WEBHOOK_SECRET: "mine" } }), nothing);
  deepEqual(
    await run(["init"], { cwd: folder.path, env: { WEBHOOK_SECRET_FILE: "/run/secrets/lyftr" } }),
    nothing,
  );
  equal(statSync(folder.file(".env"), { throwIfNoEntry: false }), undefined);
});

test("init keeps the other lines of .env, even an unfinished last one and a blank secret, and closes the file to other users", async () => {
  using folder = temporaryFolder();
  writeFileSync(folder.file(".env"), "# mine\nWEBHOOK_SECRET=\nPORT=8123", { mode: 0o644 });
  const { code, stderr } = await run(["init"], { cwd: folder.path });
  equal(code, 0);
  match(
    readFileSync(folder.file(".env"), "utf8"),
    /^# mine\nWEBHOOK_SECRET=\nPORT=8123\nWEBHOOK_SECRET=[0-9a-f]{64}\n$/,
  );
  match(stderr, /http:\/\/127\.0\.0\.1:8123\/webhook/);
  match(stderr, /its dashboard is at http:\/\/127\.0\.0\.1:8123\/ui\/, and/);
  equal(modeOf(folder.file(".env")), OWNER_ONLY);
});

test("init says so when a blank secret of the environment would hide the new one", async () => {
  using folder = temporaryFolder();
  const { code, stderr } = await run(["init"], { cwd: folder.path, env: { WEBHOOK_SECRET: "" } });
  equal(code, 1);
  match(stderr, /it has no effect: the environment sets WEBHOOK_SECRET/);
});

test("init explains why the secret cannot be saved", async () => {
  using folder = temporaryFolder();
  mkdirSync(folder.file(".env"));
  const { code, stderr } = await run(["init"], { cwd: folder.path });
  equal(code, 1);
  match(stderr, /The secret cannot be stored: \.env is a folder\./);
});

test("the command that init prints can be pasted into a shell and is accepted by the service", async () => {
  using folder = temporaryFolder();
  const { stderr } = await run(["init"], { cwd: folder.path });
  const secret = secretIn(folder.file(".env"));
  await using lyftr = await serve({ cwd: folder.path, env: { WEBHOOK_SECRET: secret } });
  const command = stderr.slice(stderr.indexOf("curl ")).replace("http://127.0.0.1:8000", lyftr.url);
  equal(execFileSync("sh", ["-c", command], { encoding: "utf8" }), '{"status":"ok"}');
});
