import { equal, ok } from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { databaseUrl } from "../../../../src/config/database-url.ts";
import { withDotEnv } from "../../../../src/config/dot-env.ts";
import { ConfigError } from "../../../../src/domain/errors.ts";
import { withoutSecrets } from "../../../../src/domain/redacted-url.ts";
import type { Target } from "../fuzzer.ts";

const PASSWORD = "pa55word-of-the-database";
/** Files of the kernel may answer slowly or do something when they are opened. */
const KERNEL_FILES = /\/(?:proc|sys|dev)\b/;

const databaseUrls: Target = {
  name: "DATABASE_URL",
  seeds: [
    "sqlite:///./data/app.db",
    "sqlite:////data/app.db?timeout=5",
    "sqlite+aiosqlite:///app.db",
    `postgres://user:${PASSWORD}@localhost:5432/lyftr?sslmode=require`,
    "postgresql+psycopg://localhost/lyftr?sslmode=verify-ca&sslrootcert=ca.pem",
    "file:///data/app.db",
    "sqlite3:data/app.db",
    "C:\\data\\app.db",
  ],
  dictionary: [
    ...["sqlite:", "postgres://", "postgresql+asyncpg:", "file:", "://", "///", ":memory:", "?"],
    ...["#", "&", "~/", "$HOME", "%2F", "%00", "%(x)s", "{{x}}", "\\", "..", "sslmode=", "ssl="],
    ...["verify-full", "disable", "sslrootcert=", "@", ":", "[::1]", `:${PASSWORD}@`, "mode=ro"],
  ],
  run: (input) => {
    const text = input.toString();
    if (KERNEL_FILES.test(decodeLoosely(text))) return "not tried";
    try {
      const url = databaseUrl(text);
      equal(databaseUrl(url), url);
      return `ok ${url.slice(0, 8)} ${url.includes("?")}`;
    } catch (error) {
      // A parser throws a sentence that completes "DATABASE_URL …", and nothing else.
      if (!(error instanceof Error) || error.constructor !== Error) throw error;
      ok(!isInPostgresUrl(text) || !error.message.includes(PASSWORD), error.message);
      return error.message.split(/[:;,=]/)[0]?.slice(0, 40) ?? "";
    }
  },
};

function decodeLoosely(text: string): string {
  return text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

/** Whether the password stands where a password belongs, and nowhere else. */
function isInPostgresUrl(text: string): boolean {
  return (
    /^postgres(?:ql)?:\/\/[a-z]*:pa55word-of-the-database@/.test(text) &&
    text.split(PASSWORD).length === 2
  );
}

const shownUrls: Target = {
  name: "URLs in messages",
  seeds: [
    `postgres://user:${PASSWORD}@localhost/lyftr`,
    `redis://:${PASSWORD}@localhost:6379/0`,
    `https://hooks.example.com/services/T0/B0/${PASSWORD}?token=${PASSWORD}`,
    `postgres://localhost/lyftr?password=${PASSWORD}&options=-c%20password%3Dx`,
  ],
  dictionary: ["://", "@", ":", "?", "&", "#", "%3a", "%2525", "password=", "token=", "key=", "//"],
  share: 0.5,
  run: (input) => {
    const text = input.toString();
    const shown = withoutSecrets(text);
    const isPlain =
      /^(?:postgres|redis|https):\/\/[a-z]*:pa55word-of-the-database@[a-z]+(?:[:/][a-z0-9/]*)?$/;
    if (isPlain.test(text)) ok(!shown.includes(PASSWORD), shown);
    return `${shown === text} ${shown.includes("***")} ${isPlain.test(text)}`;
  },
};

/** `.env` is read from a file, so each input is written to one. */
function dotEnvIn(folder: string): Target {
  const path = join(folder, `${randomUUID()}.env`);
  return {
    name: ".env",
    seeds: [
      "PORT=8000\nWEBHOOK_SECRET='a secret'\n",
      'export HOST="127.0.0.1" # a comment\nDATABASE_URL=sqlite:///app.db\n',
      "WEBHOOK_SECRET=a#b\n",
      "PORT: 8000\nset HOST=x\n$env:PORT=1\n",
      'READ_AUTH="open\nopen"\r\n\r\nX=`a`\n',
    ],
    dictionary: [
      ...["PORT", "WEBHOOK_SECRET", "WEBHOOK_SECRET_FILE", "DATABASE_URL", "=", "#", " #", "'"],
      ...['"', "`", "\n", "\r\n", "export ", "set ", "$env:", ": ", "\\n", "\\", "  ", "\t"],
    ],
    share: 0.05,
    run: (input) => {
      writeFileSync(path, input);
      try {
        const env = withDotEnv({ PORT: "1" }, path);
        equal(env.PORT, "1");
        for (const value of Object.values(env)) equal(typeof value, "string");
        return `ok ${Math.min(Object.keys(env).length, 4)}`;
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        ok(error.problems.length > 0);
        return error.message.replace(/[A-Z_]{3,}/g, "").slice(0, 60);
      }
    },
  };
}

export function configuration(folder: string): readonly Target[] {
  return [databaseUrls, shownUrls, dotEnvIn(folder)];
}
