import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { LyftrClient, LyftrError, type Message, Outbox } from "../../client/client.ts";
import { temporaryFolder } from "../support/cli.ts";
import { storedTotal } from "../support/client.ts";
import { listedIds } from "../support/ledger.ts";
import { serve } from "../support/process.ts";
import { SECRET, startService } from "../support/service.ts";
import { unlessTool } from "../support/tools.ts";

const SENDER = fileURLToPath(new URL("../support/outbox-sender.ts", import.meta.url));
const WAIT_MS_MAX = 20_000;

function message(id: string, fields: Partial<Message> = {}): Message {
  return {
    message_id: id,
    from: "+1",
    to: "+2",
    ts: "2025-01-15T10:00:00Z",
    text: `text of ${id}`,
    ...fields,
  };
}

/** A client whose service is always unavailable. */
const noService = { sendBytes: () => Promise.reject(new LyftrError("network", "no service")) };

async function until(holds: () => boolean, what: string): Promise<void> {
  for (const endMs = performance.now() + WAIT_MS_MAX; !holds(); await delay(5))
    ok(performance.now() < endMs, what);
}

/** The bodies of the pending messages, in the order of the file. */
async function pendingIn(path: string): Promise<readonly string[]> {
  const bodies: string[] = [];
  const sender = {
    sendBytes: async (body: Uint8Array) => {
      bodies.push(JSON.parse(new TextDecoder().decode(body)).message_id);
      throw new LyftrError("invalid", "only looked at");
    },
  };
  const outbox = await Outbox.open(path, sender, { concurrency: 1 });
  await outbox.drained();
  await outbox.close();
  return bodies;
}

test("an appended message is in the file before append resolves, and arrives", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "outbox");
  await using service = await startService();
  const outbox = await Outbox.open(path, new LyftrClient({ url: service.url, secret: SECRET }));
  await Promise.all(
    Array.from({ length: 200 }, async (_, at) => {
      await outbox.append(message(`m${at}`));
      ok(readFileSync(path, "utf8").includes(`"m${at}"`));
    }),
  );
  await outbox.drained();
  equal(outbox.pending, 0);
  equal(await storedTotal(service), 200);
  await outbox.close();
  deepEqual(await pendingIn(path), []);
  equal(statSync(path).mode & 0o777, 0o600);
  deepEqual(readdirSync(folder.path), ["outbox"]);
});

test("unsent messages are sent in order when the file is reopened", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "outbox");
  const first = await Outbox.open(path, noService);
  for (const id of ["a", "b", "c"]) await first.append(message(id, { text: "ü\n\u2028" }));
  await first.close();
  await rejects(first.append(message("d")), { kind: "outbox", code: "CLOSED" });
  await rejects(first.drained(), { kind: "outbox", code: "CLOSED" });
  deepEqual(await pendingIn(path), ["a", "b", "c"]);
  await using service = await startService();
  const second = await Outbox.open(path, new LyftrClient({ url: service.url, secret: SECRET }));
  equal(second.pending > 0, true);
  await second.drained();
  await second.close();
  deepEqual((await listedIds(service.url)).ids, ["a", "b", "c"]);
});

test("an incomplete end is left out, wherever it is cut, and nothing before it", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "outbox");
  const outbox = await Outbox.open(path, noService);
  for (const id of ["a", "b"]) await outbox.append(message(id));
  const { size } = statSync(path);
  await outbox.append(message("c"));
  await outbox.close();
  const whole = readFileSync(path);
  for (let length = size; length < whole.length; length += 7) {
    writeFileSync(path, whole.subarray(0, length));
    deepEqual(await pendingIn(path), ["a", "b"], `${length} of ${whole.length} bytes`);
  }
  for (const tail of ["\0".repeat(4_096), "xyz", "\n\n\n", "12345678 + 9 {}\n", "00000000 - 1\n"]) {
    writeFileSync(path, Buffer.concat([whole, Buffer.from(tail)]));
    deepEqual(await pendingIn(path), ["a", "b", "c"], JSON.stringify(tail));
  }
  // A message that is appended after it is complete again.
  writeFileSync(path, whole.subarray(0, -3));
  const again = await Outbox.open(path, noService);
  await again.append(message("d"));
  await again.close();
  deepEqual(await pendingIn(path), ["a", "b", "d"]);
});

test("damage in the middle is reported, and the file stays as it is; so does a file of another program", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "outbox");
  const outbox = await Outbox.open(path, noService);
  for (const id of ["a", "b", "c"]) await outbox.append(message(id));
  await outbox.close();
  const damaged = readFileSync(path, "utf8").replace("text of b", "text of B");
  for (const content of [damaged, "my thesis\n"]) {
    writeFileSync(path, content);
    await rejects(Outbox.open(path, noService), (error) => {
      ok(error instanceof LyftrError);
      deepEqual([error.kind, error.code], ["outbox", "DAMAGED"]);
      match(error.message, content === damaged ? /^line 3 / : /^line 1 /);
      return true;
    });
    equal(readFileSync(path, "utf8"), content);
  }
  // A file that was emptied is an outbox without messages.
  truncateSync(path);
  deepEqual(await pendingIn(path), []);
});

test("an outbox is open once, in this process and in others, and free when its holder is killed", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "outbox");
  const outbox = await Outbox.open(path, noService);
  await rejects(Outbox.open(path, noService), { kind: "outbox", code: "IN_USE" });
  await outbox.append(message("a"));
  await outbox.close();
  await using sender = await startSender(path, "http://127.0.0.1:9", "x", 1, "stay");
  await until(() => sender.lines().includes("x-0"), "the sender does not append");
  await rejects(Outbox.open(path, noService), { kind: "outbox", code: "IN_USE" });
  await kill(sender.child);
  deepEqual(await pendingIn(path), ["a", "x-0"]);
  deepEqual(readdirSync(folder.path), ["outbox"]);
});

test("of twenty processes that open at once, at most one succeeds", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "outbox");
  const all = await Promise.allSettled(
    Array.from({ length: 20 }, () => Outbox.open(path, noService)),
  );
  const opened = all.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  ok(opened.length <= 1, `${opened.length} have it open`);
  await Promise.all(opened.map((outbox) => outbox.close()));
  await (await Outbox.open(path, noService)).close();
});

test("finished messages do not accumulate in the file, and pending ones stay", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "outbox");
  let answered = 0;
  const sender = {
    sendBytes: async (body: Uint8Array) => {
      if (new TextDecoder().decode(body).includes('"stays'))
        throw new LyftrError("invalid", "refused");
      answered++;
    },
  };
  const outbox = await Outbox.open(path, sender);
  await outbox.append(message("stays-1"));
  let sizeMax = 0;
  for (let at = 0; at < 100; at++) {
    await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        outbox.append(message(`m${at}-${i}`, { text: "x".repeat(2_000) })),
      ),
    );
    sizeMax = Math.max(sizeMax, statSync(path).size);
  }
  await outbox.append(message("stays-2"));
  await outbox.drained();
  await outbox.close();
  equal(answered, 2_000);
  // Over 4 MB went through it; 1 MiB of finished messages may stay, and the current batches.
  ok(sizeMax < 1_700_000, `${sizeMax} bytes`);
  deepEqual(await pendingIn(path), ["stays-1", "stays-2"]);
});

test("a full outbox rejects and accepts again when it is drained", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "outbox");
  await using service = await startService();
  const outbox = await Outbox.open(path, new LyftrClient({ url: service.url, secret: SECRET }), {
    bytesMax: 4_000,
  });
  const all = await Promise.allSettled(
    Array.from({ length: 100 }, (_, at) => outbox.append(message(`m${at}`))),
  );
  const full = all.filter((one) => one.status === "rejected");
  ok(full.length > 50 && full.length < 100, `${full.length}`);
  ok(full.every(({ reason }) => reason.code === "FULL"));
  await outbox.drained();
  await outbox.append(message("one more"));
  await outbox.drained();
  await outbox.close();
  equal(await storedTotal(service), 101 - full.length);
});

test("a refused message is reported and kept, does not delay others, and is removed on request", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "outbox");
  await using service = await startService();
  const client = new LyftrClient({ url: service.url, secret: SECRET });
  const told: string[] = [];
  const outbox = await Outbox.open(path, client, {
    onRefused: ({ error }) => told.push(error.kind),
  });
  await outbox.append(message("wrong", { from: "noService" }));
  await outbox.append(message("right"));
  await outbox.drained();
  deepEqual(
    [told, outbox.pending, outbox.refused.map((one) => one.message.message_id)],
    [["invalid"], 1, ["wrong"]],
  );
  await outbox.close();
  const again = await Outbox.open(path, client);
  await again.drained();
  equal(again.refused.length, 1);
  again.discard("wrong");
  await again.close();
  deepEqual(await pendingIn(path), []);
  equal(await storedTotal(service), 1);
});

test("a wrong secret is reported and loses nothing, and every message arrives once it is corrected", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "outbox");
  await using service = await startService();
  const told: string[] = [];
  let secret = "another";
  const sender = {
    sendBytes: (body: Uint8Array<ArrayBuffer>, options: { readonly signal: AbortSignal }) =>
      new LyftrClient({ url: service.url, secret }).sendBytes(body, options),
  };
  const outbox = await Outbox.open(path, sender, {
    onProblem: ({ kind }) => told.push(kind),
    random: () => 0.1,
  });
  await Promise.all(["a", "b", "c"].map((id) => outbox.append(message(id))));
  await until(() => told.length >= 3, "the problem was not told");
  deepEqual([new Set(told), outbox.pending], [new Set(["unauthorized"]), 3]);
  secret = SECRET;
  await outbox.drained({ signal: AbortSignal.timeout(WAIT_MS_MAX) });
  await outbox.close();
  equal(await storedTotal(service), 3);
});

test("an aborted wait ends, and the outbox continues", async () => {
  using folder = temporaryFolder();
  const outbox = await Outbox.open(join(folder.path, "outbox"), noService);
  await outbox.append(message("a"));
  await rejects(outbox.drained({ signal: AbortSignal.timeout(20) }), { kind: "aborted" });
  equal(outbox.pending, 1);
  await outbox.close();
});

test("a path that is too long for its lock is refused", async () => {
  using folder = temporaryFolder();
  await rejects(Outbox.open(join(folder.path, "x".repeat(100)), noService), { kind: "usage" });
});

test("a disk that is full for a moment fails one append, and the file stays intact", {
  skip: unlessTool("strace"),
}, async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "outbox");
  // The first call writes the new file, and each append one more.
  const lines = await underStrace(path, "inject=pwrite64:error=ENOSPC:when=4");
  deepEqual(lines, ["opened 0", "x-0", "x-1", "failed x-2 ENOSPC", "x-3", "x-4"]);
  deepEqual(await pendingIn(path), ["x-0", "x-1", "x-3", "x-4"]);
});

test("a partial line of a failed write does not stay between good lines", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "outbox");
  // Two of three long lines fit into 1,024 bytes, so the write of the three ends in the middle. A
  // short one fits afterwards.
  const program = `
    import { Outbox } from ${JSON.stringify(new URL("../../client/client.ts", import.meta.url).href)};
    const outbox = await Outbox.open(${JSON.stringify(path)}, { sendBytes: () => new Promise(() => undefined) });
    const append = (message_id, text) => outbox.append({ message_id, text }).then(() => "ok", ({ code }) => code);
    const long = await Promise.all(["a", "b", "c"].map((id) => append(id, "x".repeat(300))));
    process.stdout.write([...long, await append("short", "")].join(" "));
    process.exit();`;
  const limited = [
    "-c",
    'ulimit -f 2; exec "$0" "$@"',
    process.execPath,
    "--input-type=module",
    "-e",
    program,
  ];
  const { stdout } = await promisify(execFile)("sh", limited, { timeout: WAIT_MS_MAX });
  equal(stdout, "EFBIG EFBIG EFBIG ok");
  deepEqual(await pendingIn(path), ["short"]);
});

test("after a failed fsync no message is acknowledged any more", {
  skip: unlessTool("strace"),
}, async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "outbox");
  const lines = await underStrace(path, "inject=fdatasync:error=EIO:when=2");
  deepEqual(lines, ["opened 0", "x-0", ...[1, 2, 3, 4].map((at) => `failed x-${at} EIO`)]);
  ok((await pendingIn(path)).includes("x-0"));
});

test("a sender and the service are killed again and again: every appended message arrives exactly once", async (t) => {
  using folder = temporaryFolder();
  const path = join(folder.path, "outbox");
  const appended = new Set<string>();
  const attempted = (id: string) => /^r[0-9]+-[0-9]+$/.test(id);
  await using running = new AsyncDisposableStack();
  let lyftr = running.use(await serve({ cwd: folder.path }));
  const env = { PORT: new URL(lyftr.url).port };
  for (let round = 0; round < 6; round++) {
    await using sender = await startSender(path, lyftr.url, `r${round}`, 100_000, "stay");
    await until(() => sender.lines().length > 50 + 40 * round, "the sender does not append");
    if (round % 3 === 1) {
      lyftr.child.kill("SIGKILL");
      await lyftr.ended;
    }
    await kill(sender.child);
    for (const line of sender.lines()) if (attempted(line)) appended.add(line);
    if (round % 3 === 1) lyftr = running.use(await serve({ cwd: folder.path, env }));
  }
  await using sender = await startSender(path, lyftr.url, "end", 0, "drain");
  deepEqual(await once(sender.child, "close"), [0, null]);
  const { ids } = await listedIds(lyftr.url);
  t.diagnostic(`${appended.size} acknowledged by the outbox, ${ids.length} stored`);
  const stored = new Set(ids);
  equal(stored.size, ids.length, "twice");
  deepEqual(
    [...appended].filter((id) => !stored.has(id)),
    [],
    "lost",
  );
  ok(ids.every(attempted));
  ok(appended.size > 6 * 50);
});

interface RunningSender extends AsyncDisposable {
  readonly child: ChildProcess;
  /** The complete lines so far. */
  readonly lines: () => readonly string[];
}

/** Resolves when it has opened the outbox. */
async function startSender(
  path: string,
  url: string,
  run: string,
  count: number,
  mode: string,
): Promise<RunningSender> {
  const child = spawn(process.execPath, [SENDER, path, url, run, String(count), mode], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let out = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  const lines = () => out.split("\n").slice(0, -1);
  await until(() => lines().length > 0 || child.exitCode !== null, "the sender does not start");
  return { child, lines, [Symbol.asyncDispose]: () => kill(child) };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "close");
  child.kill("SIGKILL");
  await ended;
}

/** Five appends, one after the other, with one system call that fails. */
async function underStrace(path: string, inject: string): Promise<readonly string[]> {
  const trace = ["-f", "-o", "/dev/null", "-e", "trace=pwrite64,fdatasync", "-e", inject];
  const args = [process.execPath, SENDER, path, "http://127.0.0.1:9", "x", "5"];
  // strace counts per thread.
  const env = { ...process.env, UV_THREADPOOL_SIZE: "1" };
  const { stdout } = await promisify(execFile)("strace", [...trace, ...args], {
    timeout: WAIT_MS_MAX,
    env,
  });
  return stdout.split("\n").slice(0, -1);
}
