import { deepEqual, equal, ok } from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { run, temporaryFolder } from "../support/cli.ts";
import { serve } from "../support/process.ts";
import { body, post } from "../support/service.ts";
import { attachStrace } from "../support/strace.ts";
import { allowedCalls, unitEnvironment, unitSettings } from "../support/systemd-unit.ts";
import { unlessTool } from "../support/tools.ts";

const skip = unlessTool("systemd-analyze") || unlessTool("strace");
const KEY = "k".repeat(64);
const MESSAGES = 50;

test("the unit's filter of system calls allows everything that the service does while it serves and ends, and so do its address families", {
  skip,
  timeout: 60_000,
}, async () => {
  using folder = temporaryFolder();
  const settings = unitSettings("lyftr.service");
  for (const credential of ["webhook-secret", "admin-api-key"])
    writeFileSync(folder.file(credential), credential === "webhook-secret" ? "testsecret" : KEY);
  mkdirSync(folder.file("lyftr"));
  const env = unitEnvironment(settings, { state: folder.path, credentials: folder.path });
  await using lyftr = await serve({
    cwd: folder.file("lyftr"),
    env: { ...env, WEBHOOK_SECRET: "", PORT: "0" },
  });
  const trace = folder.file("trace");
  const { detach } = await attachStrace(lyftr.child.pid ?? 0, ["-s", "0", "-o", trace]);
  const statuses = await Promise.all(
    Array.from(
      { length: MESSAGES },
      async (_, n) => (await post(lyftr.url, body({ message_id: `m${n}` }))).status,
    ),
  );
  deepEqual([...new Set(statuses)], [200]);
  const headers = { authorization: `Bearer ${KEY}` };
  for (const path of [
    "/messages?q=hello",
    "/messages/export",
    "/stats",
    "/senders",
    "/metrics",
    "/health/ready",
  ]) {
    const answer = await fetch(`${lyftr.url}${path}`, { headers });
    equal(answer.status, 200, path);
    await answer.text();
  }
  const backup = await run(["backup", "copy.db"], { cwd: folder.path, env });
  equal(backup.code, 0, backup.stderr);
  lyftr.child.kill("SIGTERM");
  equal(await lyftr.ended, 0);
  await detach();

  const allowed = await allowedCalls(settings);
  ok(
    allowed.size > 200 && !allowed.has("mount") && !allowed.has("setpriority"),
    `${allowed.size} calls are allowed`,
  );
  const lines = readFileSync(trace, "utf8").split("\n");
  const called = new Set(lines.flatMap((line) => /^[0-9]+ +([a-z0-9_]+)\(/.exec(line)?.[1] ?? []));
  ok(called.has("fsync") && called.has("accept4"), [...called].join(" "));
  deepEqual(
    [...called].filter((call) => !allowed.has(call)),
    [],
  );
  const families = new Set(
    lines.flatMap((line) => / socket\((AF_[A-Z0-9]+)/.exec(line)?.[1] ?? []),
  );
  const listed = settings.get("RestrictAddressFamilies")?.[0]?.split(" ") ?? [];
  deepEqual(
    [...families].filter((family) => !listed.includes(family)),
    [],
  );
});
