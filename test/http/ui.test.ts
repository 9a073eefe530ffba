import { deepEqual, equal, match, notEqual, ok } from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { get as httpGet, type IncomingHttpHeaders } from "node:http";
import { buffer } from "node:stream/consumers";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { brotliCompressSync, brotliDecompressSync, gunzipSync, gzipSync } from "node:zlib";
import { uiRoutes } from "../../src/http/routes/ui.ts";
import { WebFolder } from "../../src/http/web-files.ts";
import { bareServer } from "../support/bare-server.ts";
import { temporaryFolder } from "../support/cli.ts";
import { json, seen } from "../support/client.ts";
import { startService } from "../support/service.ts";

const BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8";
const PAGE = "<!doctype html><title>Lyftr</title>";
const SCRIPT = `console.log(${JSON.stringify("x".repeat(2_000))});`;
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
  "require-trusted-types-for 'script'; trusted-types 'none'";
const OUTSIDE = "outside of the dashboard";

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Sends a path as it is written and asks for no coding by itself, which fetch would not. */
function ask(
  url: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  method = "GET",
): Promise<Answer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const request = httpGet(
      { hostname, port, path, method, headers, agent: false },
      async (answer) =>
        resolve({
          status: answer.statusCode ?? 0,
          headers: answer.headers,
          body: await buffer(answer),
        }),
    );
    request.on("error", reject);
  });
}

/** A built dashboard in a folder of its own, and a server with its routes alone. */
async function dashboard({ build = true, script = SCRIPT } = {}) {
  const folder = temporaryFolder();
  const write = (name: string, text: string) => {
    writeFileSync(folder.file(name), text);
    writeFileSync(folder.file(`${name}.br`), brotliCompressSync(text));
    writeFileSync(folder.file(`${name}.gz`), gzipSync(text));
  };
  writeFileSync(folder.file("secret.txt"), OUTSIDE);
  mkdirSync(folder.file("web/assets"), { recursive: true });
  writeFileSync(folder.file("web/licenses.txt"), OUTSIDE);
  const make = () => {
    write("web/index.html", PAGE);
    write("web/assets/index-abc.js", script);
    writeFileSync(folder.file("web/assets/icon-abc.svg"), "<svg/>");
  };
  if (build) make();
  const files = new WebFolder(pathToFileURL(`${folder.file("web")}/`));
  const server = await bareServer({ routes: uiRoutes({ folder: files }) });
  return {
    ...server,
    folder,
    make,
    get: (path: string, headers: Readonly<Record<string, string>> = {}, method = "GET") =>
      ask(server.url, path, headers, method),
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      folder[Symbol.dispose]();
    },
  };
}

test("a browser that opens / is sent to the dashboard, by an address that works below any prefix", async () => {
  await using service = await startService();
  for (const accept of [
    BROWSER,
    "text/html",
    "TEXT/HTML",
    "application/json, text/html;q=0.1",
    " text/html ; charset=utf-8",
  ])
    for (const method of ["GET", "HEAD"]) {
      const { status, headers, body } = await ask(service.url, "/", { accept }, method);
      deepEqual(
        [status, headers.location, headers.vary, body.length],
        [303, "ui/", "Accept", 0],
        `${method} ${accept}`,
      );
    }
  const { location } = (await ask(service.url, "/?x=1", { accept: BROWSER })).headers;
  equal(new URL(location ?? "", "https://example.com/lyftr/?x=1").pathname, "/lyftr/ui/");
});

test("every other request to / gets what it always got: the answer to an unknown path", async () => {
  const env = { RATE_LIMIT_PER_IP: "1000/1h", CORS_ORIGINS: "https://page.example" };
  await using service = await startService(env);
  const told = async (path: string, method: string, headers: Readonly<Record<string, string>>) => {
    const answer = await ask(service.url, path, headers, method);
    const { date, "x-request-id": id, ratelimit, ...others } = answer.headers;
    ok(date && id && ratelimit);
    return { status: answer.status, headers: others, body: answer.body.toString() };
  };
  const origin = { origin: "https://page.example", "access-control-request-method": "GET" };
  for (const [method, headers] of [
    ["GET", {}],
    ["GET", { accept: "*/*" }],
    ["GET", { accept: "text/*" }],
    ["GET", { accept: "application/json" }],
    ["GET", { accept: "application/problem+json" }],
    ["GET", { accept: "text/html;q=0, */*" }],
    ["GET", { accept: "text/html5" }],
    ["HEAD", {}],
    ["POST", {}],
    ["POST", { accept: BROWSER }],
    ["DELETE", { accept: BROWSER }],
    ["OPTIONS", origin],
    ["OPTIONS", { ...origin, accept: BROWSER }],
  ] as const) {
    const answer = await told("/", method, headers);
    equal(answer.status, 404);
    deepEqual(answer, await told("/nowhere", method, headers), `${method} ${headers}`);
  }
  deepEqual(await seen(fetch(service.url)), json(404, { detail: "Not Found" }));
});

test("/ui leads to /ui/, which is the page with its policy, and is revalidated each time", async () => {
  await using ui = await dashboard();
  const redirect = await ui.get("/ui");
  deepEqual([redirect.status, redirect.headers.location], [308, "ui/"]);
  equal(new URL("ui/", "https://example.com/lyftr/ui?x=/").pathname, "/lyftr/ui/");
  equal((await ui.get("/ui?x=/")).status, 308);
  const { status, headers, body } = await ui.get("/ui/?x=1");
  deepEqual([status, body.toString()], [200, PAGE]);
  deepEqual(
    {
      type: headers["content-type"],
      policy: headers["content-security-policy"],
      opener: headers["cross-origin-opener-policy"],
      cache: headers["cache-control"],
      vary: headers.vary,
      sniff: headers["x-content-type-options"],
      frame: headers["x-frame-options"],
      referrer: headers["referrer-policy"],
      cors: headers["access-control-allow-origin"],
    },
    {
      type: "text/html; charset=utf-8",
      policy: POLICY,
      opener: "same-origin",
      cache: "no-cache",
      vary: "Accept-Encoding",
      sniff: "nosniff",
      frame: "DENY",
      referrer: "no-referrer",
      cors: undefined,
    },
  );
  const tag = headers.etag ?? "";
  match(tag, /^"[\w-]{16}"$/);
  const again = await ui.get("/ui/", { "if-none-match": tag });
  deepEqual([again.status, again.body.length, again.headers.etag], [304, 0, tag]);
  equal((await ui.get("/ui/", { "if-none-match": '"other"' })).status, 200);
});

test("an asset is kept by the browser for ever, and a missing one is kept by no cache", async () => {
  await using ui = await dashboard();
  const script = await ui.get("/ui/assets/index-abc.js");
  deepEqual([script.status, script.body.toString()], [200, SCRIPT]);
  equal(script.headers["content-type"], "text/javascript; charset=utf-8");
  equal(script.headers["cache-control"], "public, max-age=31536000, immutable");
  const icon = await ui.get("/ui/assets/icon-abc.svg", { "accept-encoding": "br, gzip" });
  deepEqual(
    [icon.headers["content-type"], icon.headers["content-encoding"], icon.body.toString()],
    ["image/svg+xml", undefined, "<svg/>"],
  );
  const missing = await ui.get("/ui/assets/index-old.js");
  deepEqual(
    [missing.status, missing.headers["cache-control"], missing.body.toString()],
    [404, "no-store", '{"detail":"Not Found"}'],
  );
});

test("each client gets the coding it prefers among those that the build made, with a tag of its own", async () => {
  await using ui = await dashboard();
  const tags = new Set<string>();
  for (const [accepted, coding] of [
    [undefined, undefined],
    ["", undefined],
    ["identity", undefined],
    ["deflate, zstd", undefined],
    ["gzip", "gzip"],
    ["GZIP", "gzip"],
    ["br", "br"],
    ["gzip, deflate, br, zstd", "br"],
    ["gzip;q=1.0, br;q=0.5", "gzip"],
    ["br;q=0, gzip", "gzip"],
    ["br;q=0, gzip;q=0.000", undefined],
    ["*", "br"],
    ["br;q=0, *", "gzip"],
    ["*;q=0", undefined],
    ["x-gzip, brotli", undefined],
  ] as const) {
    const what = String(accepted);
    const asked = accepted === undefined ? {} : { "accept-encoding": accepted };
    for (const [path, text] of [
      ["/ui/", PAGE],
      ["/ui/assets/index-abc.js", SCRIPT],
    ] as const) {
      const { headers, body } = await ui.get(path, asked);
      deepEqual([headers["content-encoding"], headers.vary], [coding, "Accept-Encoding"], what);
      const plain =
        coding === "br" ? brotliDecompressSync(body) : coding === "gzip" ? gunzipSync(body) : body;
      equal(plain.toString(), text, what);
      equal(Number(headers["content-length"]), body.length);
      tags.add(headers.etag ?? "");
      const kept = await ui.get(path, { ...asked, "if-none-match": headers.etag ?? "" });
      deepEqual([kept.status, kept.headers.vary], [304, "Accept-Encoding"]);
    }
  }
  equal(tags.size, 6);
});

test("HEAD has the headers of GET and no body", async () => {
  await using ui = await dashboard();
  for (const path of ["/ui", "/ui/", "/ui/assets/index-abc.js", "/ui/assets/none", "/favicon.ico"])
    for (const coding of ["br", ""]) {
      const [got, head] = [
        await ui.get(path, { "accept-encoding": coding }),
        await ui.get(path, { "accept-encoding": coding }, "HEAD"),
      ];
      deepEqual(
        [head.status, { ...head.headers, date: "" }, head.body.length],
        [got.status, { ...got.headers, date: "" }, 0],
        path,
      );
    }
});

test("the icon is there without a build, so that no browser leaves a warning in the log", async () => {
  await using ui = await dashboard({ build: false });
  const { status, headers, body } = await ui.get("/favicon.ico");
  deepEqual([status, headers["content-type"]], [200, "image/svg+xml"]);
  const drawn = readFileSync(new URL("../../web/icon.svg", import.meta.url), "utf8");
  equal(body.toString(), drawn.trim());
  equal(headers["cache-control"], "public, max-age=86400");
});

test("no path of a request becomes the name of a file", async () => {
  await using ui = await dashboard();
  const up = ["..", "%2e%2e", "%2E.", ".%2e", "..%2f..", "..%5c..", "..\\..", "....//"];
  const names = up.flatMap((dots) =>
    ["secret.txt", "licenses.txt", "index.html", "web/index.html", "etc/passwd"].map(
      (name) => `/ui/assets/${dots}/${name}`,
    ),
  );
  for (const path of [
    ...names,
    ...names.map((path) => path.replace("/ui/assets/", "/ui/assets/x/")),
    "/ui/assets/",
    "/ui/assets",
    "/ui/index.html",
    "/ui/licenses.txt",
    "/ui/assets/licenses.txt",
    "/ui/assets/index.html",
    "/ui/assets/index-abc.js.br",
    "/ui/assets/index-abc.js.gz",
    "/ui/assets/index-abc.js%00",
    "/ui/assets/%ff",
    "/ui/assets/INDEX-ABC.JS",
    "/ui/assets/index-abc%2ejs%2f",
    "/ui/assets/__proto__",
    "/ui/assets/constructor",
    `/ui/assets/${"x".repeat(5_000)}`,
    `/ui/assets/${pathToFileURL(ui.folder.file("secret.txt")).href}`,
  ]) {
    const { status, body } = await ui.get(path);
    equal(status, 404, path);
    ok(!body.toString().includes(OUTSIDE), path);
  }
});

test("without a build the page says what to do, and is there after the build without a restart", async () => {
  await using ui = await dashboard({ build: false });
  for (const path of ["/ui/", "/ui/?x=1"]) {
    const { status, headers, body } = await ui.get(path);
    deepEqual(
      [status, headers["content-type"], headers["cache-control"], body.toString()],
      [404, "text/plain; charset=utf-8", "no-store", "The dashboard is not built: npm run build\n"],
    );
  }
  equal((await ui.get("/ui/assets/index-abc.js")).status, 404);
  ui.make();
  equal((await ui.get("/ui/")).body.toString(), PAGE);
  // A build deletes the folder of the one before. The running service has what it read.
  rmSync(ui.folder.file("web"), { recursive: true });
  equal((await ui.get("/ui/")).body.toString(), PAGE);
  equal((await ui.get("/ui/assets/index-abc.js")).body.toString(), SCRIPT);
});

test("a folder that cannot be the dashboard is not read into memory", async () => {
  await using large = await dashboard({ script: "/".repeat(9_000_000) });
  equal((await large.get("/ui/")).status, 500);
  await using many = await dashboard();
  for (let at = 0; at < 1_000; at++) writeFileSync(many.folder.file(`web/assets/${at}.js`), "");
  equal((await many.get("/ui/")).status, 500);
  rmSync(many.folder.file("web/assets"), { recursive: true });
  equal((await many.get("/ui/")).status, 200);
});

test("the dashboard's files are open and unlimited, have one log line each, and no CORS headers", async () => {
  await using service = await startService({
    READ_AUTH: "required",
    ADMIN_API_KEY: "an-admin-key-of-the-tests-0123456789-abcdef",
    RATE_LIMIT_PER_IP: "1/1h",
    CORS_ORIGINS: "https://page.example",
  });
  const limited = () => ask(service.url, "/health/none");
  await limited();
  equal((await limited()).status, 429);
  const asked = [
    ["/", "/"],
    ["/ui", "/ui"],
    ["/ui/", "/ui"],
    ["/ui/assets/index-919876543210.js", "/ui/assets/:name"],
    ["/favicon.ico", "/favicon.ico"],
  ] as const;
  for (const [path, template] of asked) {
    const before = service.lines.length;
    const headers = {
      accept: BROWSER,
      origin: "https://page.example",
      "x-request-id": `ui-${before}`,
    };
    const answer = await ask(service.url, path, headers);
    notEqual(answer.status, 401, path);
    notEqual(answer.status, 429, path);
    equal(answer.headers["access-control-allow-origin"], undefined, path);
    equal(answer.headers["x-read-auth"], undefined, path);
    const line = await service.line(({ request_id }) => request_id === `ui-${before}`);
    deepEqual([line.path, service.lines.length - before], [template, 1]);
  }
  ok(!JSON.stringify(service.lines).includes("919876543210"));
});
