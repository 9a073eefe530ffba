import { deepEqual, doesNotMatch, equal, match, ok } from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { request } from "node:https";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { connect } from "node:tls";
import { VARIABLES } from "../../src/config.ts";
import { sealedCookie, UI } from "../support/browser-session.ts";
import { temporaryFolder } from "../support/cli.ts";
import { macOf, scrape, storedTotal } from "../support/client.ts";
import { documentText } from "../support/document-blocks.ts";
import { Ledger } from "../support/ledger.ts";
import { Load } from "../support/load.ts";
import { INSIDE, type Nginx, startNginx } from "../support/nginx.ts";
import { freshDatabase, unlessPostgres } from "../support/postgres.ts";
import { serve } from "../support/process.ts";
import { HIDDEN_PATHS, PATHS_WITH_NUMBERS, ROUTES_LOGGED } from "../support/proxied-paths.ts";
import { provesClean } from "../support/recovery.ts";
import { freePorts } from "../support/server-folder.ts";
import { body, post, startService } from "../support/service.ts";
import { unlessTool } from "../support/tools.ts";

const skip = unlessTool("nginx") || unlessTool("openssl");
/**
 * As deploy/nginx.conf intends: nginx comes from this address, and clients in these tests come from
 * others.
 */
const BEHIND = { TRUST_PROXY: "127.0.0.1/32" };
const ADMIN = "an-admin-key-of-the-tests-0123456789-abcdef";
const EXPORTED = 6_000;
const LOGGED_MS_MAX = 10_000;
const TEXT = "x".repeat(4_000);

/** A request from an address of the loopback network that is not a proxy's. */
async function from(
  address: string,
  url: string,
  headers: Readonly<Record<string, string>>,
  payload?: string,
) {
  const method = payload === undefined ? "GET" : "POST";
  const sent = request(url, { method, headers, localAddress: address, agent: false });
  sent.end(payload);
  const [answer] = await once(sent, "response");
  return { status: answer.statusCode as number, body: await text(answer) };
}

/** A request with an unchanged path; fetch would normalize it. */
async function rawly(
  { port }: Nginx,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly status: number; readonly body: string }> {
  const sent = request({ host: "127.0.0.1", port, path, headers, agent: false }).end();
  const [answer] = await once(sent, "response");
  return { status: answer.statusCode as number, body: await text(answer) };
}

interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly payload?: string;
  readonly localAddress?: string;
}

/** A request to the host for people. */
async function inside({ port }: Nginx, path: string, asked: Asked = {}) {
  const { method = "GET", headers = {}, payload, localAddress = "127.0.0.1" } = asked;
  const sent = request({
    host: "127.0.0.1",
    port,
    path,
    method,
    headers: { host: INSIDE, ...headers },
    localAddress,
    agent: false,
  });
  sent.end(payload);
  const [answer] = await once(sent, "response");
  return {
    status: answer.statusCode as number,
    location: answer.headers.location as string | undefined,
    cookies: (answer.headers["set-cookie"] ?? []) as readonly string[],
    body: await text(answer),
  };
}

test("behind nginx a signature covers the same bytes, and answers require TLS", {
  skip,
}, async () => {
  await using service = await startService(BEHIND);
  await using nginx = await startNginx([service.port]);
  const payload = `${body({ text: "Grüße 👋" }).replace("{", "{ \t")}\r\n`;
  const answer = await post(nginx.url, payload);
  deepEqual([answer.status, await answer.text()], [200, '{"status":"ok"}']);
  equal(answer.headers.get("strict-transport-security"), "max-age=31536000");
  equal((await post(nginx.url, `${payload} `, { "x-signature": macOf(payload) })).status, 401);
  const plain = await fetch(`http://127.0.0.1:${nginx.plainPort}/webhook`, {
    method: "POST",
    redirect: "manual",
  });
  deepEqual([plain.status, plain.headers.get("location")], [308, "https://127.0.0.1/webhook"]);
  equal(await storedTotal(service), 1);
});

test("the address of a client is the one of its connection, whatever it claims", {
  skip,
}, async () => {
  await using service = await startService({ ...BEHIND, RATE_LIMIT_PER_IP: "3/1h" });
  await using nginx = await startNginx([service.port]);
  const seen: number[] = [];
  for (const spoofed of ["10.1.1.1", "10.1.1.2, 10.1.1.3", "unknown", "127.0.0.1"])
    seen.push(
      (await from("127.0.0.2", `${nginx.url}/stats`, { "x-forwarded-for": spoofed })).status,
    );
  deepEqual(seen, [200, 200, 200, 429]);
  equal(
    (await from("127.0.0.3", `${nginx.url}/stats`, { "x-forwarded-for": "127.0.0.2" })).status,
    200,
  );
});

test("a body of the largest size passes, one more byte is refused by the service, and much more by nginx in the same words", {
  skip,
}, async () => {
  await using service = await startService(BEHIND);
  await using nginx = await startNginx([service.port]);
  const most = Number(VARIABLES.bodyBytesMax.fallback);
  const padded = (bytes: number) => body().padEnd(bytes);
  const refused = '{"detail":"payload too large"}';
  for (const [bytes, status, said] of [
    [most, 200, '{"status":"ok"}'],
    [most + 1, 413, refused],
    [most * 2, 413, refused],
  ] as const) {
    const payload = padded(bytes);
    const headers = { "x-signature": macOf(payload), "content-length": String(bytes) };
    deepEqual(
      await from("127.0.0.2", `${nginx.url}/webhook`, headers, payload),
      { status, body: said },
      `${bytes}`,
    );
  }
  doesNotMatch(nginx.complaints(), /temporary file/);
});

test("the Link header of the longest search passes", { skip }, async () => {
  await using service = await startService(BEHIND);
  await using nginx = await startNginx([service.port]);
  const emoji = "\u{1f600}".repeat(256);
  for (const last of ["1", "2"])
    await post(service.url, body({ message_id: `${"x".repeat(1_023)}${last}`, text: emoji }));
  const page = await fetch(`${nginx.url}/messages?limit=1&q=${encodeURIComponent(emoji)}`);
  equal(page.status, 200);
  ok((page.headers.get("link") ?? "").length > 4_096);
});

test("nginx lets no more through than clients need", { skip }, async () => {
  await using service = await startService(BEHIND);
  await using nginx = await startNginx([service.port]);
  const answers = async (path: string) => (await fetch(`${nginx.url}${path}`)).status;
  for (const path of [
    "/messages",
    "/messages/export",
    "/stats",
    "/stats/timeline",
    "/senders",
    "/health/live",
  ])
    for (const spelt of [path, `${path}/`, `${path}?limit=1`])
      equal(await answers(spelt), 200, spelt);
  const payload = body();
  const headers = { "x-signature": macOf(payload) };
  for (const path of ["/webhook", "/webhook/"])
    equal(
      (await fetch(nginx.url + path, { method: "POST", body: payload, headers })).status,
      200,
      path,
    );
  const asked = service.lines.length;
  for (const path of [
    "/webhook/x",
    "/docs",
    "/docs/",
    "/openapi.json",
    "/keys",
    "/audit",
    "/secrets",
    "/session",
    "/overview",
    "/settings",
    "/erasures",
    "/ui",
    "/ui/",
    "/ui/assets/x.js",
    "/favicon.ico",
    "/",
    "//keys",
    "/%6beys/1",
  ])
    deepEqual(await rawly(nginx, path), { status: 404, body: '{"detail":"Not Found"}' }, path);
  for (const path of HIDDEN_PATHS) {
    const { status, body: said } = await rawly(nginx, path);
    ok([400, 404].includes(status), `${path} ${status}`);
    doesNotMatch(said, /# TYPE/, path);
  }
  equal(service.lines.length, asked, "the service was asked");
});

test("the host for people has the dashboard and its sign-in over HTTPS, for addresses inside only", {
  skip,
}, async () => {
  await using service = await startService({ ...BEHIND, ADMIN_API_KEY: ADMIN });
  await using nginx = await startNginx([service.port]);
  const browser = { accept: "text/html" };
  const told = async (path: string, headers: Readonly<Record<string, string>> = {}) => {
    const { status, location } = await inside(nginx, path, { headers });
    return [status, location];
  };
  deepEqual(await told("/", browser), [303, "ui/"]);
  deepEqual(await told("/ui"), [308, "ui/"]);
  deepEqual(await told("/docs/", browser), [303, "../ui/#/sign-in?then=docs"]);
  deepEqual(await told("/favicon.ico"), [200, undefined]);
  deepEqual(await told("/keys"), [401, undefined]);
  const origin = `https://${INSIDE}`;
  const signedIn = await inside(nginx, "/session", {
    method: "POST",
    headers: { ...UI, origin },
    payload: JSON.stringify({ key: ADMIN }),
  });
  const [set = ""] = signedIn.cookies;
  match(set, /^__Host-lyftr_[0-9a-f]{8}=.+; Secure$/);
  const cookie = set.slice(0, set.indexOf(";"));
  deepEqual(await told("/keys", { cookie }), [200, undefined]);
  const made = { method: "POST", payload: JSON.stringify({ name: "made", scope: "read" }) };
  equal((await inside(nginx, "/keys", { ...made, headers: { cookie } })).status, 401);
  equal((await inside(nginx, "/keys", { ...made, headers: { cookie, ...UI } })).status, 201);
  // Another host of the domain could have set this one.
  deepEqual(await told("/keys", { cookie: sealedCookie(ADMIN) }), [401, undefined]);
  deepEqual(await told("/keys", { cookie: sealedCookie(ADMIN), "x-forwarded-proto": "http" }), [
    401,
    undefined,
  ]);
  const outside = await inside(nginx, "/ui", { localAddress: "127.0.0.2" });
  equal(outside.status, 403);
  const asked = service.lines.length;
  for (const path of HIDDEN_PATHS) {
    const { status, body: said } = await rawly(nginx, path, { host: INSIDE });
    ok([400, 401, 404].includes(status), `${path} ${status}`);
    doesNotMatch(said, /# TYPE/, path);
  }
  ok(!service.lines.slice(asked).some(({ path }) => path === "/metrics"));
});

test("below a path, as docs/deployment/proxies.md says, all addresses lead to the service, and ids stay as they are", {
  skip,
}, async () => {
  const document = documentText("docs/deployment/proxies.md");
  const [maps = "", locations = ""] = [...document.matchAll(/^```nginx\n(.*?)^```$/gms)].map(
    ([, block]) => block,
  );
  await using service = await startService({ ...BEHIND, ADMIN_API_KEY: ADMIN });
  await using nginx = await startNginx([service.port], { maps, inside: locations });
  const headers = { accept: "text/html" };
  const leadsTo = async (path: string) => {
    const { location = "" } = await inside(nginx, path, { headers });
    return new URL(location, `https://${INSIDE}${path}`).pathname;
  };
  equal(await leadsTo("/lyftr"), "/lyftr/");
  equal(await leadsTo("/lyftr/"), "/lyftr/ui/");
  equal(await leadsTo("/lyftr/ui"), "/lyftr/ui/");
  equal(await leadsTo("/lyftr/docs"), "/lyftr/ui/");
  equal(await leadsTo("/lyftr/docs/"), "/lyftr/ui/");
  equal((await post(service.url, body({ message_id: "a/b %c" }))).status, 200);
  const bearer = { authorization: `Bearer ${ADMIN}` };
  const found = await inside(nginx, "/lyftr/messages/a%2Fb%20%25c", { headers: bearer });
  equal(JSON.parse(found.body).message_id, "a/b %c");
  for (const path of ["/lyftr/metrics", "/lyftr/%6detrics/", "/lyftr//metrics"])
    doesNotMatch((await inside(nginx, path)).body, /# TYPE/, path);
  const { cookies } = await inside(nginx, "/lyftr/session", {
    method: "POST",
    headers: { ...UI, origin: `https://${INSIDE}` },
    payload: JSON.stringify({ key: ADMIN }),
  });
  match(cookies[0] ?? "", /; Path=\/;/);
});

test("no line of nginx's logs contains a path or a query string that may have a phone number", {
  skip,
}, async () => {
  await using service = await startService(BEHIND);
  // One that answers, and one without a listener: such errors repeat the request line.
  await using nginx = await startNginx([service.port]);
  const [deadPort = 0] = await freePorts(1);
  await using alone = await startNginx([deadPort]);
  for (const path of PATHS_WITH_NUMBERS) {
    await rawly(nginx, path);
    await rawly(nginx, path, { host: INSIDE });
    await rawly(alone, path);
    await rawly(alone, path, { host: INSIDE });
    await fetch(`http://127.0.0.1:${nginx.plainPort}${path}`, { redirect: "manual" });
  }
  const lines = () => nginx.log().trimEnd().split("\n");
  const deadline = performance.now() + LOGGED_MS_MAX;
  while (lines().length < PATHS_WITH_NUMBERS.length * 3) {
    ok(performance.now() < deadline, nginx.log());
    await setTimeout(20);
  }
  for (const written of [nginx, alone]) {
    doesNotMatch(written.log() + written.errors() + written.complaints(), /9198|98765|%3[0-9]/);
    for (const [, route = ""] of written.log().matchAll(/ (?:GET|HEAD) (\S+) [0-9]{3} /g))
      ok(ROUTES_LOGGED.includes(route), route);
  }
});

test("an export is passed on as it is sent, and its log line has no query string", {
  skip,
  timeout: 60_000,
}, async () => {
  await using service = await startService(BEHIND);
  await using nginx = await startNginx([service.port]);
  for (let n = 0; n < EXPORTED; n += 200)
    await Promise.all(
      Array.from({ length: 200 }, (_, at) =>
        post(service.url, body({ message_id: `m${n + at}`, text: TEXT })),
      ),
    );
  const stored = await storedTotal(service);
  ok(stored > EXPORTED / 2, `${stored}`);
  const exported = await fetch(`${nginx.url}/messages/export?q=x`);
  const reader = (exported.body as ReadableStream<Uint8Array>).getReader();
  let bytes = (await reader.read()).value?.length ?? 0;
  // No more is read for a while.
  for (let turn = 0; turn < 50; turn++) await (await fetch(`${nginx.url}/stats`)).text();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    bytes += value.length;
  }
  ok(bytes > stored * TEXT.length, `${bytes} bytes of ${stored} messages`);
  equal(nginx.complaints(), "", "it warns of each answer that it puts into a file");
  // It writes the line when the last byte was sent, which may be after its arrival.
  const deadline = performance.now() + LOGGED_MS_MAX;
  while (!nginx.log().includes("GET /messages/export 200 ")) {
    ok(performance.now() < deadline, nginx.log());
    await setTimeout(20);
  }
  doesNotMatch(nginx.log(), /q=/);
});

test("a 503 is passed on with its Retry-After, and not retried; nginx's own has the same form", {
  skip,
}, async () => {
  let asked = 0;
  const busy = createServer((incoming, outgoing) => {
    asked++;
    incoming
      .resume()
      .on("end", () =>
        outgoing.writeHead(503, { "retry-after": "2" }).end('{"detail":"overloaded"}'),
      );
  });
  busy.listen(0, "127.0.0.1");
  await once(busy, "listening");
  await using open = new AsyncDisposableStack();
  const close = async () => {
    busy.closeAllConnections();
    await new Promise<void>((resolve) => busy.close(() => resolve()));
  };
  open.defer(close);
  const { port } = busy.address() as { readonly port: number };
  await using nginx = await startNginx([port, port]);
  const told = async () => {
    const answer = await post(nginx.url, body());
    return [answer.status, answer.headers.get("retry-after"), await answer.text()];
  };
  deepEqual(await told(), [503, "2", '{"detail":"overloaded"}']);
  equal(asked, 1);
  await close();
  deepEqual(await told(), [503, "1", '{"detail":"no replica is ready"}']);
});

test("a sender that stops in the middle of its body occupies only nginx", { skip }, async () => {
  await using service = await startService(BEHIND);
  await using nginx = await startNginx([service.port]);
  const payload = body();
  const slow = connect({ port: nginx.port, host: "127.0.0.1" });
  await once(slow, "secureConnect");
  const head = `POST /webhook HTTP/1.1\r\nHost: x\r\nX-Signature: ${macOf(payload)}\r\nContent-Length: ${payload.length}\r\n\r\n`;
  slow.write(head + payload.slice(0, 20));
  equal((await post(nginx.url, body({ message_id: "m2" }))).status, 200);
  const connections = /^connections_open (\d+)$/m.exec(await scrape(service))?.[1];
  // Those of nginx for the other webhook, and the one of this request.
  ok(Number(connections) <= 2, `${connections} connections`);
  slow.write(payload.slice(20));
  match(String(await once(slow, "data")), /^HTTP\/1\.1 200 /);
  slow.destroy();
});

test("bytes that two parsers might read differently reach the service as one request or none", {
  skip,
}, async () => {
  await using service = await startService(BEHIND);
  await using nginx = await startNginx([service.port]);
  const payload = body();
  const signed = `POST /webhook HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Signature: ${macOf(payload)}\r\n`;
  const hidden = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
  const chunk = `${payload.length.toString(16)}\r\n${payload}\r\n0\r\n\r\n`;
  for (const [what, bytes] of [
    [
      "a length and chunks",
      `${signed}Content-Length: ${payload.length}\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}${hidden}`,
    ],
    [
      "two lengths",
      `${signed}Content-Length: 5\r\nContent-Length: ${payload.length}\r\n\r\n${payload}${hidden}`,
    ],
    ["an unknown coding", `${signed}Transfer-Encoding: xchunked\r\n\r\n${chunk}${hidden}`],
    [
      "a length with a sign",
      `${signed}Content-Length: +${payload.length}\r\n\r\n${payload}${hidden}`,
    ],
  ] as const) {
    const socket = connect({ port: nginx.port, host: "127.0.0.1" });
    await once(socket, "secureConnect");
    socket.write(bytes);
    match(await text(socket), /^HTTP\/1\.1 (400|501) /, what);
  }
  equal(await storedTotal(service), 0);
  deepEqual(
    service.lines.filter(({ path }) => path === "/metrics"),
    [],
  );
});

test("a rolling restart of two replicas behind nginx: no request fails", {
  skip: skip || unlessPostgres(),
  timeout: 120_000,
}, async (t) => {
  await using database = await freshDatabase({ kind: "postgres" });
  using folder = temporaryFolder();
  const ports = await freePorts(2);
  const start = (index: number) =>
    serve({
      cwd: folder.path,
      env: { DATABASE_URL: database.url, PORT: String(ports[index]), ...BEHIND },
    });
  const replicas = [await start(0), await start(1)];
  await using scope = new AsyncDisposableStack();
  scope.defer(
    async () => void (await Promise.all(replicas.map((replica) => replica[Symbol.asyncDispose]()))),
  );
  await using nginx = await startNginx(ports);
  const ledger = new Ledger();
  await using load = new Load(ledger, nginx.url);
  for (let restart = 0; restart < 4; restart++) {
    await load.accepts(200);
    const index = restart % 2;
    replicas[index]?.child.kill("SIGTERM");
    equal(await replicas[index]?.ended, 0);
    await load.accepts(100);
    replicas[index] = await start(index);
  }
  await load.accepts(200);
  await load.stop();
  t.diagnostic(`${load.accepted} requests accepted, ${load.failed} failed`);
  equal(
    load.failed,
    0,
    nginx
      .log()
      .split("\n")
      .filter((line) => / 50[0-9] /.test(line))
      .join("\n"),
  );
  t.diagnostic(
    JSON.stringify(await provesClean(ledger, `http://127.0.0.1:${ports[0]}`, database.url)),
  );
});
