import { equal, match, ok } from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "../support/cli.ts";
import { macOf } from "../support/client.ts";
import { freshDatabase, unlessPostgres } from "../support/postgres.ts";
import { body } from "../support/service.ts";
import { unlessTool } from "../support/tools.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const TERMINAL = fileURLToPath(new URL("../support/terminal.py", import.meta.url));
/** It first builds the package, on a machine that may be busy. */
const WAIT_MS_MAX = 180_000;
const SECRET = "testsecret";

/** A command as the foreground job of a terminal. */
function onTerminal(command: readonly string[], env: Readonly<Record<string, string>>) {
  const base = { PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? "", WEBHOOK_SECRET: SECRET };
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
async function ctrlCDrains(command: readonly string[], env: Readonly<Record<string, string>>): Promise<void> {
  await using terminal = onTerminal(command, env);
  const url = await terminal.found(/"url":"(http[^"]+)"/);
  const payload = body({ message_id: "half sent" });
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  await once(socket, "connect");
  const head = `POST /webhook HTTP/1.1\r\nhost: x\r\nx-signature: ${macOf(payload, SECRET)}\r\n`;
  socket.write(`${head}content-length: ${Buffer.byteLength(payload)}\r\n\r\n${payload.slice(0, 20)}`);
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
  test(`Ctrl-C on ${command[0]} answers a half-sent webhook, and the exit code is 0`, { skip }, async () => {
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
