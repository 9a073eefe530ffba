import { deepEqual, equal, match, ok } from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { after, test } from "node:test";
import type { Command } from "commander";
import { wholeProgram } from "../../src/cli/cli.ts";
import { run, temporaryFolder } from "../support/cli.ts";
import { serve } from "../support/process.ts";
import { getJson } from "../support/service.ts";

/**
 * Commands that write no report: a service, a secret, a key, a signature, a check that says
 * nothing, a script.
 */
const WITHOUT = [
  ...["serve", "init", "demo", "sign", "healthcheck", "completion"],
  ...["keys create", "keys rotate", "keys revoke", "secrets add", "secrets retire"],
];
const SECRET = "5a1f0c93e7b24d68aa01";
const folder = temporaryFolder();
after(() => folder[Symbol.dispose]());
const env = {
  WEBHOOK_SECRET: SECRET,
  DATABASE_URL: `sqlite:///${folder.file("app.db")}`,
  ADMIN_API_KEY: "0123456789abcdef0123456789abcdef",
};

/** The one line that a command writes with --json. */
async function reported(args: readonly string[], code = 0, more: Record<string, string> = {}) {
  const ended = await run([...args, "--json"], { cwd: folder.path, env: { ...env, ...more } });
  equal(ended.code, code, ended.stderr);
  match(ended.stdout, /^\{.*\}\n$/);
  return JSON.parse(ended.stdout);
}

test("every command that lists or reports has --json", async () => {
  const missing: string[] = [];
  const visit = (command: Command, path: string) => {
    for (const below of command.commands) visit(below, `${path} ${below.name()}`);
    if (command.commands.length > 0 || WITHOUT.includes(path)) return;
    if (!command.options.some(({ long }) => long === "--json")) missing.push(path);
  };
  for (const command of (await wholeProgram()).commands) visit(command, command.name());
  deepEqual(missing, []);
});

test("commands write their reports as JSON, with the fields of the HTTP API where it has them", async () => {
  deepEqual(Object.keys(await reported(["migrate"])), ["done"]);
  const line = {
    message_id: "m1",
    from: "+1",
    to: "+2",
    ts: "2025-01-15T10:00:00Z",
    created_at: "2025-01-15T10:00:00Z",
  };
  writeFileSync(
    folder.file("lines"),
    `${JSON.stringify(line)}\n${JSON.stringify({ ...line, message_id: "m2" })}\nx\n`,
  );
  deepEqual(await reported(["import", "lines"], 1), {
    imported: 2,
    duplicates: 0,
    conflicts: 0,
    invalid: 1,
  });
  equal(
    (await run(["keys", "create", "--name", "ops", "--scope", "read"], { cwd: folder.path, env }))
      .code,
    0,
  );

  await using service = await serve({ cwd: folder.path, env });
  const admin = { headers: { authorization: `Bearer ${env.ADMIN_API_KEY}` } };
  const api = async (path: string) => (await fetch(`${service.url}${path}`, admin)).json();
  deepEqual(await reported(["keys", "list"]), await api("/keys"));
  deepEqual((await reported(["audit"])).data, ((await api("/audit")) as { data: unknown }).data);
  const sent = await reported([
    "send",
    "--url",
    service.url,
    "--from",
    "+1",
    "--to",
    "+2",
    "--id",
    "m3",
  ]);
  deepEqual([sent.accepted, sent.refused, sent.failed], [1, 0, 0]);
  const wrong = { WEBHOOK_SECRET: "another-secret-of-20" };
  const refused = await reported(
    ["send", "--url", service.url, "--from", "+1", "--to", "+2"],
    1,
    wrong,
  );
  deepEqual([refused.accepted, refused.refused_by_status], [0, { 401: 1 }]);
  const { master_key_set, ...secrets } = (await api("/secrets")) as Record<string, unknown>;
  deepEqual([await reported(["secrets", "list"]), master_key_set], [secrets, false]);
  const { data, processes } = await reported(["secrets", "list"]);
  deepEqual([processes, data[0].name, data[0].may_be_retired], [1, "current", "no"]);
  ok("last_verified_at" in data[0]);
  const verified = await reported(["verify"]);
  deepEqual([verified.differences, verified.damage], [[], []]);
  equal((await reported(["backup", "backup.db"])).bytes > 0, true);
  equal((await getJson(`${service.url}/health/live`)).status, "alive");
});

test("commands that delete or copy report as JSON too, and a failure leaves standard output empty", async () => {
  const copied = await reported([
    "copy",
    "--from",
    env.DATABASE_URL,
    "--to",
    `sqlite:///${folder.file("copy.db")}`,
  ]);
  deepEqual([copied.copied, copied.source.messages, copied.source], [3, 3, copied.target]);
  const exported = await reported(["export", "--format", "python-sqlite", "old.db"]);
  deepEqual(exported, { added: 3, already_there: 0, left_out: 0 });
  const old = await reported(["retention", "--days", "1", "--dry-run"]);
  deepEqual([old.would_delete, old.messages], [2, 3]);
  const deleted = await reported(["retention", "--days", "1", "--yes"]);
  deepEqual([deleted.deleted, deleted.messages], [2, 3]);
  equal((await reported(["erase", "+1", "--yes"])).messages_deleted, 1);
  const restored = await reported(["restore", "--yes", "backup.db"]);
  deepEqual([restored.messages, typeof restored.previous], [3, "string"]);
  const checked = await reported(["check-config"], 0, { DATABASE_URI: "x" });
  equal(checked.settings.WEBHOOK_SECRET, "(set)");
  ok(
    checked.warnings.includes(
      "DATABASE_URI is not a variable of Lyftr, so it has no effect. Did you mean DATABASE_URL?",
    ),
  );
  ok(!JSON.stringify(checked).includes(SECRET));
  const unset = await run(["alerts", "test", "--json"], { cwd: folder.path });
  deepEqual([unset.code, unset.stdout], [2, ""]);
  const failed = await reported(["alerts", "test"], 1, {
    ALERT_WEBHOOK_URL: "http://127.0.0.1:9/",
  });
  deepEqual(
    [failed.accepted, failed.data[0].target, failed.data[0].event],
    [false, "webhook", "trigger"],
  );
});

test("a start logs a warning for a misspelt variable, and check-config shows it", async () => {
  using place = temporaryFolder();
  await using service = await serve({ cwd: place.path, env: { WEBHOOK_SECERT: "x" } });
  const line = await service.line(({ variable }) => variable === "WEBHOOK_SECERT");
  deepEqual(
    [line.level, line.msg],
    [
      "WARNING",
      "WEBHOOK_SECERT is not a variable of Lyftr, so it has no effect. Did you mean WEBHOOK_SECRET?",
    ],
  );
  const { stderr } = await run(["check-config"], { cwd: place.path, env: { WEBHOOK_SECERT: "x" } });
  match(
    stderr,
    /^Warning: WEBHOOK_SECERT is not a variable of Lyftr.* Did you mean WEBHOOK_SECRET\?$/m,
  );
});
