import { deepEqual } from "node:assert/strict";
import { test } from "node:test";
import { misspellings } from "../../src/config.ts";

const meantBy = (name: string) => misspellings({ [name]: "x" }).map(({ meant }) => meant);

test("a variable whose name is nearly one of Lyftr's is found, with the one that was meant", () => {
  for (const [name, meant] of [
    ["WEBHOOK_SECERT", "WEBHOOK_SECRET"],
    ["WEBHOOK_SECRETS", "WEBHOOK_SECRET"],
    ["webhook_secret", "WEBHOOK_SECRET"],
    ["WEBHOOK_SECRETFILE", "WEBHOOK_SECRET_FILE"],
    ["DATABASE_URI", "DATABASE_URL"],
    ["REDIS_URI", "REDIS_URL"],
    ["LOGLEVEL", "LOG_LEVEL"],
    ["WORKER", "WORKERS"],
    ["OTEL_SERVICENAME", "OTEL_SERVICE_NAME"],
  ] as const)
    deepEqual(meantBy(name), [meant], name);
});

test("variables of Lyftr, of other programs and of a shell are not taken for misspelt ones", () => {
  for (const name of [
    ...["WEBHOOK_SECRET", "WEBHOOK_SECRET_FILE", "PORT", "HOST", "COPY_FROM", "COPY_TO_FILE"],
    ...[
      "PATH",
      "HOME",
      "PWD",
      "USER",
      "SHELL",
      "TERM",
      "LANG",
      "HOSTNAME",
      "LOGNAME",
      "TMPDIR",
      "HOSTS",
      "MAIL",
    ],
    ...[
      "PGHOST",
      "PGPORT",
      "NODE_ENV",
      "NODE_OPTIONS",
      "NO_COLOR",
      "SQLITE_TMPDIR",
      "KUBERNETES_PORT",
      "NOTIFY_SOCKET",
    ],
    ...[
      "OTEL_LOGS_EXPORTER",
      "OTEL_METRICS_EXPORTER",
      "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
      "OTEL_PROPAGATORS",
    ],
    ...[
      "OTEL_BLRP_MAX_QUEUE_SIZE",
      "OTEL_BLRP_SCHEDULE_DELAY",
      "OTEL_BLRP_EXPORT_TIMEOUT",
      "OTEL_LOG_LEVEL",
    ],
  ])
    deepEqual(meantBy(name), [], name);
});
