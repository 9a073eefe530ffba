import { equal, match, ok } from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "../support/cli.ts";
import { macOf } from "../support/client.ts";
import { freshDatabase, unlessPostgres } from "../support/postgres.ts";
import { serve } from "../support/process.ts";
import { body } from "../support/service.ts";
import { unlessTool } from "../support/tools.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const TERMINAL = fileURLToPath(new URL("../support/terminal.py", import.meta.url));
/** It first builds the package, on a machine that may be busy. */
const WAIT_MS_MAX = 180_000;
const SECRET = "testsecret";

/** A command as the foreground job of a terminal. */
function onTerminal(command: readonly string[], env: Readonly<Record<string, string>>) {
  const base = {
    PATH: process.env.PATH ?? "",
    HOME: process.env.HOME ?? "",
    WEBHOOK_SECRET: SECRET,
  };
  const child = spawn("python3", [TERMINAL, ...command], {
    cwd: ROOT,
    env: { ...base, HOST: "127.0.0.1", PORT: "0", DRAIN_TIMEOUT_MS: "20000", ...env },
    stdio: ["pipe", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  const ended = once(child, "close").then(([code]) => code as number | null);
  return {
    output: () => output,
    ended,
    pressCtrlC: () => child.stdin.write("\n"),
    found: async (pattern: RegExp): Promise<string> => {
      const deadline = AbortSignal.timeout(WAIT_MS_MAX);
      for (;;) {
        const [, found] = pattern.exec(output) ?? [];
        if (found !== undefined) return found;
        if (child.exitCode !== null) throw new Error(`it ended without ${pattern}:\n${output}`);
        await Promise.race([once(child.stdout, "data", { signal: deadline }), ended]);
      }
    },
    [Symbol.asyncDispose]: async () => {
      // The terminal ends with it, and its job gets SIGHUP.
      if (child.exitCode === null) child.kill("SIGKILL");
      await ended;
    },
  };
}

/**
 * Presses Ctrl-C when half of a webhook has been sent. It gets 200, and the command ends with 0.
 */
async function ctrlCDrains(
  command: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<void> {
  await using terminal = onTerminal(command, env);
  const url = await terminal.found(/"url":"(http[^"]+)"/);
  const payload = body({ message_id: "half sent" });
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  await once(socket, "connect");
  const head = `POST /webhook HTTP/1.1\r\nhost: x\r\nx-signature: ${macOf(payload, SECRET)}\r\n`;
  socket.write(
    `${head}content-length: ${Buffer.byteLength(payload)}\r\n\r\n${payload.slice(0, 20)}`,
  );
  let answer = "";
  socket.setEncoding("utf8").on("data", (text: string) => (answer += text));
  // The first half has arrived when a request that was sent after it is answered.
  equal((await fetch(`${url}/health/live`)).status, 200);
  terminal.pressCtrlC();
  await terminal.found(/"msg":"(shutting down)"/);
  // A second copy of the signal would have ended it by now. (A worker without requests has closed
  // its port.)
  if (env.WORKERS === undefined) equal((await fetch(`${url}/health/live`)).status, 200);
  socket.write(payload.slice(20));
  await once(socket, "close");
  match(answer, /^HTTP\/1\.1 200 OK\r\n[\s\S]*\{"status":"ok"\}$/);
  equal(await terminal.ended, 0);
  match(terminal.output(), /"msg":"closed"/);
  ok(!/Error|Interrupt/.test(terminal.output()), terminal.output());
}

const skip = unlessTool("python3");

for (const command of [
  ["make", "-o", "node_modules/.installed", "run"],
  ["npm", "start", "--silent"],
]) {
  test(`Ctrl-C on ${command[0]} answers a half-sent webhook, and the exit code is 0`, {
    skip,
  }, async () => {
    using folder = temporaryFolder();
    await ctrlCDrains(command, { DATABASE_URL: `sqlite:///${folder.file("app.db")}` });
  });
}

test("Ctrl-C on a supervisor with workers answers a half-sent webhook, and the exit code is 0", {
  skip: skip || unlessPostgres(),
}, async () => {
  await using database = await freshDatabase();
  await ctrlCDrains(["npm", "start", "--silent"], { DATABASE_URL: database.url, WORKERS: "2" });
});

/** A command of the checkout on a terminal, with its standard output in a file. */
function withStdoutIn(file: string, ...words: readonly string[]): readonly string[] {
  return [
    "sh",
    "-c",
    'out="$1"; shift; exec "$@" >"$out"',
    "sh",
    file,
    process.execPath,
    "bin/lyftr.js",
    ...words,
  ];
}

/** What the banner says, wherever its lines break. */
const bannerOf = (reading: string) =>
  new RegExp(
    [
      "Lyftr [0-9.]+",
      "URL (http://127\\.0\\.0\\.1:[0-9]+) \\(listens on 127\\.0\\.0\\.1, from this machine only\\)",
      "Dashboard http://127\\.0\\.0\\.1:[0-9]+/ui/",
      "Docs http://127\\.0\\.0\\.1:[0-9]+/docs",
      "Data .*/app\\.db",
      `Reading open to every client that reaches the port${reading}`,
      "Stop Ctrl-C ",
    ]
      .join(" ")
      .replaceAll(" ", "\\s+"),
  );

const READING = {
  serve: "\\. To close it: lyftr keys create --name me --scope admin",
  demo: ", because READ_AUTH is open",
} as const;

for (const command of ["serve", "demo"] as const) {
  test(`lyftr ${command} shows a banner on a terminal, and nothing of it on standard output`, {
    skip,
  }, async () => {
    using folder = temporaryFolder();
    const out = folder.file("out");
    const env = { DATABASE_URL: `sqlite:///${folder.file("app.db")}`, NO_COLOR: "1" };
    const words = command === "demo" ? ["demo", "--messages", "1"] : [command];
    await using terminal = onTerminal(withStdoutIn(out, ...words), env);
    const url = await terminal.found(bannerOf(READING[command]));
    equal((await fetch(`${url}/docs`)).status, 200);
    if (command === "demo") await untilText(() => readFileSync(out, "utf8"), /Ctrl-C/);
    terminal.pressCtrlC();
    equal(await terminal.ended, 0);
    const stdout = readFileSync(out, "utf8");
    ok(!stdout.includes("Reading  "), stdout);
    if (command === "serve") for (const line of stdout.trimEnd().split("\n")) JSON.parse(line);
    // No colour, with NO_COLOR or without: a sequence of ANSI that ends in m.
    ok(
      !terminal.output().includes("\u001b[") || !/\[[0-9;]*m/.test(terminal.output()),
      terminal.output(),
    );
  });
}

test("without a terminal there is no banner", async () => {
  using folder = temporaryFolder();
  await using service = await serve({ cwd: folder.path });
  service.child.kill("SIGTERM");
  equal(await service.ended, 0);
  equal(service.stderr(), "");
  for (const line of service.stdout().trimEnd().split("\n")) JSON.parse(line);
});

test("a supervisor with workers shows one banner, without the password of the database", {
  skip: skip || unlessPostgres(),
}, async () => {
  await using database = await freshDatabase();
  const url = new URL(database.url);
  url.password = "hush";
  await using terminal = onTerminal([process.execPath, "bin/lyftr.js", "serve", "--workers", "2"], {
    DATABASE_URL: url.href,
  });
  await terminal.found(/Stop {7}(Ctrl-C)\r\n/);
  match(terminal.output(), /Data {7}postgres(ql)?:\/\/[^ ]*:\*\*\*@/);
  equal(terminal.output().match(/Stop {7}Ctrl-C/g)?.length, 1);
  terminal.pressCtrlC();
  equal(await terminal.ended, 0);
});

async function untilText(text: () => string, pattern: RegExp): Promise<void> {
  const deadline = Date.now() + WAIT_MS_MAX;
  while (!pattern.test(text())) {
    if (Date.now() > deadline) throw new Error(`no ${pattern}:\n${text()}`);
    await setTimeout(20);
  }
}
