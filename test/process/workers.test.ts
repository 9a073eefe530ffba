import { deepEqual, equal, match, ok } from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, readFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { SAME_SIGNAL_MS } from "../../src/cli/repeated-signal.ts";
import { sign } from "../../src/providers/signature.ts";
import { signIn } from "../support/browser-session.ts";
import { series } from "../support/client.ts";
import { CLEAN, faultsIn, Ledger } from "../support/ledger.ts";
import { freshDatabase, unlessPostgres } from "../support/postgres.ts";
import { INHERITED, type LyftrProcess, logLines, runLyftr, serve } from "../support/process.ts";
import { body, getJson, post, SECRET } from "../support/service.ts";
import { sql } from "../support/sql.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";

const WAIT_MS_MAX = 20_000;
const CREATED = `webhook_requests_total{result="created"}`;

const skip = unlessPostgres();
const folder = () => mkdtempSync(join(tmpdir(), "lyftr-workers-"));

type Serving = LyftrProcess & { readonly url: string };

/** The real binary with several workers on its own database. */
async function serveWorkers(
  databaseUrl: string,
  {
    workers = 2,
    env = {},
  }: { readonly workers?: number; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<Serving> {
  return serve({
    cwd: folder(),
    env: { DATABASE_URL: databaseUrl, WORKERS: String(workers), ...env },
  });
}

/** The processes of the workers. */
function workersOf(lyftr: LyftrProcess): readonly number[] {
  const { pid } = lyftr.child;
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
  return children.trim().split(" ").filter(Boolean).map(Number);
}

/** Whether the process exists and is not a zombie. */
function runs(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  msMax = WAIT_MS_MAX,
): Promise<void> {
  const deadline = performance.now() + msMax;
  while (!(await holds())) {
    ok(performance.now() < deadline, `not within ${msMax} ms: ${what}`);
    await sleep(20);
  }
}

/** Whether a new connection is accepted. */
async function listens(url: string): Promise<boolean> {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** New connections are given to the workers in turn. */
const ALONE = { connection: "close" };

/**
 * As one worker reports them. After a few texts a second each repeats its last one, so these may be
 * a second or two old.
 */
async function samplesOf(url: string): Promise<ReadonlyMap<string, number>> {
  const response = await fetch(`${url}/metrics`, { headers: ALONE });
  equal(response.status, 200);
  return series(await response.text());
}

/** Sends messages through many connections until stopped; `accepted` counts. */
function startLoad(url: string, ledger: Ledger, senders = 16) {
  const load = { accepted: 0, sent: 0, stopped: false, stop: async () => {} };
  const sender = async (name: number) => {
    for (let n = 0; !load.stopped; n++) {
      load.sent++;
      const fate = await ledger.send(url, `s${name}-${n}`);
      if (fate === "ok") load.accepted++;
      // A refused connection fails at once, and would be retried some thousand times a second.
      else await sleep(20);
    }
  };
  const all = Array.from({ length: senders }, (_, name) => sender(name));
  load.stop = async () => {
    load.stopped = true;
    await Promise.all(all);
  };
  return load;
}

/** A webhook whose body is held back after its first half. */
async function halfSent(url: string, payload: string) {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  await once(socket, "connect");
  const head = `POST /webhook HTTP/1.1\r\nhost: x\r\nx-signature: ${sign(SECRET, payload)}\r\ncontent-length: ${Buffer.byteLength(payload)}\r\n\r\n`;
  socket.write(head + payload.slice(0, 20));
  let answer = "";
  socket.setEncoding("utf8").on("data", (text: string) => (answer += text));
  const closed = once(socket, "close");
  const finish = async () => {
    socket.write(payload.slice(20));
    await closed;
    return answer;
  };
  return { socket, finish };
}

test("workers whose port is taken leave the database unchanged", { skip }, async () => {
  await using database = await freshDatabase();
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const port = String((other.address() as AddressInfo).port);
  const env = {
    DATABASE_URL: database.url,
    WEBHOOK_SECRET: SECRET,
    HOST: "127.0.0.1",
    PORT: port,
    WORKERS: "2",
  };
  const lyftr = runLyftr(["serve"], { cwd: folder(), env });
  const code = await lyftr.ended;
  other.close();
  equal(code, 1);
  match(lyftr.stderr(), /is taken/);
  const tables = await sql(
    database.url,
    "SELECT count(*)::int AS n FROM pg_tables WHERE schemaname = 'public'",
  );
  deepEqual(tables, [{ n: 0 }]);
});

test("two workers serve one port as one service: one line says so, and a message is stored once", {
  skip,
}, async () => {
  await using database = await freshDatabase();
  await using lyftr = await serveWorkers(database.url);
  const results = { created: 0, duplicate: 0 };
  for (let n = 0; n < 40; n++) {
    equal((await post(lyftr.url, body({ message_id: `m${n % 20}` }), ALONE)).status, 200);
    const { data, total } = await getJson(`${lyftr.url}/messages?limit=1&order=desc`);
    deepEqual([data.length, total], [1, Math.min(n + 1, 20)]);
  }
  lyftr.child.kill("SIGTERM");
  equal(await lyftr.ended, 0);
  const lines = logLines(lyftr.stdout());
  for (const { result } of lines)
    if (result === "created" || result === "duplicate") results[result]++;
  deepEqual(results, { created: 20, duplicate: 20 });
  const of = (worker: number) =>
    lines.filter((line) => line.worker === worker && line.method === "POST").length;
  ok(of(1) >= 10 && of(2) >= 10, `${of(1)} and ${of(2)} messages`);
  const told = lines.filter(({ msg }) =>
    ["listening", "shutting down", "closed"].includes(String(msg)),
  );
  deepEqual(
    told.map(({ msg, worker }) => [msg, worker]),
    [
      ["listening", undefined],
      ["shutting down", undefined],
      ["closed", undefined],
    ],
  );
  equal(told[0]?.workers, 2);
  equal(lyftr.stderr(), "");
});

test("whichever worker answers, the overview has the figures of all, and the settings are the same", {
  skip,
}, async () => {
  await using database = await freshDatabase();
  const env = { ADMIN_API_KEY: "an-admin-key-of-32-characters-or-more", READ_AUTH: "open" };
  await using proxy = await TcpProxy.to(database.url);
  await using lyftr = await serveWorkers(proxy.through(database.url), { workers: 3, env });
  const headers = { ...ALONE, authorization: `Bearer ${env.ADMIN_API_KEY}` };
  const told = async (path: string) => (await fetch(lyftr.url + path, { headers })).json();
  // biome-ignore lint/suspicious/noExplicitAny: the test asserts its form
  const overview = (): Promise<any> => told("/overview");
  for (let n = 0; n < 30; n++)
    equal((await post(lyftr.url, body({ message_id: `m${n % 20}` }), ALONE)).status, 200);
  const startedAt = new Set<string>();
  for (let asked = 0; asked < 6; asked++) {
    await until("the figures of all workers", async () => {
      const { results, started_at, workers, read, last_received_at } = await overview();
      startedAt.add(started_at);
      deepEqual([workers, read], [{ configured: 3, alive: 3 }, "open"]);
      return results.created === 20 && results.duplicate === 10 && last_received_at !== null;
    });
  }
  equal(startedAt.size, 1);
  const settings = new Set<string>();
  for (let asked = 0; asked < 6; asked++) settings.add(JSON.stringify(await told("/settings")));
  equal(settings.size, 1);
  ok([...settings][0]?.includes('{"name":"WORKERS","value":"3","from":"environment"}'));
  proxy.set("blackHole");
  await sleep(1_100);
  for (let asked = 0; asked < 12; asked++) {
    const startMs = performance.now();
    const { ready, results } = await overview();
    const ms = performance.now() - startMs;
    ok(ms < 1_000, `${ms} ms`);
    deepEqual([ready, results.created], [false, 20]);
  }
  proxy.set("reset");
});

test("whichever worker answers, a person who signed in at one of them is signed in", {
  skip,
}, async () => {
  await using database = await freshDatabase();
  const env = { ADMIN_API_KEY: "an-admin-key-of-32-characters-or-more" };
  await using lyftr = await serveWorkers(database.url, { workers: 3, env });
  const cookie = await signIn(lyftr.url, env.ADMIN_API_KEY, ALONE);
  const answered = new Set<unknown>();
  for (let asked = 0; answered.size < 3; asked++) {
    ok(asked < 200, `${answered.size} workers`);
    const id = `asked-${asked}`;
    const headers = { ...ALONE, cookie, "x-request-id": id };
    equal((await fetch(`${lyftr.url}/keys`, { headers })).status, 200);
    const own = () => logLines(lyftr.stdout()).find(({ request_id }) => request_id === id);
    await until("the line of the request", async () => own() !== undefined);
    answered.add(own()?.worker);
  }
});

test("whichever worker answers, the metrics are the sums over all of them", { skip }, async () => {
  await using database = await freshDatabase();
  await using lyftr = await serveWorkers(database.url, { workers: 3 });
  const first = (await (await fetch(`${lyftr.url}/metrics`, { headers: ALONE })).text()).split(
    "\n",
  );
  equal(
    first.filter((line) => /^webhook_requests_total\{result="[a-z_]+"\} 0$/.test(line)).length,
    9,
  );
  ok(first.slice(0, 10).some((line) => line.startsWith("webhook_requests_total{")));
  ok(first.slice(0, 10).some((line) => line.startsWith("http_requests_total{")));
  for (let n = 0; n < 30; n++)
    equal((await post(lyftr.url, body({ message_id: `m${n % 15}` }), ALONE)).status, 200);
  for (let n = 0; n < 3; n++)
    equal((await post(lyftr.url, body(), { ...ALONE, "x-signature": "no" })).status, 401);
  // The sample of a request is counted when its connection is done with it, and each worker may
  // repeat an older text for a second.
  let all: ReadonlyMap<string, number>[] = [];
  await until("every worker tells of all requests", async () => {
    all = [];
    for (let n = 0; n < 6; n++) all.push(await samplesOf(lyftr.url));
    return all.every((samples) => samples.get(`request_latency_ms_count{path="/webhook"}`) === 33);
  });
  for (const samples of all) {
    const of = (result: string) => samples.get(`webhook_requests_total{result="${result}"}`);
    deepEqual(
      [of("created"), of("duplicate"), of("invalid_signature"), of("error")],
      [15, 15, 3, 0],
    );
    equal(samples.get(`http_requests_total{method="POST",path="/webhook",status="200"}`), 30);
    equal(samples.get(`request_latency_ms_bucket{le="+Inf",path="/webhook"}`), 33);
    deepEqual(
      ["workers_configured", "workers_alive", "worker_restarts_total", "commit_queue_rows"].map(
        (name) => samples.get(name),
      ),
      [3, 3, 0, 0],
    );
    equal([...samples].find(([name]) => name.startsWith("lyftr_build_info"))?.[1], 1);
  }
  const asked = () => {
    const lines = logLines(lyftr.stdout()).filter(({ path }) => path === "/metrics");
    return new Set(lines.map(({ worker }) => worker)).size;
  };
  await until("each was asked", () => asked() === 3);
});

test("under load from all workers each line of standard output is one JSON object", {
  skip,
}, async () => {
  await using database = await freshDatabase();
  await using lyftr = await serveWorkers(database.url);
  const ids = Array.from({ length: 4_000 }, (_, n) => String(n).padStart(64, "x"));
  const connections = 64;
  let [next, answered] = [0, 0];
  const client = async () => {
    for (let id = ids[next++]; id !== undefined; id = ids[next++]) {
      await fetch(`${lyftr.url}/nowhere`, { headers: { "x-request-id": id } });
      answered++;
    }
  };
  // Most are written while neither the supervisor nor this test reads, so that pipes fill up and
  // writes are cut at any byte. The supervisor has to distribute the connections before.
  await Promise.all(Array.from({ length: connections }, () => fetch(`${lyftr.url}/health/live`)));
  lyftr.child.kill("SIGSTOP");
  lyftr.child.stdout?.pause();
  const all = Promise.all(Array.from({ length: connections }, client));
  await until("most are answered", () => answered > 3_000);
  lyftr.child.kill("SIGCONT");
  lyftr.child.stdout?.resume();
  await all;
  lyftr.child.kill("SIGTERM");
  equal(await lyftr.ended, 0);
  ok(lyftr.stdout().endsWith("\n"));
  const lines = logLines(lyftr.stdout());
  for (const line of lines) equal(typeof line.ts, "string");
  deepEqual(
    new Set(lines.filter(({ status }) => status === 404).map((line) => line.request_id)),
    new Set(ids),
  );
  ok(lines.some(({ worker }) => worker === 1) && lines.some(({ worker }) => worker === 2));
});

test("kill -9 of a worker under load: the port is served, the worker is restarted, nothing is lost, no counter goes down", {
  skip,
  timeout: 60_000,
}, async () => {
  await using database = await freshDatabase();
  await using lyftr = await serveWorkers(database.url);
  const ledger = new Ledger();
  const load = startLoad(lyftr.url, ledger);
  await until("some are accepted", () => load.accepted > 300);
  const counted = (await samplesOf(lyftr.url)).get(CREATED) ?? 0;
  const [victim = 0, other = 0] = workersOf(lyftr);
  process.kill(victim, "SIGKILL");
  const ended = await lyftr.line(({ msg }) => msg === "worker ended");
  deepEqual(
    [ended.pid, ended.signal, ended.restart_ms, ended.level],
    [victim, "SIGKILL", 1_000, "ERROR"],
  );
  const atDeath = load.accepted;
  // More than were under way when it died.
  await until("the other one serves", () => load.accepted > atDeath + 32);
  const withoutIt = await samplesOf(lyftr.url);
  ok((withoutIt.get(CREATED) ?? 0) >= counted, `${withoutIt.get(CREATED)} after ${counted}`);
  equal(withoutIt.get("workers_alive"), 1, "it was started again before the other one served");
  const again = await lyftr.line(({ msg }) => msg === "worker started again");
  equal(again.worker, ended.worker);
  ok(workersOf(lyftr).includes(other) && workersOf(lyftr).includes(Number(again.pid)));
  const atRestart = load.accepted;
  await until("both serve", () => load.accepted > atRestart + 300);
  await load.stop();
  const samples = await samplesOf(lyftr.url);
  deepEqual(
    ["workers_alive", "worker_restarts_total"].map((name) => samples.get(name)),
    [2, 1],
  );
  const found = await ledger.checkPostgres(database.url);
  deepEqual(faultsIn(found), CLEAN);
  ok(found.acked > 700);
  // A connection on its way to the dead worker is closed, so its client does not wait for ever.
  ok(ledger.slowestMs < 5_000, `a request took ${ledger.slowestMs} ms`);
});

test("a connection on its way to a worker that dies is closed, and its client need not wait", {
  skip,
}, async () => {
  await using database = await freshDatabase();
  await using lyftr = await serveWorkers(database.url);
  const [frozen = 0] = workersOf(lyftr);
  process.kill(frozen, "SIGSTOP");
  // Of several connections in turn, one is given to the frozen worker and waits there; all others
  // go to the other one.
  let [answered, refused] = [0, 0];
  const asked = [1, 2, 3, 4].map(() =>
    fetch(`${lyftr.url}/health/live`, { headers: ALONE, signal: AbortSignal.timeout(10_000) }).then(
      () => answered++,
      () => refused++,
    ),
  );
  await until("the others are answered", () => answered === 3);
  equal(refused, 0);
  process.kill(frozen, "SIGKILL");
  await until("the one that waits is told", () => refused === 1, 2_000);
  await Promise.all(asked);
});

test("SIGTERM under load: all workers drain, accepted requests are answered and stored, exit 0", {
  skip,
}, async () => {
  await using database = await freshDatabase();
  await using lyftr = await serveWorkers(database.url);
  const held = [
    await halfSent(lyftr.url, body({ message_id: "h1" })),
    await halfSent(lyftr.url, body({ message_id: "h2" })),
  ];
  const statuses = new Set<number>();
  const accepted: string[] = [];
  const sender = async (name: number) => {
    for (let n = 0; ; n++) {
      const answer = await post(lyftr.url, body({ message_id: `${name}-${n}` })).catch(
        () => undefined,
      );
      if (answer === undefined) return;
      statuses.add(answer.status);
      if (answer.status === 200) accepted.push(`${name}-${n}`);
      if (accepted.length === 200) lyftr.child.kill("SIGTERM");
    }
  };
  const senders = Array.from({ length: 16 }, (_, name) => sender(name));
  await lyftr.line(({ msg }) => msg === "shutting down");
  const ready = await fetch(`${lyftr.url}/health/ready`, { headers: ALONE });
  deepEqual([ready.status, await ready.text()], [503, '{"detail":"shutting down"}']);
  for (const { finish } of held)
    match(await finish(), /^HTTP\/1\.1 200 OK\r\n[\s\S]*\{"status":"ok"\}$/);
  equal(await lyftr.ended, 0);
  await Promise.all(senders);
  deepEqual([...statuses], [200]);
  equal(lyftr.stderr(), "");
  await using next = await serveWorkers(database.url);
  for (const id of [...accepted, "h1", "h2"])
    equal((await post(next.url, body({ message_id: id }))).status, 200);
  equal((await samplesOf(next.url)).get(CREATED), 0);
});

test("Ctrl-C reaches the workers as well, which changes nothing", { skip }, async () => {
  await using database = await freshDatabase();
  await using lyftr = await serveWorkers(database.url);
  const held = await halfSent(lyftr.url, body({ message_id: "held" }));
  equal((await fetch(`${lyftr.url}/health/live`)).status, 200);
  for (const pid of [...workersOf(lyftr), lyftr.child.pid ?? 0]) process.kill(pid, "SIGINT");
  await lyftr.line(({ msg }) => msg === "shutting down");
  match(await held.finish(), /^HTTP\/1\.1 200 OK/);
  equal(await lyftr.ended, 0);
  equal(
    logLines(lyftr.stdout()).some(({ msg }) => msg === "worker ended"),
    false,
  );
});

test("SIGTERM while workers are being started ends the existing ones, with exit 0", {
  skip,
  timeout: 60_000,
}, async () => {
  await using database = await freshDatabase();
  const env = { DATABASE_URL: database.url, PORT: "0", HOST: "127.0.0.1", WORKERS: "3" };
  for (const started of [1, 3]) {
    await using lyftr = runLyftr(["serve"], { cwd: folder(), env });
    await until(`${started} have been started`, () => workersOf(lyftr).length === started);
    const workers = workersOf(lyftr);
    lyftr.child.kill("SIGTERM");
    equal(await lyftr.ended, 0);
    equal(workers.some(runs), false);
    equal(
      logLines(lyftr.stdout()).some(({ level }) => level === "CRITICAL" || level === "ERROR"),
      false,
    );
    equal(lyftr.stderr(), "");
  }
});

test("a second signal ends supervisor and workers at once", { skip }, async () => {
  await using database = await freshDatabase();
  await using lyftr = await serveWorkers(database.url, { env: { DRAIN_TIMEOUT_MS: "60000" } });
  const held = await halfSent(lyftr.url, body());
  equal((await fetch(`${lyftr.url}/health/live`)).status, 200);
  const workers = workersOf(lyftr);
  lyftr.child.kill("SIGTERM");
  await lyftr.line(({ msg }) => msg === "shutting down");
  await sleep(SAME_SIGNAL_MS);
  lyftr.child.kill("SIGTERM");
  equal(await lyftr.ended, 143);
  await until("no worker is left", () => !workers.some(runs), 2_000);
  held.socket.destroy();
});

test("a worker that does not end is killed after the drain time, with exit 1", {
  skip,
}, async () => {
  await using database = await freshDatabase();
  await using lyftr = await serveWorkers(database.url, { env: { DRAIN_TIMEOUT_MS: "0" } });
  const [frozen = 0] = workersOf(lyftr);
  process.kill(frozen, "SIGSTOP");
  lyftr.child.kill("SIGTERM");
  const line = await lyftr.line(({ msg }) => msg === "worker does not end, killing it");
  equal(line.pid, frozen);
  equal(await lyftr.ended, 1);
  equal(runs(frozen), false);
});

test("when the supervisor is killed, the port closes and the workers answer their requests, then end", {
  skip,
}, async () => {
  await using database = await freshDatabase();
  await using lyftr = await serveWorkers(database.url);
  const held = await halfSent(lyftr.url, body({ message_id: "held" }));
  equal((await fetch(`${lyftr.url}/health/live`)).status, 200);
  const workers = workersOf(lyftr);
  equal(workers.length, 2);
  lyftr.child.kill("SIGKILL");
  await until("the port is closed", async () => !(await listens(lyftr.url)), 2_000);
  match(await held.finish(), /^HTTP\/1\.1 200 OK/);
  await until("no worker is left", () => !workers.some(runs), 5_000);
});

test("a worker that no longer answers does not delay the metrics, and its counts stay in them", {
  skip,
}, async () => {
  await using database = await freshDatabase();
  await using lyftr = await serveWorkers(database.url);
  for (let n = 0; n < 10; n++)
    equal((await post(lyftr.url, body({ message_id: `m${n}` }), ALONE)).status, 200);
  equal((await samplesOf(lyftr.url)).get(CREATED), 10);
  const [frozen = 0] = workersOf(lyftr);
  process.kill(frozen, "SIGSTOP");
  try {
    // One connection is given to the frozen one, and waits there.
    const ask = async () => {
      const signal = AbortSignal.timeout(3_000);
      return (await fetch(`${lyftr.url}/metrics`, { headers: ALONE, signal })).text();
    };
    const answers = await Promise.allSettled([ask(), ask(), ask()]);
    const texts = answers.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    ok(texts.length >= 2, `${texts.length} answers`);
    for (const text of texts) equal(series(text).get(CREATED), 10);
  } finally {
    process.kill(frozen, "SIGCONT");
  }
  await until("both are well", async () => (await samplesOf(lyftr.url)).get("workers_alive") === 2);
});

test("while the database hangs the metrics show the queue, at once", { skip }, async () => {
  await using database = await freshDatabase();
  await using network = await TcpProxy.to(database.url);
  await using lyftr = await serveWorkers(network.through(database.url));
  equal((await post(lyftr.url, body(), ALONE)).status, 200);
  network.set("blackHole");
  const waiting: Promise<number>[] = [];
  const queuedRows = async () => {
    // The first batch is under way; later messages wait.
    waiting.push(
      post(lyftr.url, body({ message_id: `m${waiting.length}` }), ALONE).then(
        ({ status }) => status,
      ),
    );
    const startMs = performance.now();
    const queued = (await samplesOf(lyftr.url)).get("commit_queue_rows") ?? 0;
    ok(performance.now() - startMs < 1_500, "a scrape took longer than the size may take");
    return queued;
  };
  await until("messages wait", async () => (await queuedRows()) >= 2);
  network.set("reset");
  for (const status of await Promise.all(waiting)) equal(status, 503);
});

test("lines without a reader are dropped and counted, and stop nothing", { skip }, async () => {
  await using database = await freshDatabase();
  const port = 20_000 + (process.pid % 20_000);
  const full = openSync("/dev/full", "w");
  const bin = fileURLToPath(new URL("../../bin/lyftr.js", import.meta.url));
  const settings = {
    DATABASE_URL: database.url,
    WEBHOOK_SECRET: SECRET,
    HOST: "127.0.0.1",
    PORT: String(port),
  };
  const env = { ...INHERITED, ...settings };
  const child = spawn(process.execPath, [bin, "serve", "--workers", "2"], {
    cwd: folder(),
    env,
    stdio: ["ignore", full, "ignore"],
  });
  closeSync(full);
  const ended = once(child, "exit");
  try {
    const url = `http://127.0.0.1:${port}`;
    await until(
      "it is ready",
      async () => (await fetch(`${url}/health/ready`).catch(() => undefined))?.status === 200,
    );
    for (let n = 0; n < 20; n++)
      equal((await post(url, body({ message_id: `m${n}` }), ALONE)).status, 200);
    await until(
      "at least one a message is counted",
      async () => ((await samplesOf(url)).get("log_lines_dropped_total") ?? 0) > 20,
    );
  } finally {
    child.kill("SIGTERM");
    deepEqual(await ended, [0, null]);
  }
});

test("a closed standard output does not stop the workers", { skip }, async () => {
  await using database = await freshDatabase();
  await using lyftr = await serveWorkers(database.url);
  lyftr.child.stdout?.destroy();
  for (let n = 0; n < 20; n++)
    equal((await post(lyftr.url, body({ message_id: `m${n}` }), ALONE)).status, 200);
  lyftr.child.kill("SIGTERM");
  equal(await lyftr.ended, 0);
});

test("an unusable database is reported once, and nothing is restarted", { skip }, async () => {
  const env = {
    DATABASE_URL: "postgres://127.0.0.1:1/none",
    PORT: "0",
    HOST: "127.0.0.1",
    WORKERS: "3",
  };
  await using lyftr = runLyftr(["serve"], { cwd: folder(), env });
  equal(await lyftr.ended, 2);
  match(
    lyftr.stderr(),
    /^The configuration is wrong:\n {2}- DATABASE_URL names a server that does not answer[^\n]+\n$/,
  );
  equal(
    logLines(lyftr.stdout()).some(({ msg }) => /listening|worker/.test(String(msg))),
    false,
  );
});

test("a taken port is explained once, with exit 1", { skip }, async () => {
  await using database = await freshDatabase();
  await using first = await serveWorkers(database.url);
  const { port } = new URL(first.url);
  const env = { DATABASE_URL: database.url, PORT: port, HOST: "127.0.0.1", WORKERS: "2" };
  await using second = runLyftr(["serve"], { cwd: folder(), env });
  equal(await second.ended, 1);
  match(second.stderr(), /^Port \d+ is taken[^\n]+\n$/);
});

test("when all workers have died at once, the same free port is served again", {
  skip,
  timeout: 60_000,
}, async () => {
  await using database = await freshDatabase();
  await using lyftr = await serveWorkers(database.url);
  for (const pid of workersOf(lyftr)) process.kill(pid, "SIGKILL");
  await lyftr.line(({ msg, worker }) => msg === "worker started again" && worker === 1);
  await lyftr.line(({ msg, worker }) => msg === "worker started again" && worker === 2);
  for (let n = 0; n < 4; n++)
    equal((await fetch(`${lyftr.url}/health/ready`, { headers: ALONE })).status, 200);
});

test("with SQLite one process serves, and says why", async () => {
  await using lyftr = await serve({ cwd: folder(), env: { WORKERS: "2" } });
  const line = await lyftr.line(({ level }) => level === "WARNING");
  match(String(line.msg), /one process serves.*SQLite has one writer.*PostgreSQL/);
  equal(workersOf(lyftr).length, 0);
  equal((await post(lyftr.url, body())).status, 200);
  equal((await samplesOf(lyftr.url)).get("workers_alive"), 1);
});

test("a wrong number of workers is reported in one clear line, with exit 2", async () => {
  await using variable = runLyftr(["serve"], { cwd: folder(), env: { WORKERS: "many" } });
  equal(await variable.ended, 2);
  equal(
    variable
      .stderr()
      .split("\n")
      .filter((line) => line.includes("WORKERS must be a whole number from 1 to 64 or auto"))
      .length,
    1,
  );
  await using option = runLyftr(["serve", "--workers", "65"], { cwd: folder() });
  equal(await option.ended, 2);
  match(
    option.stderr(),
    /^error: option '--workers <n>' argument '65' is invalid. It must be a whole number from 1 to 64 or auto/,
  );
  deepEqual([variable.stdout(), option.stdout()], ["", ""]);
});
