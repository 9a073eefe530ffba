import { deepEqual, equal, match, ok } from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { openSync } from "node:fs";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { COMMAND_NAMES } from "../../src/cli/cli.ts";
import { hasStackTrace, run, temporaryFolder } from "../support/cli.ts";

const BIN = new URL("../../bin/lyftr.js", import.meta.url).pathname;
const COMMANDS = [
  "serve",
  "init",
  "demo",
  "send",
  "import",
  "sign",
  "verify-signature",
  "export",
  "copy",
  "backup",
  "restore",
  "keys",
  "secrets",
  "alerts",
  "audit",
  "verify",
  "retention",
  "erase",
  "migrate",
  "check-config",
  "version",
  "completion",
  "healthcheck",
];
const SECRET = { WEBHOOK_SECRET: "testsecret" };

/** Arguments, the expected error, and the environment. */
const WRONG: readonly (readonly [readonly string[], RegExp, Readonly<Record<string, string>>?])[] =
  [
    [[], /Usage: lyftr/],
    [["sned"], /Did you mean send\?/],
    [["nope", "--help"], /unknown command 'nope'\n.*Run lyftr --help to see its commands\.\n$/s],
    [["help", "nope"], /unknown command 'nope'/],
    [["help", "nope", "--help"], /unknown command 'nope'/],
    [["help", "sned"], /unknown command 'sned'\n\(Did you mean send\?\)/],
    [["help", "keys", "nope"], /unknown command 'nope'/],
    [["keys", "help", "nope"], /unknown command 'nope'/],
    [["keys", "nope", "-h"], /unknown command 'nope'/],
    [
      ["serve", "--port", "1"],
      /unknown option '--port'\nPORT is an environment variable: PORT=… lyftr …\nRun lyftr serve/,
    ],
    [["backup", "--database-url=x", "y"], /\nDATABASE_URL is an environment variable/],
    [
      ["serve", "--prot", "1"],
      /unknown option '--prot'\nRun lyftr serve --help to see its arguments and options\.\n$/,
    ],
    [["init", "secret"], /too many arguments/],
    [["demo", "--messages", "0"], /whole number from 1/],
    [["demo"], /PORT must be a whole number/, { PORT: "http" }],
    [["send"], /WEBHOOK_SECRET is not set/],
    [["send", "--from", "+1"], /Nothing to send/, SECRET],
    [["send", "--file", "x", "--count", "1"], /cannot be used with/, SECRET],
    [["send", "--file", "missing.ndjson"], /missing\.ndjson does not exist/, SECRET],
    [["send", "--count", "1", "--concurrency", "1e9"], /whole number from 1 to 256/, SECRET],
    [["send", "--count", "1", "--url", "localhost:8000"], /must look like http/, SECRET],
    [
      ["send", "--count", "1", "--secret-file", "missing.txt"],
      /missing\.txt does not exist/,
      SECRET,
    ],
    [["send", "--count", "1"], /Give it as --url/, { ...SECRET, PORT: "0" }],
    [["import", "missing.ndjson"], /missing\.ndjson does not exist/],
    [["import", "."], /is a folder/],
    [["import", "/dev/null"], /not a regular file/],
    [["import", "x"], /DATABASE_URL must look like/, { DATABASE_URL: "app.db" }],
    [["backup"], /missing required argument/],
    [["backup", "missing/b.db"], /missing does not exist/, { DATABASE_URL: `sqlite:///${BIN}` }],
    [["alerts"], /Usage: lyftr alerts/],
    [["alerts", "tset"], /unknown command 'tset'/],
    [["alerts", "test", "now"], /too many arguments/],
    [["alerts", "test"], /No target is configured/],
    [["alerts", "test"], /PAGERDUTY_ROUTING_KEY must be/, { PAGERDUTY_ROUTING_KEY: "short" }],
    [["keys"], /Usage: lyftr keys/],
    [["keys", "make"], /unknown command 'make'\nRun lyftr keys --help to see its commands\.\n$/],
    [["keys", "create"], /required option '--name <name>' not specified/],
    [["keys", "create", "--name", "a"], /required option '--scope <scope>' not specified/],
    [
      ["keys", "create", "--name", "a", "--scope", "root"],
      /'root' is invalid. Allowed choices are read, admin/,
    ],
    [
      ["keys", "create", "--name", "-a b", "--scope", "read"],
      /'-a b' is invalid. It must have 1 to 64 characters/,
    ],
    [["keys", "create", "--name", "ADMIN_API_KEY", "--scope", "read"], /not be ADMIN_API_KEY/],
    [
      ["keys", "create", "--name", "x".repeat(65), "--scope", "read"],
      /It must have 1 to 64 characters/,
    ],
    [
      ["keys", "create", "--name", "a", "--scope", "read", "--expires", "90"],
      /It must be a duration such as 12h or 90d/,
    ],
    [["keys", "create", "--name", "a", "--scope", "read", "--expires", "0d"], /not 0/],
    [
      ["keys", "create", "--name", "a", "--scope", "read", "--expires", "36526d"],
      /It must be a duration/,
    ],
    [["keys", "create", "a", "--name", "a", "--scope", "read"], /too many arguments/],
    [
      ["keys", "list", "a"],
      /too many arguments.*\nRun lyftr keys list --help to see its arguments/,
    ],
    [["keys", "rotate"], /missing required argument 'name'/],
    [["keys", "rotate", "a", "--overlap", "-1h"], /It must be a duration such as 24h or 7d, or 0/],
    [["keys", "revoke"], /missing required argument 'name\|id'/],
    [["keys", "list"], /DATABASE_URL must look like/, { DATABASE_URL: "app.db" }],
    [["audit", "--limit", "0"], /whole number from 1 to 10000/],
    [["completion"], /missing required argument 'shell'/],
    [["completion", "csh"], /Allowed choices are bash, zsh, fish/],
    [["healthcheck", "--url", "ftp://127.0.0.1"], /must look like http/],
  ];

test("wrong arguments of any command end with 2 and a sentence that names them", {
  concurrency: 4,
}, async (t) => {
  using folder = temporaryFolder();
  const cases = WRONG.map(([args, complaint, env = {}]) =>
    t.test(`lyftr ${args.join(" ")} ${JSON.stringify(env)}`, async () => {
      const { code, stdout, stderr } = await run(args, { cwd: folder.path, env });
      match(stderr, complaint);
      ok(!hasStackTrace(stderr), stderr);
      equal(stdout, "");
      equal(code, 2);
    }),
  );
  await Promise.all(cases);
});

test("the general help names every command, and these tests know them all", async () => {
  using folder = temporaryFolder();
  const { stdout } = await run(["help"], { cwd: folder.path });
  const [, list = ""] = stdout.split("Commands:\n");
  const named = [...(list.split("\n\n")[0] ?? "").matchAll(/^ {2}([a-z-]+)/gm)].map(
    ([, name]) => name,
  );
  deepEqual(named.filter((name) => name !== "help").sort(), [...COMMANDS].sort());
  deepEqual([...COMMANDS].sort(), [...COMMAND_NAMES].sort());
});

test("every command explains itself with --help and shows an example", {
  concurrency: 4,
}, async (t) => {
  using folder = temporaryFolder();
  const cases = ["", ...COMMANDS].map((command) =>
    t.test(`lyftr ${command} --help`, async () => {
      const { code, stdout } = await run([...(command === "" ? [] : [command]), "--help"], {
        cwd: folder.path,
      });
      equal(code, 0);
      match(stdout, new RegExp(`Usage: lyftr ${command}`));
      match(stdout, /Examples:\n {2}\$ .*lyftr/);
      for (const line of stdout.split("\n")) ok(line.length <= 80, line);
    }),
  );
  await Promise.all(cases);
});

test("`lyftr help COMMAND` and `lyftr COMMAND --help` are the same", async () => {
  using folder = temporaryFolder();
  const said = async (...args: string[]) => {
    const { code, stdout, stderr } = await run(args, { cwd: folder.path });
    equal(code, 0, stderr);
    return stdout;
  };
  equal(await said("help"), await said("--help"));
  equal(await said("help", "keys", "list"), await said("keys", "list", "--help"));
  equal(await said("keys", "help", "list"), await said("keys", "list", "-h"));
  match(await said("help", "erase"), /Usage: lyftr erase/);
});

test("a reader that closes the output is not a failure", async () => {
  using folder = temporaryFolder();
  const child = spawn(process.execPath, [BIN, "check-config"], {
    cwd: folder.path,
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env.PATH, WEBHOOK_SECRET: "5a1f0c93e7b24d68" },
  });
  child.stdout.destroy();
  const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, "close")]);
  equal(stderr, "");
  equal(code, 0);
});

test("a result that cannot be written because the disk is full is reported as a failure", async () => {
  using folder = temporaryFolder();
  const full = openSync("/dev/full", "w");
  const child = spawn(process.execPath, [BIN, "check-config"], {
    cwd: folder.path,
    stdio: ["ignore", full, "pipe"],
  });
  const [stderr, [code]] = await Promise.all([
    text(child.stderr as NodeJS.ReadableStream),
    once(child, "close"),
  ]);
  match(stderr, /could not be written to standard output: ENOSPC/);
  equal(code, 1);
});
