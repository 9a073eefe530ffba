import { deepEqual, equal, match, throws } from "node:assert/strict";
import { mkdtempSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { TRACING_VARIABLES } from "../../src/config/tracing-variables.ts";
import { readConfig, redacted, withDotEnv } from "../../src/config.ts";
import { ConfigError } from "../../src/domain/errors.ts";
import { sqlitePath } from "../../src/store/open.ts";

function problems(env: Record<string, string>): readonly string[] {
  try {
    readConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

const file = (name: string, text: string): string => {
  const path = join(mkdtempSync(join(tmpdir(), "lyftr-config-")), name);
  writeFileSync(path, text);
  return path;
};

test("nothing set gives the defaults of the contract", () => {
  deepEqual(readConfig({}), {
    webhookSecret: undefined,
    webhookSecretsPrevious: [],
    masterKey: undefined,
    readAuth: "auto",
    metricsAuth: "open",
    adminApiKey: undefined,
    trustProxy: [],
    rateLimitPerSender: undefined,
    rateLimitPerIp: undefined,
    rateLimitPerKey: undefined,
    rateLimitFailedAuth: { count: 10_000, perMs: 60_000, burst: 10_000 },
    redisUrl: undefined,
    cacheTtlMs: 1_000,
    retentionDays: undefined,
    tombstoneDays: 30,
    pagerdutyRoutingKey: undefined,
    pagerdutyUrl: "https://events.pagerduty.com/v2/enqueue",
    alertWebhookUrl: undefined,
    alertSilenceMinutes: 60,
    corsOrigins: [],
    databaseUrl: "sqlite:///./data/app.db",
    databaseConnections: 8,
    migrate: true,
    allowWeakDurability: false,
    logLevel: "INFO",
    logHealth: true,
    host: "0.0.0.0",
    port: 8000,
    bodyBytesMax: 262_144,
    connectionsMax: 5_000,
    drainMs: 10_000,
    workers: 1,
    ...Object.fromEntries(
      Object.entries(TRACING_VARIABLES).map(([key, { fallback }]) => [key, fallback]),
    ),
  });
});

test("empty values are no values", () => {
  deepEqual(
    readConfig({
      WEBHOOK_SECRET: "",
      PORT: "",
      HOST: "",
      DATABASE_URL: "",
      LOG_LEVEL: "",
      MAX_BODY_BYTES: "",
    }),
    readConfig({}),
  );
});

test("a blank secret is not configured, and blanks around a secret belong to it", () => {
  equal(readConfig({ WEBHOOK_SECRET: " \t" }).webhookSecret, undefined);
  equal(readConfig({ WEBHOOK_SECRET: " s " }).webhookSecret, " s ");
});

test("every problem is reported at once", () => {
  const found = problems({
    PORT: "80000",
    LOG_LEVEL: "LOUD",
    DATABASE_URL: "mysql://x",
    MAX_BODY_BYTES: "0",
    DRAIN_TIMEOUT_MS: "1s",
  });
  deepEqual(
    found.map((problem) => problem.split(" ")[0]),
    ["PORT", "LOG_LEVEL", "MAX_BODY_BYTES", "DRAIN_TIMEOUT_MS", "DATABASE_URL"],
  );
});

test("numbers are whole, in range and in plain digits", () => {
  for (const PORT of ["-1", "65536", "8e3", "0x50", "8 0", "8000.0", "eighty"])
    equal(problems({ PORT }).length, 1, PORT);
  equal(readConfig({ PORT: "0" }).port, 0);
});

test("workers are a whole number from 1 to 64, or one per processor", () => {
  for (const WORKERS of ["0", "65", "-1", "2.0", "AUTO", "two"]) {
    deepEqual(problems({ WORKERS }), [
      `WORKERS must be a whole number from 1 to 64 or auto, not "${WORKERS}"`,
    ]);
  }
  equal(readConfig({ WORKERS: "64" }).workers, 64);
  equal(readConfig({ WORKERS: "auto" }).workers, Math.min(64, availableParallelism()));
});

test("levels are accepted in any case", () => {
  equal(readConfig({ LOG_LEVEL: "warning" }).logLevel, "WARNING");
});

test("the value may be in a file, whose last line end does not count", () => {
  equal(
    readConfig({ WEBHOOK_SECRET_FILE: file("secret", "from file\n") }).webhookSecret,
    "from file",
  );
  equal(readConfig({ PORT_FILE: file("port", "9000\r\n") }).port, 9000);
});

test("an unreadable file and a value given twice are problems", () => {
  match(
    problems({ WEBHOOK_SECRET_FILE: "/nowhere/at/all" })[0] ?? "",
    /WEBHOOK_SECRET cannot be read from WEBHOOK_SECRET_FILE=\/nowhere\/at\/all: ENOENT/,
  );
  match(problems({ PORT: "1", PORT_FILE: file("port", "2") })[0] ?? "", /set twice/);
});

test("a .env file adds what is not set and overrides nothing", () => {
  const path = file(".env", 'WEBHOOK_SECRET="quoted secret"\nPORT=9000 # a comment\nHOST=::1\n');
  deepEqual(withDotEnv({ PORT: "7000", WEBHOOK_SECRET_FILE: "/run/secret" }, path), {
    PORT: "7000",
    WEBHOOK_SECRET_FILE: "/run/secret",
    HOST: "::1",
  });
});

test("a missing .env file is not a problem", () => {
  deepEqual(withDotEnv({ PORT: "1" }, "/nowhere/.env"), { PORT: "1" });
});

test("database URLs of the older service are accepted, others are explained", () => {
  equal(sqlitePath("sqlite:///./data/app.db"), "./data/app.db");
  equal(sqlitePath("sqlite:////data/app.db"), "/data/app.db");
  equal(sqlitePath("sqlite+aiosqlite:////data/app.db"), "/data/app.db");
  for (const DATABASE_URL of [
    "sqlite://data/app.db",
    "sqlite:///",
    "app.db",
    "sqlite:///:memory:",
    "postgres:/localhost/x",
    "postgres://localhost",
    "postgres://localhost/",
    "postgres://localhost/x/y",
    "postgres://user:p w@localhost/x",
    "postgres://user:p%00w@localhost/x",
    "postgres://localhost:port/x",
    "postgres://localhost/x?sslmode=maybe",
    "postgres://localhost/x?sslmode=verify-ca",
  ])
    equal(problems({ DATABASE_URL }).length, 1, DATABASE_URL);
  for (const DATABASE_URL of ["postgres://localhost/x", "postgresql://u:p@h:1/x?sslmode=require"])
    equal(readConfig({ DATABASE_URL }).databaseUrl, DATABASE_URL);
});

test("a refused database URL is not repeated, because it contains a password", () => {
  const [problem = ""] = problems({ DATABASE_URL: "postgres://user:hush@host:port/x" });
  equal(problem.includes("hush"), false, problem);
});

test("the shown configuration has no secrets in it", () => {
  const shown = redacted({
    ...readConfig({ WEBHOOK_SECRET: "hush" }),
    databaseUrl: "postgres://user:hush@host/db",
  });
  equal(JSON.stringify(shown).includes("hush"), false);
  equal(shown.WEBHOOK_SECRET, "(set)");
});

test("a configuration error lists its problems in its message", () => {
  throws(() => readConfig({ PORT: "x" }), /PORT must be a whole number from 0 to 65535, not "x"/);
});

const LIMIT_FORM = "must look like 100/1m or 100/1m,burst=20, or be off";

test("a rate is a number of tokens per span, with an optional burst", () => {
  const rateOf = (text: string) => readConfig({ RATE_LIMIT_PER_SENDER: text }).rateLimitPerSender;
  deepEqual(rateOf("100/1m"), { count: 100, perMs: 60_000, burst: 100 });
  deepEqual(rateOf("5/500ms,burst=20"), { count: 5, perMs: 500, burst: 20 });
  equal(rateOf("off"), undefined);
  for (const text of [
    "100",
    "100/m",
    "100/1",
    "0/1m",
    "100/0s",
    "-1/1m",
    "100/1m,burst=0",
    "100/1m burst=2",
    "1e3/1m",
  ]) {
    deepEqual(problems({ RATE_LIMIT_PER_SENDER: text }), [
      `RATE_LIMIT_PER_SENDER ${LIMIT_FORM}, not "${text}"`,
    ]);
  }
});

test("invalid durations, days, networks, origins and URLs of Redis are refused with their variable", () => {
  const wrong = {
    CACHE_TTL_MS: ["1y", "-1", "1.5", "999999999"],
    RETENTION_DAYS: ["0", "-1", "1d", "36501", "never"],
    TOMBSTONE_DAYS: ["0", "off", "x"],
    TRUST_PROXY: ["10.0.0.0/33", "0.0.0.0/0", "example.com", "10.0.0.0/8/8", "::1/129", "all"],
    CORS_ORIGINS: ["example.com", "https://example.com/", "*", "ftp://example.com"],
    REDIS_URL: ["localhost:6379", "http://localhost", "redis://localhost/x"],
    READ_AUTH: ["closed"],
    METRICS_AUTH: ["auto"],
    ADMIN_API_KEY: [
      "short",
      `${"x".repeat(40)} `,
      `${"x".repeat(20)} ${"x".repeat(20)}`,
      "é".repeat(40),
      `${"x".repeat(40)}\n`,
    ],
    MASTER_KEY: ["short"],
  };
  for (const [name, texts] of Object.entries(wrong))
    for (const text of texts) {
      const found = problems({ [name]: text });
      equal(found.length, 1, `${name}=${text}`);
      match(found[0] ?? "", new RegExp(`^${name} `));
    }
});

test("neither a key nor a password of Redis is repeated in an error, or shown", () => {
  const found = problems({
    ADMIN_API_KEY: "hunter2",
    REDIS_URL: "redis//:hunter2@host",
    MASTER_KEY: "hunter2",
  });
  equal(found.length, 3);
  equal(found.join().includes("hunter2"), false);
  const shown = redacted(
    readConfig({ REDIS_URL: "redis://:hunter2@host", ADMIN_API_KEY: "hunter2".repeat(5) }),
  );
  equal(JSON.stringify(shown).includes("hunter2"), false);
});

const [A, B, C] = ["first@previous-secret", "second-previous-secret", "third-previous-secret"];

test("previous secrets are separated by commas, each with an end if there is one", () => {
  deepEqual(
    readConfig({ WEBHOOK_SECRET_PREVIOUS: `${A}, ${B}@2026-12-31T00:00:00Z,${C}` })
      .webhookSecretsPrevious,
    [
      { secret: A, untilMs: undefined },
      { secret: B, untilMs: Date.UTC(2026, 11, 31) },
      { secret: C, untilMs: undefined },
    ],
  );
  const found = problems({ WEBHOOK_SECRET_PREVIOUS: "hunter1,hunter2@2026-02-30T00:00:00Z" });
  deepEqual(found, [
    "WEBHOOK_SECRET_PREVIOUS has an end in its entry 2 that is not a timestamp such as 2026-12-31T00:00:00Z",
  ]);
});

test("targets of alerts are checked without repeating them, and not shown", () => {
  const wrong = {
    PAGERDUTY_ROUTING_KEY: "short",
    PAGERDUTY_URL: "ftp://x/",
    ALERT_WEBHOOK_URL: "hooks.example/secret",
  };
  deepEqual(problems({ ...wrong, ALERT_SILENCE_MINUTES: "4" }), [
    "PAGERDUTY_ROUTING_KEY must be the integration key of a service with Events API v2: 32 letters and digits",
    "PAGERDUTY_URL must be a URL that begins with https:// or http://",
    "ALERT_WEBHOOK_URL must be a URL that begins with https:// or http://",
    'ALERT_SILENCE_MINUTES must be a number of minutes from 5 to 1440, or off, not "4"',
  ]);
  deepEqual(problems({ ALERT_WEBHOOK_URL: "https://user:secret@hooks.example/" }), [
    "ALERT_WEBHOOK_URL has a user or a password in it, which is not sent",
  ]);
  const key = file("key", `${"k".repeat(32)}\n`);
  const env = {
    PAGERDUTY_ROUTING_KEY_FILE: key,
    ALERT_WEBHOOK_URL: "https://hooks.example/secret",
  };
  const config = readConfig({ ...env, ALERT_SILENCE_MINUTES: "off" });
  deepEqual([config.pagerdutyRoutingKey, config.alertSilenceMinutes], ["k".repeat(32), undefined]);
  const shown = redacted(config);
  deepEqual([shown.PAGERDUTY_ROUTING_KEY, shown.ALERT_WEBHOOK_URL], ["(set)", "(set)"]);
  equal(shown.ALERT_SILENCE_MINUTES, "off");
});
