import { deepEqual, equal, ok } from "node:assert/strict";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { readConfig, redacted, settingsOf, VARIABLES, withDotEnv } from "../../src/config.ts";
import type { Setting } from "../../src/domain/setting.ts";
import { bearer, KeyMaker } from "../support/api-keys.ts";
import { type Service, startService } from "../support/service.ts";

const ADMIN = "an-admin-key-of-32-characters-or-more";

async function settings({ url }: Service): Promise<readonly Setting[]> {
  const response = await fetch(`${url}/settings`, { headers: bearer(ADMIN) });
  equal(response.status, 200);
  return (await response.json()) as readonly Setting[];
}

const shown = (all: readonly Setting[], name: string) => {
  const { value, from } = all.find((one) => one.name === name) ?? {};
  return [value, from];
};

const file = (name: string, text: string): string => {
  const path = join(mkdtempSync(join(tmpdir(), "lyftr-settings-")), name);
  writeFileSync(path, text);
  return path;
};

test("an administrator sees every setting, what it is and where it comes from", async () => {
  const limit = file("limit", "5/1m\n");
  await using service = await startService({
    ADMIN_API_KEY: ADMIN,
    RATE_LIMIT_PER_KEY_FILE: limit,
    CORS_ORIGINS: "https://a.example https://b.example",
    LOG_HEALTH: "",
  });
  const all = await settings(service);
  deepEqual(
    all.map(({ name }) => name),
    Object.values(VARIABLES).map(({ name }) => name),
  );
  for (const one of all) deepEqual(Object.keys(one), ["name", "value", "from"]);
  deepEqual(shown(all, "PORT"), ["0", "environment"]);
  deepEqual(shown(all, "CORS_ORIGINS"), ["https://a.example,https://b.example", "environment"]);
  deepEqual(shown(all, "RATE_LIMIT_PER_KEY"), ["5/60000ms", "file"]);
  deepEqual(shown(all, "LOG_HEALTH"), ["1", "default"]);
  deepEqual(shown(all, "RETENTION_DAYS"), ["off", "default"]);
  deepEqual(shown(all, "REDIS_URL"), [null, "default"]);
});

test("the values are those of lyftr check-config", async () => {
  const env = { ADMIN_API_KEY: ADMIN, RETENTION_DAYS: "90", RATE_LIMIT_PER_IP: "7/1s,burst=9" };
  await using service = await startService(env);
  const { databaseUrl } = service;
  const checked = redacted(
    readConfig({ ...env, HOST: "127.0.0.1", PORT: "0", DATABASE_URL: databaseUrl }),
  );
  for (const { name, value } of await settings(service)) {
    if (value !== "set") equal(value ?? "(not set)", checked[name], name);
  }
});

test("a secret is only said to be set, and a URL has no password", async () => {
  const secrets = {
    WEBHOOK_SECRET: "hunter2-webhook",
    WEBHOOK_SECRET_PREVIOUS: "hunter2-previous-secret",
    MASTER_KEY: "hunter2-".repeat(5),
    PAGERDUTY_ROUTING_KEY: "hunter2x".repeat(4),
    ALERT_WEBHOOK_URL: "https://hooks.example/hunter2",
    ALERT_SILENCE_MINUTES: "off",
  };
  await using service = await startService({ ...secrets, ADMIN_API_KEY: ADMIN });
  const all = await settings(service);
  for (const name of Object.keys(secrets).slice(0, 5))
    deepEqual(shown(all, name), ["set", "environment"], name);
  deepEqual(shown(all, "ADMIN_API_KEY"), ["set", "environment"]);
  const text = JSON.stringify(all);
  ok(!text.includes("hunter2") && !text.includes(ADMIN));
  const env = {
    DATABASE_URL: "postgres://lyftr:hunter2@db.example/lyftr?sslpassword=hunter2",
    REDIS_URL: "redis://:hunter2@redis.example:6379/0",
  };
  const found = settingsOf(readConfig(env), { env, outside: env });
  deepEqual(shown(found, "DATABASE_URL"), [
    "postgres://lyftr:***@db.example/lyftr?sslpassword=***",
    "environment",
  ]);
  deepEqual(shown(found, "REDIS_URL"), ["redis://:***@redis.example:6379/0", "environment"]);
  deepEqual(shown(found, "WEBHOOK_SECRET"), [null, "default"]);
});

test("what is in the .env file comes from a file, unless the environment has it", () => {
  const path = file(".env", "PORT=9000\nHOST=::1\nLOG_LEVEL=DEBUG\n");
  const outside = { HOST: "127.0.0.1" };
  const env = withDotEnv(outside, path);
  const all = settingsOf(readConfig(env), { env, outside });
  deepEqual(shown(all, "PORT"), ["9000", "file"]);
  deepEqual(shown(all, "HOST"), ["127.0.0.1", "environment"]);
  deepEqual(shown(all, "LOG_LEVEL"), ["DEBUG", "file"]);
  deepEqual(shown(all, "WORKERS"), ["1", "default"]);
});

test("a key that may only read does not see the settings, and neither does a client without one", async () => {
  await using service = await startService({ ADMIN_API_KEY: ADMIN });
  await using maker = await KeyMaker.of(service.databaseUrl);
  const { text } = await maker.make({ scope: "read" });
  const statusWith = async (headers: Readonly<Record<string, string>>) =>
    (await fetch(`${service.url}/settings`, { headers })).status;
  equal(await statusWith({}), 401);
  // The service learns of a key within seconds.
  const deadline = AbortSignal.timeout(10_000);
  while ((await statusWith(bearer(text))) === 401) {
    deadline.throwIfAborted();
    await sleep(50);
  }
  equal(await statusWith(bearer(text)), 403);
});
