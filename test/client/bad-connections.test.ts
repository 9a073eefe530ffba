import { deepEqual, equal, match, ok } from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { LyftrClient, LyftrError } from "../../client/client.ts";
import { badServer, badTlsServer, voidServer } from "../support/bad-server.ts";
import { Authority } from "../support/certificate.ts";
import { temporaryFolder } from "../support/cli.ts";
import { unlessTool } from "../support/tools.ts";

// What can go wrong before a connection is established, and what the program gets.

const CLIENT = fileURLToPath(new URL("../../client/client.ts", import.meta.url));
const MESSAGE = { message_id: "m1", from: "+1", to: "+2", ts: "2025-01-15T10:00:00Z" };
const OK =
  'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 15\r\n\r\n{"status":"ok"}';
const DEADLINE_MS = 1_500;
/** What a busy machine may add. */
const LATE_MS_MAX = 2_500;
/** Node gives a connection attempt 10 seconds and cannot end it sooner; see docs/adr/0021. */
const ATTEMPT_MS_MAX = 10_000;

const skip = unlessTool("openssl");
const folder = temporaryFolder();
let authority: Authority;
before(() => {
  if (!skip) authority = new Authority(folder.path);
});
after(() => folder[Symbol.dispose]());

interface Told {
  readonly kind: string;
  readonly code?: string;
  readonly attempts: number;
  readonly tookMs: number;
  /** What the platform still has under way after the error. */
  readonly left: readonly string[];
}

/**
 * A program that sends one message and has nothing else to do: the result of its call, and how long
 * it lived on.
 */
async function program(
  url: string,
  env: Readonly<Record<string, string>> = {},
  fetch: "undefined" | "nodeFetch()" = "undefined",
): Promise<Told & { restMs: number }> {
  const source = `
    import { LyftrClient, nodeFetch } from ${JSON.stringify(CLIENT)};
    const fetch = ${fetch};
    process.on("unhandledRejection", () => process.exit(9));
    const startMs = performance.now();
    const client = new LyftrClient({ url: ${JSON.stringify(url)}, secret: "testsecret", deadlineMs: ${DEADLINE_MS}, attemptMs: 600, fetch });
    const { kind = "ok", code, attempts } = await client.send(${JSON.stringify(MESSAGE)}).catch((error) => error);
    const tookMs = performance.now() - startMs;
    await new Promise(setImmediate);
    const left = process.getActiveResourcesInfo();
    process.stdout.write(JSON.stringify({ kind, code, attempts, tookMs, left }));`;
  const args = ["--input-type=module", "-e", source];
  const child = spawn(process.execPath, args, {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, ...env },
  });
  const told = once(child.stdout, "data").then(() => performance.now());
  const ended = once(child, "close").then(([code]) => ({ code, atMs: performance.now() }));
  const [said, toldMs, { code, atMs }] = await Promise.all([text(child.stdout), told, ended]);
  equal(code, 0, said);
  return { ...(JSON.parse(said) as Told), restMs: atMs - toldMs };
}

/** The environment of a program that trusts the authority of this test. */
function trusting(): Readonly<Record<string, string>> {
  const file = folder.file("trusted.pem");
  writeFileSync(file, authority.certificate);
  return { NODE_EXTRA_CA_CERTS: file };
}

test("a certificate of a trusted authority is accepted, so the refusals below have their own reasons", {
  skip,
}, async () => {
  await using server = await badTlsServer(authority.certify(), (socket) => void socket.write(OK));
  equal((await program(server.url, trusting())).kind, "ok");
  equal((await program(server.url, trusting(), "nodeFetch()")).kind, "ok");
});

for (const [name, asked, code, trusted] of [
  ["that has ended", { days: -1 }, "CERT_HAS_EXPIRED", true],
  ["for another name", { name: "DNS:other.example" }, "ERR_TLS_CERT_ALTNAME_INVALID", true],
  ["of an unknown authority", {}, "UNABLE_TO_VERIFY_LEAF_SIGNATURE", false],
] as const) {
  test(`a certificate ${name}: a typed error at once, no second attempt, nothing sent, nothing left`, {
    skip,
  }, async () => {
    await using server = await badTlsServer(
      authority.certify(asked),
      (socket) => void socket.write(OK),
    );
    for (const fetch of ["undefined", "nodeFetch()"] as const) {
      const told = await program(server.url, trusted ? trusting() : {}, fetch);
      deepEqual([told.kind, told.code, told.attempts], ["certificate", code, 1], fetch);
      ok(told.tookMs < DEADLINE_MS, `${told.tookMs} ms`);
      ok(told.restMs < LATE_MS_MAX, `${told.restMs} ms`);
    }
    equal(server.requests(), 0);
  });
}

test("a server that accepts a connection but never continues TLS: a typed error before the deadline", async () => {
  await using server = await badServer(() => undefined);
  const client = new LyftrClient({
    url: server.url.replace("http:", "https:"),
    secret: "x",
    deadlineMs: 500,
  });
  const startMs = performance.now();
  const error = await client.send(MESSAGE).catch((thrown: unknown) => thrown);
  ok(error instanceof LyftrError);
  equal(error.kind, "timeout");
  ok(performance.now() - startMs < 500 + LATE_MS_MAX);
});

test("HTTP where TLS was expected is a typed error at once", async () => {
  await using server = await badServer(
    (socket) => void socket.write("HTTP/1.1 400 Bad Request\r\n\r\n"),
  );
  const told = await program(server.url.replace("http:", "https:"));
  deepEqual([told.kind, told.attempts], ["protocol", 1]);
});

test("a port that neither accepts nor refuses connections: a typed error before the deadline, and the program ends by itself", {
  skip: unlessTool("python3"),
}, async () => {
  await using server = await voidServer();
  const told = await program(server.url);
  equal(told.kind, "timeout");
  ok(told.attempts > 1);
  ok(told.tookMs < DEADLINE_MS + LATE_MS_MAX, `${told.tookMs} ms`);
  ok(!told.left.includes("Timeout"), told.left.join());
  ok(told.restMs < ATTEMPT_MS_MAX + LATE_MS_MAX, `${told.restMs} ms`);
});

test("nodeFetch ends a connection attempt at its deadline, and the program ends too", {
  skip: unlessTool("python3"),
}, async () => {
  await using server = await voidServer();
  const told = await program(server.url, {}, "nodeFetch()");
  equal(told.kind, "timeout");
  ok(told.attempts > 1);
  ok(told.restMs < LATE_MS_MAX, `${told.restMs} ms`);
});

test("a failed call leaves no timer and no socket, whatever the failure", async () => {
  const answers: readonly (string | undefined)[] = [
    "garbage\r\n\r\n",
    undefined,
    OK.slice(0, -4),
    OK.replace("200 OK", "503 Away"),
  ];
  for (const answer of answers) {
    await using server = await badServer(
      (socket) => void (answer === undefined || socket.write(answer)),
    );
    const told = await program(server.url);
    match(told.kind, /^(protocol|timeout|network|unavailable)$/);
    deepEqual(
      told.left.filter((one) => one === "Timeout"),
      [],
      `${answer}`,
    );
    ok(told.restMs < LATE_MS_MAX, `${answer}: ${told.restMs} ms`);
  }
});

test("a port without a listener leaves nothing either", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { readonly port: number };
  server.close();
  const told = await program(`http://127.0.0.1:${port}`);
  deepEqual([told.kind, told.code], ["network", "ECONNREFUSED"]);
  ok(!told.left.includes("Timeout"), told.left.join());
  ok(told.restMs < LATE_MS_MAX, `${told.restMs} ms`);
});
