import { deepEqual, doesNotMatch, equal, match, ok } from "node:assert/strict";
import { once } from "node:events";
import { readFileSync, symlinkSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { sealedCookie, UI } from "../support/browser-session.ts";
import { SELF_SIGNED } from "../support/certificate.ts";
import { macOf } from "../support/client.ts";
import { blocksOf, documentText, Terminal } from "../support/document-blocks.ts";
import { HIDDEN_PATHS, PATHS_WITH_NUMBERS, ROUTES_LOGGED } from "../support/proxied-paths.ts";
import { freePort, ServerFolder } from "../support/server-folder.ts";
import { body, startService } from "../support/service.ts";
import { unlessTool } from "../support/tools.ts";

const ADMIN = "an-admin-key-of-the-tests-0123456789-abcdef";
const START_MS_MAX = 10_000;
const skip = unlessTool("haproxy") || unlessTool("openssl");
const SHIPPED = readFileSync(new URL("../../deploy/haproxy.cfg", import.meta.url), "utf8");

/**
 * HAProxy with deploy/haproxy.cfg in front of a service, with its TLS enabled and without Docker's
 * name server.
 */
async function startHaproxy(servicePort: number, { guarded = false } = {}) {
  const folder = new ServerFolder("haproxy");
  const port = await freePort();
  const pem = join(folder.path, "lyftr.pem");
  const certificate = [
    "-subj",
    "/CN=localhost",
    "-addext",
    "subjectAltName=IP:127.0.0.1",
    "-keyout",
    pem,
    "-out",
    pem,
  ];
  await folder.run("openssl", [...SELF_SIGNED, ...certificate]);
  const settings = SHIPPED.replace(/^resolvers docker\n(?: .*\n)+/m, "")
    .replace(" resolvers docker init-addr none", "")
    .replace(/^ +server replica-[0-9] .*\n/gm, "")
    // Every request is logged, not only failed ones.
    .replace("  option dontlog-normal\n", "")
    .replace("  bind :8000\n", "")
    .replace(
      "  # bind :443 ssl crt /usr/local/etc/haproxy/lyftr.pem",
      `  bind 127.0.0.1:${port} ssl crt ${pem}`,
    )
    .replace("  # http-response", "  http-response")
    .replace(/^ {2}# (?=acl from_inside|.*!from_inside)/gm, guarded ? "  " : "  # ")
    // The other addresses of the loopback network are those of clients elsewhere.
    .replace("src 127.0.0.0/8", "src 127.0.0.1/32")
    .concat(`  server one 127.0.0.1:${servicePort} check\n`);
  const child = folder.spawn("haproxy", ["-db", "-f", folder.write("haproxy.cfg", settings)]);
  const ca = readFileSync(pem);
  const ask = async (
    path: string,
    headers: Readonly<Record<string, string>> = {},
    payload?: string,
    localAddress = "127.0.0.2",
  ) => {
    const options = { method: payload === undefined ? "GET" : "POST", headers, ca, agent: false };
    // fetch would normalize the URL.
    const target = { host: "127.0.0.1", port, path, localAddress };
    const sent = request({ ...options, ...target });
    sent.end(payload);
    const [answer] = await once(sent, "response");
    return {
      status: answer.statusCode as number,
      headers: answer.headers,
      body: await text(answer),
    };
  };
  const deadline = performance.now() + START_MS_MAX;
  while (
    (await ask("/health/ready").then(
      ({ status }) => status,
      () => 0,
    )) !== 200
  ) {
    ok(
      child.exitCode === null && performance.now() < deadline,
      `HAProxy does not start:\n${folder.log()}`,
    );
    await setTimeout(20);
  }
  return {
    ask,
    log: () => folder.log(),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

test("HAProxy hides the metrics however their path is spelt, and lets everything else through", {
  skip,
}, async () => {
  await using service = await startService({ TRUST_PROXY: "127.0.0.1/32" });
  await using haproxy = await startHaproxy(service.port);
  const asked = service.lines.filter(({ path }) => !String(path).startsWith("/health")).length;
  for (const path of HIDDEN_PATHS) {
    const answer = await haproxy.ask(path);
    ok([400, 404].includes(answer.status), `${path} ${answer.status}`);
    ok(!answer.body.includes("# TYPE"), path);
  }
  equal(
    service.lines.filter(({ path }) => !String(path).startsWith("/health")).length,
    asked,
    "the service was asked",
  );
  for (const path of [
    "/stats",
    "/messages/",
    "/docs/",
    "/senders?q=metrics",
    "/messages?q=/metrics",
  ])
    equal((await haproxy.ask(path)).status, 200, path);
  // An id that looks like the path is an id.
  match((await haproxy.ask("/messages/metrics")).body, /^{"/);
});

test("no line of HAProxy's log contains a path or a query string that may have a phone number", {
  skip,
}, async () => {
  await using service = await startService({ TRUST_PROXY: "127.0.0.1/32" });
  await using haproxy = await startHaproxy(service.port);
  for (const path of PATHS_WITH_NUMBERS) await haproxy.ask(path);
  const logged = () =>
    haproxy
      .log()
      .match(/ GET \S+$/gm)
      ?.map((end) => end.slice(5)) ?? [];
  const deadline = performance.now() + START_MS_MAX;
  while (
    logged().filter((route) => !route.startsWith("/health")).length < PATHS_WITH_NUMBERS.length
  ) {
    ok(performance.now() < deadline, haproxy.log());
    await setTimeout(20);
  }
  doesNotMatch(haproxy.log(), /9198|98765|%3[0-9]/);
  for (const route of logged()) ok(ROUTES_LOGGED.includes(route), route);
});

test("behind HAProxy with TLS a signature is valid, a client has its own address, and the metrics are protected", {
  skip,
}, async () => {
  await using service = await startService({
    TRUST_PROXY: "127.0.0.1/32",
    RATE_LIMIT_PER_IP: "3/1h",
  });
  await using haproxy = await startHaproxy(service.port);
  const payload = body({ text: "Grüße 👋" });
  const stored = await haproxy.ask("/webhook/", { "x-signature": macOf(payload) }, payload);
  deepEqual([stored.status, stored.body], [200, '{"status":"ok"}']);
  equal(stored.headers["strict-transport-security"], "max-age=31536000");
  const seen: number[] = [];
  for (const spoofed of ["10.1.1.1", "10.1.1.2", "127.0.0.1"])
    seen.push((await haproxy.ask("/stats", { "x-forwarded-for": spoofed })).status);
  // The webhook was the first of three.
  deepEqual(seen, [200, 200, 429]);
});

test("with two lines uncommented, HAProxy keeps the dashboard and administration to inner networks", {
  skip,
}, async () => {
  await using service = await startService({ TRUST_PROXY: "127.0.0.1/32" });
  await using haproxy = await startHaproxy(service.port, { guarded: true });
  const status = async (path: string, address: string) =>
    (await haproxy.ask(path, { accept: "text/html" }, undefined, address)).status;
  for (const path of ["/", "/ui", "/favicon.ico", "/docs", "/openapi.json", "/session", "/keys"]) {
    equal(await status(path, "127.0.0.2"), 404, path);
    ok([200, 303, 308, 401].includes(await status(path, "127.0.0.1")), path);
  }
  for (const path of ["//keys", "/%6beys", "/messages/../keys", "/messages/%2e%2e/keys", "/uix"])
    equal(await status(path, "127.0.0.2"), 404, path);
  for (const path of ["/messages", "/messages/export", "/stats", "/senders/", "/health/live"])
    equal(await status(path, "127.0.0.2"), 200, path);
  equal(await status("/webhook", "127.0.0.2"), 405);
});

test("behind HAProxy with TLS a person's cookie has the name that only HTTPS can set", {
  skip,
}, async () => {
  await using service = await startService({ TRUST_PROXY: "127.0.0.1/32", ADMIN_API_KEY: ADMIN });
  await using haproxy = await startHaproxy(service.port);
  const payload = JSON.stringify({ key: ADMIN });
  const { status, headers } = await haproxy.ask("/session", UI, payload);
  equal(status, 200);
  const [set = ""] = headers["set-cookie"] ?? [];
  match(set, /^__Host-lyftr_[0-9a-f]{8}=.+; Secure$/);
  const cookie = set.slice(0, set.indexOf(";"));
  equal((await haproxy.ask("/keys", { cookie })).status, 200);
  const spoofed = { cookie: sealedCookie(ADMIN), "x-forwarded-proto": "http" };
  equal((await haproxy.ask("/keys", spoofed)).status, 401);
});

test("docs/operations/workers-and-replicas.md makes a valid configuration without containers", {
  skip,
}, async () => {
  await using folder = new ServerFolder("haproxy");
  symlinkSync(fileURLToPath(new URL("../../deploy", import.meta.url)), join(folder.path, "deploy"));
  const blocks = blocksOf(documentText("docs/operations/workers-and-replicas.md"));
  const block = blocks.find(({ text: commands }) => commands.includes("haproxy -c"));
  ok(block);
  await using terminal = new Terminal({ folder: folder.path, home: folder.path, port: 0 });
  await terminal.run(block);
  const settings = readFileSync(join(folder.path, "haproxy.cfg"), "utf8");
  const servers = [...settings.matchAll(/^ +server (.+)$/gm)].map(([, server]) => server);
  deepEqual(servers, [
    "replica-1 127.0.0.1:8001",
    "replica-2 127.0.0.1:8002",
    "replica-3 127.0.0.1:8003",
  ]);
  doesNotMatch(settings, /resolvers/);
});
