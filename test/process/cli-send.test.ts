import { deepEqual, equal, match, ok } from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { Authority } from "../support/certificate.ts";
import { hasStackTrace, run, temporaryFolder } from "../support/cli.ts";
import { listMessages, storedTotal } from "../support/client.ts";
import { body, SECRET, startService } from "../support/service.ts";
import { unlessTool } from "../support/tools.ts";

const env = { WEBHOOK_SECRET: SECRET };
const ONE = ["--from", "+919876543210", "--to", "+14155550100"];

/**
 * A server that answers with these statuses in turn and then always with the last one, and the
 * bodies that it got.
 */
async function answering(
  ...statuses: number[]
): Promise<AsyncDisposable & { readonly url: string; readonly bodies: string[] }> {
  const bodies: string[] = [];
  const server: Server = createServer((request, response) => {
    let received = "";
    request.setEncoding("utf8").on("data", (text: string) => (received += text));
    request.on("end", () => {
      const status = statuses[Math.min(bodies.length, statuses.length - 1)] ?? 200;
      bodies.push(received);
      response.writeHead(status).end("{}");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const dispose = async () => {
    server.closeAllConnections();
    server.close();
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    bodies,
    [Symbol.asyncDispose]: dispose,
  };
}

test("one message is signed, sent and stored with the given fields", async () => {
  using folder = temporaryFolder();
  await using service = await startService();
  const fields = ["--id", "m1", "--ts", "2025-01-15T10:00:00Z", "--text", "Grüße 👋"];
  const { code, stdout } = await run(["send", "--url", service.url, ...ONE, ...fields], {
    cwd: folder.path,
    env,
  });
  match(
    stdout,
    /^accepted 1\nrefused {2}0\nfailed {3}0\n1 message in [0-9.]+ s, [0-9]+\/s, p50 [0-9.]+ ms, p99 [0-9.]+ ms\n$/,
  );
  equal(code, 0);
  const stored = (await listMessages(service)).data.map(({ message_id, from, to, ts, text }) => [
    message_id,
    from,
    to,
    ts,
    text,
  ]);
  deepEqual(stored, [["m1", "+919876543210", "+14155550100", "2025-01-15T10:00:00Z", "Grüße 👋"]]);
});

test("a refused message is explained, and the exit code is 1", async () => {
  using folder = temporaryFolder();
  await using service = await startService();
  const send = (...args: string[]) =>
    run(["send", "--url", service.url, ...args], { cwd: folder.path, env });
  const [wrongField, wrongSecret] = await Promise.all([
    send("--from", "12", "--to", "+1"),
    run(["send", "--url", service.url, ...ONE], {
      cwd: folder.path,
      env: { WEBHOOK_SECRET: "another" },
    }),
  ]);
  match(wrongField.stderr, /message 1: 422 from: .*must be \+ followed by/);
  match(wrongField.stdout, /refused {2}1 \(422: 1\)/);
  match(wrongSecret.stderr, /401 means that this secret is not a secret of the service/);
  deepEqual([wrongField.code, wrongSecret.code], [1, 1]);
});

test("the lines of a file are sent unchanged; each bad one is reported by its number", async () => {
  using folder = temporaryFolder();
  await using service = await startService();
  writeFileSync(folder.file("secret.txt"), `${SECRET}\n`);
  const lines = [
    `\ufeff${body({ message_id: "a" })}`,
    "",
    "nonsense",
    `${body({ message_id: "b" })}\r`,
    "x".repeat(1_100_000),
    body({ message_id: "c" }),
  ];
  writeFileSync(folder.file("in.ndjson"), lines.join("\n"));
  const args = ["send", "--url", service.url, "--file", "in.ndjson", "--secret-file", "secret.txt"];
  const { code, stdout, stderr } = await run(args, { cwd: folder.path });
  match(
    stdout,
    /^accepted 3\nrefused {2}1 \(422: 1\)\nfailed {3}0\nnot sent 1 \(too long for a message\)\n/,
  );
  match(stderr, /^line 3: 422 JSON decode error$/m);
  match(stderr, /^line 5: longer than 1048576 bytes$/m);
  equal(code, 1);
  const stored = (await listMessages(service)).data.map(({ message_id }) => message_id);
  deepEqual(stored, ["a", "b", "c"]);
});

test("standard input is sent line by line, and thousands of bad lines make few error lines", async () => {
  using folder = temporaryFolder();
  await using service = await startService();
  const input = `${body()}\n${"[]\n".repeat(1_000)}`;
  const { code, stdout, stderr } = await run(["send", "--url", service.url, "--file", "-"], {
    cwd: folder.path,
    env,
    input,
  });
  match(stdout, /^accepted 1\nrefused {2}1000 \(422: 1000\)\n/);
  ok(stderr.split("\n").length < 15, stderr);
  equal(code, 1);
});

test("generated messages are all accepted, and a second run makes other ones", async () => {
  using folder = temporaryFolder();
  await using service = await startService();
  const send = () =>
    run(["send", "--count", "300", "--concurrency", "64"], {
      cwd: folder.path,
      env: { ...env, PORT: String(service.port) },
    });
  const results = await Promise.all([send(), send()]);
  for (const { stdout } of results) match(stdout, /^accepted 300\n/);
  equal(await storedTotal(service), 600);
});

test("a service that is down is tried a few times, then the command says what to do and gives up", async () => {
  using folder = temporaryFolder();
  const { code, stdout, stderr } = await run(
    ["send", "--url", "http://127.0.0.1:9", "--count", "100000"],
    {
      cwd: folder.path,
      env,
    },
  );
  equal(code, 1);
  match(stdout, /^accepted 0\nrefused {2}0\nfailed {3}[0-9]{1,2}\n/);
  match(stderr, /message [0-9]+: nothing listens at http:\/\/127\.0\.0\.1:9\n/);
  match(stderr, /Is the service running \(lyftr serve\)/);
  match(stderr, /Stopped early/);
  ok(!hasStackTrace(stderr), stderr);
});

test("a message is sent again after a 503 and a 500, the same bytes each time", async () => {
  using folder = temporaryFolder();
  await using server = await answering(503, 500, 200);
  const { code, stdout } = await run(["send", "--url", server.url, ...ONE], {
    cwd: folder.path,
    env,
  });
  match(stdout, /^accepted 1\n/);
  equal(code, 0);
  equal(server.bodies.length, 3);
  equal(new Set(server.bodies).size, 1);
});

test("a message that always gets 500 counts as failed after five attempts, one that gets 404 is not sent again", async () => {
  using folder = temporaryFolder();
  await using broken = await answering(500);
  await using absent = await answering(404);
  const send = (url: string) => run(["send", "--url", url, ...ONE], { cwd: folder.path, env });
  const [failed, refused] = await Promise.all([send(broken.url), send(absent.url)]);
  match(failed.stdout, /failed {3}1\n/);
  match(refused.stdout, /refused {2}1 \(404: 1\)\n/);
  deepEqual([broken.bodies.length, absent.bodies.length], [5, 1]);
  deepEqual([failed.code, refused.code], [1, 1]);
});

test("a certificate that is not accepted is reported as such", {
  skip: unlessTool("openssl"),
}, async () => {
  using folder = temporaryFolder();
  const authority = new Authority(folder.path);
  writeFileSync(folder.file("trusted.pem"), authority.certificate);
  const trusted = { NODE_EXTRA_CA_CERTS: folder.file("trusted.pem") };
  for (const [certificate, more, said] of [
    [authority.certify(), {}, /signed by an authority that this machine does not know/],
    [
      authority.certify({ days: -1 }),
      trusted,
      /the certificate of https:\/\/127\.0\.0\.1:[0-9]+ has expired/,
    ],
    [authority.certify({ name: "DNS:elsewhere.example" }), trusted, /is for another name/],
  ] as const) {
    const server = createTlsServer(certificate, (_request, response) => response.end("{}")).listen(
      0,
      "127.0.0.1",
    );
    await once(server, "listening");
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const options = { cwd: folder.path, env: { ...env, ...more } };
    const sent = await run(["send", ...ONE, "--url", url], options);
    const asked = await run(["healthcheck", "--url", url], options);
    server.close();
    for (const { code, stderr } of [sent, asked]) {
      equal(code, 1);
      match(stderr, said);
    }
    match(sent.stderr, /The certificate is not accepted\. .*NODE_EXTRA_CA_CERTS=/);
    equal(sent.stderr.includes("Is the service running"), false);
  }
});
