import { deepEqual, equal, match, ok } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { configWarnings, readConfig, VARIABLES, withDotEnv } from "../../src/config.ts";
import { ConfigError } from "../../src/domain/errors.ts";
import { sqlitePath } from "../../src/store/open.ts";

const folder = mkdtempSync(join(tmpdir(), "lyftr-config-values-"));
after(() => rmSync(folder, { recursive: true }));
const RANDOM = "9f3c61b07ae84d25c1f09e7b35d86a42";

function problems(
  env: Readonly<Record<string, string>>,
  read: () => unknown = () => readConfig(env),
) {
  try {
    read();
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

function file(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const WRAPPED = [
  (value: string) => `${value}\n`,
  (value: string) => `${value}\r\n`,
  (value: string) => `  ${value}\t`,
  (value: string) => `\ufeff${value}`,
  (value: string) => `"${value}"`,
  (value: string) => `' ${value} '\n`,
];

test("blanks, line ends and quotes around a value are not part of it, in the variable, its file and .env", () => {
  const values: Readonly<Record<string, string>> = {
    DATABASE_URL: "sqlite:////d/app.db",
    HOST: "127.0.0.1",
    PORT: "9000",
    MIGRATE: "0",
    READ_AUTH: "required",
    TRUST_PROXY: "10.0.0.0/8,loopback",
    REDIS_URL: "redis://localhost",
    RETENTION_DAYS: "30",
    RATE_LIMIT_PER_IP: "5/1m",
    PAGERDUTY_ROUTING_KEY: RANDOM,
    ALERT_WEBHOOK_URL: "https://hooks.example/x",
    OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318",
  };
  const plain = readConfig(values);
  for (const wrap of WRAPPED) {
    const wrapped = Object.fromEntries(
      Object.entries(values).map(([name, value]) => [name, wrap(value)]),
    );
    deepEqual(readConfig(wrapped), plain, JSON.stringify(wrap("x")));
    if (wrap("").startsWith("\ufeff")) continue;
    const files = Object.entries(wrapped).map(([name, text]) => [
      `${name}_FILE`,
      wrap(file(name, text)),
    ]);
    deepEqual(readConfig(Object.fromEntries(files)), plain, JSON.stringify(wrap("x")));
  }
  const lines = Object.entries(values).map(([name, value]) => `${name} = " ${value} "\r\n`);
  deepEqual(readConfig(withDotEnv({}, file("wrapped.env", lines.join("")))), plain);
});

test("a blank value or empty quotes count as no value", () => {
  const names = Object.values(VARIABLES).map(({ name }) => name);
  for (const blank of [" ", "\n", " \t\r\n"])
    deepEqual(
      readConfig(Object.fromEntries(names.map((name) => [name, blank]))),
      readConfig({}),
      blank,
    );
  const open = Object.values(VARIABLES).filter(({ verbatim }) => !verbatim);
  deepEqual(readConfig(Object.fromEntries(open.map(({ name }) => [name, '""']))), readConfig({}));
});

test("a line end or another control character inside a value is refused, except between the entries of a list", () => {
  for (const [name, value] of [
    ["DATABASE_URL", "sqlite:////d/app\n.db"],
    ["DATABASE_URL", "sqlite:////d/\u001b[0mapp.db"],
    ["HOST", "127.0.0.1\n::1"],
    ["PAGERDUTY_URL", "https://events.example\n/v2"],
  ] as const)
    match(
      problems({ [name]: value })[0] ?? "",
      new RegExp(`^${name} has a line end or another control character`),
    );
  const networks = ["10.0.0.0/8", "127.0.0.1"];
  for (const text of [
    "10.0.0.0/8,127.0.0.1",
    "10.0.0.0/8 127.0.0.1",
    "10.0.0.0/8,\n127.0.0.1\n",
    " 10.0.0.0/8 , 127.0.0.1,",
  ])
    deepEqual(readConfig({ TRUST_PROXY: text }).trustProxy, networks, text);
  const origins = ["https://a.example", "https://b.example"];
  deepEqual(
    readConfig({ CORS_ORIGINS: "https://a.example https://b.example" }).corsOrigins,
    origins,
  );
});

test("bytes of the environment that are not UTF-8 are refused instead of becoming another value", () => {
  for (const name of ["WEBHOOK_SECRET", "MASTER_KEY", "DATABASE_URL"])
    deepEqual(problems({ [name]: `caf\ufffd${RANDOM}` }), [`${name} has bytes that are not UTF-8`]);
});

test("a secret keeps its bytes in all three places, and the start warns of blanks and quotes at its ends", () => {
  const ends: readonly [string, RegExp][] = [
    [`${RANDOM}\n`, /^NAME ends with a line end, which is a part of the secret/],
    [` ${RANDOM}`, /^NAME begins with a blank, which is a part of the secret/],
    [`${RANDOM}\t`, /^NAME ends with a blank, which is a part of the secret/],
    [`\ufeff${RANDOM}`, /^NAME begins with a blank, which is a part of the secret/],
    [`"${RANDOM}"`, /^NAME begins or ends with a quote, which is a part of the secret/],
    [`${RANDOM}\u200b`, /^NAME ends with an invisible character, which is a part of the secret/],
    [`\u2060${RANDOM}`, /^NAME begins with an invisible character, which is a part of the secret/],
  ];
  for (const [secret, warning] of ends)
    for (const name of ["WEBHOOK_SECRET", "MASTER_KEY"]) {
      const config = readConfig({ [name]: secret });
      equal(name === "MASTER_KEY" ? config.masterKey : config.webhookSecret, secret);
      const warnings = configWarnings(config);
      equal(warnings.length, 1, JSON.stringify(secret));
      match(warnings[0]?.replace(name, "NAME") ?? "", warning);
      ok(!warnings[0]?.includes(RANDOM));
    }
  // One line end of a file is the editor's; a second one is kept.
  equal(
    readConfig({ WEBHOOK_SECRET_FILE: file("one", ` ${RANDOM} \n`) }).webhookSecret,
    ` ${RANDOM} `,
  );
  equal(
    readConfig({ WEBHOOK_SECRET_FILE: file("two", `${RANDOM}\n\n`) }).webhookSecret,
    `${RANDOM}\n`,
  );
  const quoted = file("quoted.env", `WEBHOOK_SECRET=" ${RANDOM} "\n`);
  equal(readConfig(withDotEnv({}, quoted)).webhookSecret, ` ${RANDOM} `);
});

test("the warnings of a master key and of a list with a line end between its secrets name their consequence", () => {
  const [master = ""] = configWarnings(readConfig({ MASTER_KEY: ` ${RANDOM}` }));
  match(
    master,
    /^MASTER_KEY begins with a blank, which is a part of the secret: secrets that were encrypted without a blank/,
  );
  const [previous = ""] = configWarnings(
    readConfig({ WEBHOOK_SECRET_PREVIOUS: `${RANDOM}\n${RANDOM}` }),
  );
  match(
    previous,
    /^entry 1 of WEBHOOK_SECRET_PREVIOUS has a line end in it; only commas begin another secret/,
  );
});

test("short secrets and secrets of words or a pattern cause a warning, random ones do not", () => {
  const warned: readonly [string, string][] = [
    ["WEBHOOK_SECRET", "testsecret"],
    ["WEBHOOK_SECRET", "7"],
    ["WEBHOOK_SECRET", "aaaaaaaaaaaaaaaaaaaaaaaa"],
    ["WEBHOOK_SECRET_PREVIOUS", "changeme-changeme-now"],
    ["MASTER_KEY", "0".repeat(32)],
    ["MASTER_KEY", "0123456789".repeat(4)],
    ["MASTER_KEY", "my-very-long-master-password-is-here"],
    ["ADMIN_API_KEY", "k9".repeat(20)],
  ];
  for (const [name, value] of warned) {
    const warnings = configWarnings(readConfig({ [name]: value }));
    equal(warnings.length, 1, value);
    match(
      warnings[0] ?? "",
      new RegExp(`${name} .*so it can be guessed. Generate a random one: openssl rand -hex 32`),
    );
    ok(value.length < 8 || !warnings[0]?.includes(value));
  }
  for (const good of [RANDOM, "q8Zr+0Tn4hVb1kXe", "d41d8cd98f00b204e9800998ecf8427e"]) {
    deepEqual(
      configWarnings(readConfig({ WEBHOOK_SECRET: good, WEBHOOK_SECRET_PREVIOUS: good })),
      [],
    );
    equal(
      configWarnings(readConfig({ MASTER_KEY: good + good.split("").reverse().join("") })).length,
      0,
    );
  }
});

test("a comma inside a previous secret is refused with advice, and none of its pieces is accepted", () => {
  for (const [text, entry] of [
    ["correct-horse,7,battery-staple-long", "1 of 3"],
    [`${RANDOM},7`, "2 of 2"],
    [`7,${RANDOM}`, "1 of 2"],
    ["fifteen-letters", "1 of 1"],
    [`${RANDOM},short@2026-12-31T00:00:00Z`, "2 of 2"],
  ] as const) {
    const [problem = "", ...more] = problems({ WEBHOOK_SECRET_PREVIOUS: text });
    equal(more.length, 0);
    match(
      problem,
      new RegExp(
        `fewer than 16 characters in its entry ${entry}: each comma starts another secret`,
      ),
    );
    match(problem, /lyftr secrets add NAME --secret-file FILE$/);
    ok(!/horse|staple|fifteen|9f3c/.test(problem));
  }
});

test("an end of a previous secret that is not a timestamp is refused instead of becoming part of the secret", () => {
  for (const end of [
    "next tuesday",
    "tomorrow",
    "2026",
    "31.12.2026",
    "7d",
    "Dec 31",
    "dec-31",
    "1798675200",
    "in 3 days",
    "",
    "+1d",
  ])
    match(
      problems({ WEBHOOK_SECRET_PREVIOUS: `${RANDOM}@${end}` })[0] ?? "",
      /has an end in its entry 1 that is not a timestamp such as 2026-12-31T00:00:00Z/,
      end,
    );
  const odd = `p@ssword-that-is-odd-${RANDOM}`;
  deepEqual(readConfig({ WEBHOOK_SECRET_PREVIOUS: odd }).webhookSecretsPrevious, [
    { secret: odd, untilMs: undefined },
  ]);
  match(
    configWarnings(readConfig({ WEBHOOK_SECRET_PREVIOUS: `p@ss-${RANDOM}` }))[0] ?? "",
    /has an @ and no end/,
  );
  const [ends] = readConfig({
    WEBHOOK_SECRET_PREVIOUS: `${RANDOM}@7d@2026-12-31T00:00:00Z`,
  }).webhookSecretsPrevious;
  equal(ends?.secret, `${RANDOM}@7d`);
});

const LEVELS: Readonly<Record<string, string>> = {
  WARN: "WARNING",
  Warn: "WARNING",
  Warning: "WARNING",
  critical: "CRITICAL",
  fatal: "CRITICAL",
  trace: "DEBUG",
  NOTSET: "DEBUG",
  "10": "DEBUG",
  "20": "INFO",
  "30": "WARNING",
  "40": "ERROR",
  "50": "CRITICAL",
  '"info"': "INFO",
};

test("levels of Python's logging are accepted, others are refused with the list of names", () => {
  for (const [given, level] of Object.entries(LEVELS))
    equal(readConfig({ LOG_LEVEL: given }).logLevel, level, given);
  for (const given of ["verbose", "25", "logging.INFO", "constructor"])
    deepEqual(problems({ LOG_LEVEL: given }), [
      `LOG_LEVEL must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL, not "${given}"`,
    ]);
  for (const given of ["True", "YES", "on"]) equal(readConfig({ MIGRATE: given }).migrate, true);
  for (const given of ["False", "no", "OFF"]) equal(readConfig({ MIGRATE: given }).migrate, false);
  equal(readConfig({ READ_AUTH: "Required" }).readAuth, "required");
});

test("spellings of SQLAlchemy name the same database", () => {
  const same: Readonly<Record<string, string>> = {
    "sqlite+aiosqlite:////data/app.db": "sqlite:////data/app.db",
    "sqlite+pysqlite:///./app.db": "sqlite:///./app.db",
    "SQLITE:////data/app.db": "sqlite:////data/app.db",
    "sqlite:////data/app.db?check_same_thread=False": "sqlite:////data/app.db",
    "sqlite:////data/app.db?check_same_thread=false&timeout=15&isolation_level=IMMEDIATE":
      "sqlite:////data/app.db",
    "postgresql+asyncpg://u:p@h:1/x": "postgresql://u:p@h:1/x",
    "postgresql+psycopg2://u:p@h/x?sslmode=require": "postgresql://u:p@h/x?sslmode=require",
    "Postgres://h/x": "postgres://h/x",
  };
  for (const [given, url] of Object.entries(same))
    equal(readConfig({ DATABASE_URL: given }).databaseUrl, url);
});

const HOME = `sqlite:///${homedir()}`;
const REFUSED: Readonly<Record<string, string>> = {
  "app.db": "write sqlite:///./app.db",
  "./data/app.db": "write sqlite:///./data/app.db",
  "/data/app.db": "write sqlite:////data/app.db",
  "~/app.db": `write ${HOME}/app.db`,
  "file:/data/app.db": "write sqlite:////data/app.db",
  "file:app.db": "write sqlite:///./app.db",
  "file:///data/app.db": "write sqlite:////data/app.db",
  "sqlite:///%(here)s/app.db": "is not expanded",
  "sqlite:////%DATA%/app.db": "is not expanded",
  "sqlite:///{{ path }}/app.db": "is not expanded",
  "sqlite:///C:/data/app.db": "has a drive letter",
  "sqlite:////data/app.db\u200b": "control character",
  "sqlite:////data/app\u2060.db": "control character",
  "sqlite:app.db": "write sqlite:///./app.db",
  "sqlite:/data/app.db": "write sqlite:////data/app.db",
  "sqlite://data/app.db": "write sqlite:///./data/app.db",
  "sqlite3:////data/app.db": "write sqlite:////data/app.db",
  "sqlite3:///app.db": "write sqlite:///./app.db",
  "sqlite:///~/app.db": `write ${HOME}/app.db`,
  "sqlite:////data/app.db?mode=ro": "mode among them; write sqlite:////data/app.db",
  "sqlite:////data/app.db#main": "write sqlite:////data/app.db",
  "sqlite:///file:app.db?uri=true": "write sqlite:///./app.db",
  "sqlite:///%2Fdata%2Fapp.db": "write sqlite:////data/app.db",
  "sqlite:///data\\app.db": "write sqlite:///./data/app.db",
  "sqlite:///$HOME/app.db": "is not expanded",
  "sqlite:////${DATA}/app.db": "is not expanded",
  "sqlite:////data/": "names a folder",
  "sqlite:///..": "names a folder",
  "sqlite://": "in memory would be lost",
  "sqlite:///:memory:?cache=shared": "in memory would be lost",
  "sqlite:///file::memory:?uri=true": "in memory would be lost",
  "mysql://u:hush@h/x": "must look like",
  "sqlite+pysqlcipher://:hush@/app.db": "must look like",
  "host=h password=hush dbname=x": "must look like",
  "postgresql+asyncpg://u:hush@h/x?ssl=require": "write sslmode=require",
  "postgres://u:hush@h/x?sslrootcert=/nowhere/ca.pem": "ENOENT",
};

test("any other spelling of a database is refused with the right one, and no password is repeated", () => {
  for (const [DATABASE_URL, said] of Object.entries(REFUSED)) {
    const [problem = ""] = problems({ DATABASE_URL });
    ok(problem.includes(said), `${DATABASE_URL}: ${problem}`);
    ok(!problem.includes("hush"), problem);
    const [, suggested] = /; write (sqlite:\S+)$/.exec(problem) ?? [];
    if (suggested !== undefined)
      ok(sqlitePath(readConfig({ DATABASE_URL: suggested }).databaseUrl));
  }
});

test("an address to listen on is one address or name", () => {
  equal(readConfig({ HOST: "[::1]" }).host, "::1");
  equal(readConfig({ HOST: "localhost" }).host, "localhost");
  for (const HOST of ["0", "0.0", "0.0.0.0", "::ffff:0.0.0.0"])
    equal(readConfig({ HOST }).host, "0.0.0.0", HOST);
  for (const HOST of ["::0", "0:0:0:0:0:0:0:0", "[::]"])
    equal(readConfig({ HOST }).host, "::", HOST);
  for (const HOST of ["fe80::1%lo", "2001:db8::1", "256.0.0.1", "192.0.2.7"])
    equal(readConfig({ HOST }).host, HOST);
  equal(readConfig({ HOST: "127.1" }).host, "127.0.0.1");
  for (const HOST of ["127.0.0.1:8000", "http://127.0.0.1", "127.0.0.1, ::1", "a b", "*"])
    match(problems({ HOST })[0] ?? "", /^HOST must be one address or name/, HOST);
});

const LIMIT_MS = 2_000;

test("only a small regular text file is read; a pipe, a device, a socket and a file without end are refused at once", async () => {
  const fifo = join(folder, "fifo");
  execFileSync("mkfifo", [fifo]);
  const socket = createServer().listen(join(folder, "socket"));
  await new Promise((listening) => socket.once("listening", listening));
  mkdirSync(join(folder, "directory"));
  const unfit: readonly [string, RegExp][] = [
    [fifo, /it is a pipe, not a regular file$/],
    [join(folder, "socket"), /it is a socket, not a regular file$/],
    [join(folder, "directory"), /it is a folder, not a regular file$/],
    ["/dev/zero", /it is a device, not a regular file$/],
    ["/nowhere/at/all", /ENOENT, it does not exist$/],
    [file("large", "x".repeat(65_537)), /it has more than 65536 bytes$/],
    [file("bom", `\ufeff${RANDOM}`), /it begins with a byte order mark/],
    [file("latin1", Buffer.from("caf\xe9", "latin1")), /it has bytes that are not UTF-8/],
    [file("utf16", Buffer.from(RANDOM, "utf16le")), /it has a NUL byte in it/],
  ];
  const startMs = performance.now();
  for (const [path, said] of unfit) {
    for (const name of ["WEBHOOK_SECRET", "MASTER_KEY", "DATABASE_URL"]) {
      const [problem = ""] = problems({ [`${name}_FILE`]: path });
      ok(problem.startsWith(`${name} cannot be read from ${name}_FILE=${path}: `), problem);
      match(problem, said);
    }
    const url = `postgres://h/x?sslmode=verify-ca&sslrootcert=${path}`;
    if (!path.endsWith("large"))
      match(problems({ DATABASE_URL: url })[0] ?? "", /sslrootcert=.* cannot be read: /);
    if (/nowhere|directory/.test(path)) deepEqual(withDotEnv({ PORT: "1" }, path), { PORT: "1" });
    else match(problems({}, () => withDotEnv({}, path))[0] ?? "", said);
  }
  ok(performance.now() - startMs < LIMIT_MS);
  socket.close();
  equal(
    readConfig({ WEBHOOK_SECRET_FILE: file("largest", "x".repeat(65_536)) }).webhookSecret?.length,
    65_536,
  );
});

test("a # inside a value of .env, where Node begins a comment, is refused instead of cutting the value", () => {
  for (const line of [`WEBHOOK_SECRET=ab#${RANDOM}`, `export WEBHOOK_SECRET_FILE = /run/a#b`])
    match(
      problems({}, () => withDotEnv({}, file("hash.env", `PORT=1 # fine\n${line}\n`)))[0] ?? "",
      /has a # in it/,
    );
  const fine = `# WEBHOOK_SECRET=a#b\nWEBHOOK_SECRET="ab#${RANDOM}" # quoted\nOTHER=a#b\nPORT=1 # comment\n`;
  equal(withDotEnv({}, file("fine.env", fine)).WEBHOOK_SECRET, `ab#${RANDOM}`);
});

test("a line of .env without =, or in the form of YAML or of Windows, is refused instead of being ignored", () => {
  const lines = [
    "DATABASE_URL: sqlite:////d/app.db",
    "DATABASE_URL sqlite:////d/app.db",
    "set DATABASE_URL=x",
    "$env:DATABASE_URL = 'x'",
  ];
  for (const line of lines)
    deepEqual(
      problems({}, () => withDotEnv({}, file(".env", `PORT=1\n${line}\n`))),
      ["DATABASE_URL in .env is not written as DATABASE_URL=value"],
      line,
    );
  const other =
    "# DATABASE_URL: x\nNOTE=DATABASE_URL: x\nDATABASE_URL \nhost_name: x\nhostname x\nPORT  =1\n";
  equal(withDotEnv({}, file(".env", other)).PORT, "1");
});

test("an error about a value from a file does not repeat it: the file may hold a secret", () => {
  const path = file("named-by-mistake", `${RANDOM}\n`);
  const names = [
    "LOG_LEVEL",
    "PORT",
    "HOST",
    "MIGRATE",
    "READ_AUTH",
    "TRUST_PROXY",
    "CORS_ORIGINS",
    "DATABASE_URL",
  ];
  const found = problems(Object.fromEntries(names.map((name) => [`${name}_FILE`, path])));
  ok(
    found.includes(
      "LOG_LEVEL must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL, not the content of the file",
    ),
    `${found}`,
  );
  deepEqual(
    found.filter((problem) => problem.includes(RANDOM)),
    [],
  );
});
