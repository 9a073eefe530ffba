import { deepEqual, doesNotMatch, equal, match, ok } from "node:assert/strict";
import { after, test } from "node:test";
import { macOf, seen } from "../support/client.ts";
import { RawConnection, rawRequest } from "../support/raw-http.ts";
import { body, type LogLine, post, type Service, startService } from "../support/service.ts";

const service = await startService();
after(() => service[Symbol.asyncDispose]());

const ofRequest = (own: Service, id: string) =>
  own.lines.filter(({ request_id }) => request_id === id);

/** The only line of a request, once a later request has also left its line. */
async function onlyLine(id: string, own: Service = service): Promise<LogLine> {
  await own.line(({ request_id }) => request_id === id);
  await fetch(`${own.url}/health/live`, { headers: { "x-request-id": `after-${id}` } });
  await own.line(({ request_id }) => request_id === `after-${id}`);
  const lines = ofRequest(own, id);
  equal(lines.length, 1, JSON.stringify(lines));
  return lines[0] as LogLine;
}

interface Expected {
  readonly level: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly result?: string;
  readonly dup?: boolean;
  readonly message_id?: string;
}

const REQUESTS: readonly (readonly [
  name: string,
  send: (url: string, headers: Record<string, string>) => Promise<Response>,
  expected: Expected,
])[] = [
  [
    "a new message",
    (url, headers) => post(url, body({ message_id: "new" }), headers),
    {
      level: "INFO",
      method: "POST",
      path: "/webhook",
      status: 200,
      result: "created",
      dup: false,
      message_id: "new",
    },
  ],
  [
    "the same message again",
    (url, headers) => post(url, body({ message_id: "new" }), headers),
    {
      level: "INFO",
      method: "POST",
      path: "/webhook",
      status: 200,
      result: "duplicate",
      dup: true,
      message_id: "new",
    },
  ],
  [
    "an invalid signature",
    (url, headers) =>
      post(url, body({ message_id: "unsigned" }), { ...headers, "x-signature": "123" }),
    {
      level: "ERROR",
      method: "POST",
      path: "/webhook",
      status: 401,
      result: "invalid_signature",
      dup: false,
    },
  ],
  [
    "no signature",
    (url, headers) =>
      fetch(`${url}/webhook`, { method: "POST", body: body({ message_id: "unsigned" }), headers }),
    {
      level: "ERROR",
      method: "POST",
      path: "/webhook",
      status: 401,
      result: "invalid_signature",
      dup: false,
    },
  ],
  [
    "a wrong body",
    (url, headers) => post(url, "[]", headers),
    {
      level: "WARNING",
      method: "POST",
      path: "/webhook",
      status: 422,
      result: "validation_error",
      dup: false,
    },
  ],
  [
    "a body that is too large",
    (url, headers) => post(url, body({ message_id: "large", text: "x".repeat(300_000) }), headers),
    {
      level: "WARNING",
      method: "POST",
      path: "/webhook",
      status: 413,
      result: "too_large",
      dup: false,
    },
  ],
  [
    "a content encoding",
    (url, headers) =>
      post(url, body({ message_id: "gzip" }), { ...headers, "content-encoding": "gzip" }),
    {
      level: "WARNING",
      method: "POST",
      path: "/webhook",
      status: 415,
      result: "unsupported",
      dup: false,
    },
  ],
  [
    "a page",
    (url, headers) => fetch(`${url}/messages?from=919876543210&q=secret-query`, { headers }),
    { level: "INFO", method: "GET", path: "/messages", status: 200 },
  ],
  [
    "a wrong query",
    (url, headers) => fetch(`${url}/messages?limit=secret-query`, { headers }),
    { level: "WARNING", method: "GET", path: "/messages", status: 422 },
  ],
  [
    "a message",
    (url, headers) => fetch(`${url}/messages/new?source=native`, { headers }),
    { level: "INFO", method: "GET", path: "/messages/:message_id", status: 200 },
  ],
  [
    "a message that is not there",
    (url, headers) => fetch(`${url}/messages/nothing`, { headers }),
    { level: "WARNING", method: "GET", path: "/messages/:message_id", status: 404 },
  ],
  [
    "an export",
    (url, headers) => fetch(`${url}/messages/export?q=secret-query`, { headers }),
    { level: "INFO", method: "GET", path: "/messages/export", status: 200 },
  ],
  [
    "a timeline",
    (url, headers) => fetch(`${url}/stats/timeline?from=919876543210`, { headers }),
    { level: "INFO", method: "GET", path: "/stats/timeline", status: 200 },
  ],
  [
    "the senders",
    (url, headers) => fetch(`${url}/senders`, { headers }),
    { level: "INFO", method: "GET", path: "/senders", status: 200 },
  ],
  [
    "an invalid cursor",
    (url, headers) => fetch(`${url}/messages?cursor=x`, { headers }),
    { level: "WARNING", method: "GET", path: "/messages", status: 400 },
  ],
  [
    "the stats",
    (url, headers) => fetch(`${url}/stats`, { headers }),
    { level: "INFO", method: "GET", path: "/stats", status: 200 },
  ],
  [
    "liveness",
    (url, headers) => fetch(`${url}/health/live`, { headers }),
    { level: "INFO", method: "GET", path: "/health/live", status: 200 },
  ],
  [
    "readiness by HEAD",
    (url, headers) => fetch(`${url}/health/ready`, { method: "HEAD", headers }),
    { level: "INFO", method: "HEAD", path: "/health/ready", status: 200 },
  ],
  [
    "an alias",
    (url, headers) => fetch(`${url}/livez`, { headers }),
    { level: "INFO", method: "GET", path: "/livez", status: 200 },
  ],
  [
    "a scrape",
    (url, headers) => fetch(`${url}/metrics`, { headers }),
    { level: "INFO", method: "GET", path: "/metrics", status: 200 },
  ],
  [
    "the docs",
    (url, headers) => fetch(`${url}/docs`, { headers }),
    { level: "INFO", method: "GET", path: "/docs", status: 200 },
  ],
  [
    "the OpenAPI document",
    (url, headers) => fetch(`${url}/openapi.json`, { headers }),
    { level: "INFO", method: "GET", path: "/openapi.json", status: 200 },
  ],
  [
    "an unknown path",
    (url, headers) => fetch(`${url}/nowhere?secret-query=1`, { headers }),
    { level: "WARNING", method: "GET", path: "/nowhere", status: 404 },
  ],
  [
    "a wrong method",
    (url, headers) => fetch(`${url}/stats?secret-query=1`, { method: "DELETE", headers }),
    { level: "WARNING", method: "DELETE", path: "/stats", status: 405 },
  ],
];

for (const [name, send, expected] of REQUESTS) {
  test(`${name} leaves exactly one line with the keys of the contract`, async () => {
    const id = name.replaceAll(" ", "-");
    const response = await send(service.url, { "x-request-id": id });
    await response.arrayBuffer();
    equal(response.headers.get("x-request-id"), id);
    const line = await onlyLine(id);
    match(String(line.ts), /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$/);
    ok(Math.abs(Date.parse(String(line.ts)) - Date.now()) < 60_000);
    ok(typeof line.latency_ms === "number" && line.latency_ms >= 0);
    const { level, method, path, status, result, dup, message_id } = line;
    deepEqual(
      { level, method, path, status, result, dup },
      { result: undefined, dup: undefined, ...without(expected) },
    );
    // The id of a refused signed body may be logged; that of all others must not be.
    if (expected.status === 200 || expected.status === 401 || expected.method !== "POST")
      equal(message_id, expected.message_id);
  });
}

function without({ message_id: _, ...rest }: Expected) {
  return rest;
}

test("a signed message that is refused for a field may be logged by its id, and by nothing else", async () => {
  await post(service.url, body({ message_id: "refused-id", ts: "refused-ts", to: "refused-to" }), {
    "x-request-id": "refused-field",
  });
  const line = await onlyLine("refused-field");
  ok(line.message_id === undefined || line.message_id === "refused-id");
  ok(!/refused-ts|refused-to/.test(JSON.stringify(line)));
});

test("a service without a secret logs its refusals as errors, and its unreadiness too", async () => {
  await using own = await startService({ WEBHOOK_SECRET: "" });
  await post(own.url, body(), { "x-request-id": "refused" });
  await fetch(`${own.url}/health/ready`, { headers: { "x-request-id": "unready" } });
  const refused = await onlyLine("refused", own);
  deepEqual([refused.level, refused.status, refused.message_id], ["ERROR", 401, undefined]);
  const unready = await onlyLine("unready", own);
  deepEqual([unready.level, unready.status], ["ERROR", 503]);
});

test("LOG_LEVEL WARNING and ERROR leave out the lines below them", async () => {
  for (const [threshold, told] of [
    ["WARNING", ["WARNING", "ERROR"]],
    ["ERROR", ["ERROR"]],
  ] as const) {
    await using own = await startService({ LOG_LEVEL: threshold });
    await fetch(`${own.url}/stats`);
    await fetch(`${own.url}/nowhere`);
    await post(own.url, body(), { "x-signature": "123" });
    await own.line(({ status }) => status === 401);
    deepEqual(new Set(own.lines.map(({ level }) => level)), new Set(told));
  }
});

test("a valid X-Request-ID is kept, any other is replaced by a new one", async () => {
  for (const id of [
    "a",
    "A-Z.0_9",
    "x".repeat(64),
    "550e8400-e29b-41d4-a716-446655440000",
    "...",
    "0",
  ]) {
    const response = await fetch(`${service.url}/stats`, { headers: { "x-request-id": id } });
    equal(response.headers.get("x-request-id"), id);
  }
  const replaced = new Set<string>();
  const insane = [
    "x".repeat(65),
    "a b",
    "a/b",
    "a,b",
    "a:b",
    "{}",
    '"a"',
    "a;b",
    "ä",
    "%41",
    "a\tb",
    "x".repeat(5_000),
    "$(id)",
    "<b>",
    "a\x80",
  ];
  const lines = [
    ...insane.map((id) => [`X-Request-ID: ${id}`]),
    [],
    ["X-Request-ID:"],
    ["X-Request-ID: one", "X-Request-ID: two"],
  ];
  for (const given of lines) {
    await using connection = await RawConnection.open(service.port);
    await connection.write(rawRequest("GET /stats HTTP/1.1", ["Host: x", ...given]));
    const [answer] = await connection.answered(1);
    equal(answer?.status, 200, given.join());
    const [id = "", ...others] = answer?.headers.get("x-request-id") ?? [];
    deepEqual(others, []);
    match(id, /^[A-Za-z0-9._-]{1,64}$/);
    ok(!given.join().includes(id), "a new one");
    replaced.add(id);
    equal((await service.line(({ request_id }) => request_id === id)).path, "/stats");
  }
  equal(replaced.size, lines.length, "every one is another");
});

test("every answer has a request id, refused or not", async () => {
  for (const [, send] of REQUESTS)
    match(
      (await send(service.url, {})).headers.get("x-request-id") ?? "",
      /^[A-Za-z0-9._-]{1,64}$/,
    );
});

test("a hundred concurrent requests leave a hundred lines, each with its own id", async () => {
  const ids = Array.from({ length: 100 }, (_, at) => `concurrent-${at}`);
  await Promise.all(
    ids.map((id, at) =>
      at % 2
        ? fetch(`${service.url}/stats`, { headers: { "x-request-id": id } })
        : post(service.url, body({ message_id: id }), { "x-request-id": id }),
    ),
  );
  for (const id of ids) await service.line(({ request_id }) => request_id === id);
  for (const [at, id] of ids.entries()) {
    const lines = ofRequest(service, id);
    deepEqual(
      lines.map(({ message_id }) => message_id),
      [at % 2 ? undefined : id],
    );
  }
});

test("a request whose client hangs up in the middle of its body leaves exactly one line", async () => {
  for (const [id, leave] of [
    ["hangs-up", "abort"],
    ["half-closes", "end"],
  ] as const) {
    await using connection = await RawConnection.open(service.port);
    const headers = [
      "Host: x",
      `X-Request-ID: ${id}`,
      `X-Signature: ${macOf(body())}`,
      `Content-Length: ${body().length}`,
    ];
    await connection.write(rawRequest("POST /webhook HTTP/1.1", headers, body().slice(0, 20)));
    await fetch(`${service.url}/health/live`);
    connection[leave]();
    const line = await onlyLine(id);
    deepEqual(
      [line.method, line.path, typeof line.dup, line.message_id],
      ["POST", "/webhook", "boolean", undefined],
    );
    ok(Number(line.status) >= 400);
  }
});

test("no line contains a number, a text, a secret, a signature or a query, whatever the result of its request", async () => {
  await using own = await startService({ WEBHOOK_SECRET: "a-secret-of-ours", LOG_LEVEL: "DEBUG" });
  const words = {
    from: "+919876500001",
    to: "+919876500002",
    text: "private-words",
    ts: "2025-01-15T10:00:00Z",
    note: "private-note",
  };
  const wrong = [
    { text: ["private-words"] },
    { text: "private-words".repeat(400) },
    { from: "919876500001" },
    { to: "919876500002x" },
    { from: { number: "+919876500001" } },
    { message_id: "" },
    { message_id: 919876500001 },
    { ts: "private-words" },
    {},
  ];
  const payloads: (string | Uint8Array<ArrayBuffer>)[] = wrong.map((fields) =>
    JSON.stringify({ message_id: "id", ...words, ...fields }),
  );
  payloads.push(
    ...payloads.map((payload) => `${payload}}`),
    ...payloads.map((payload) => `"private-words +919876500001 ${payload}`),
  );
  payloads.push(
    Buffer.concat([Buffer.from(JSON.stringify(words)), Buffer.from([0xff])]),
    JSON.stringify([words]),
    JSON.stringify("private-words"),
  );
  payloads.push(
    JSON.stringify({ ...words, text: "private-words".repeat(25_000) }),
    JSON.stringify({ message_id: "other", ...words, text: "private-words again" }),
  );
  const signatures: string[] = [];
  for (const payload of payloads) {
    const mac = macOf(payload, "a-secret-of-ours");
    signatures.push(mac);
    for (const headers of [
      { "x-signature": mac },
      { "x-signature": mac.replace(/.$/, "z") },
      { "x-signature": mac, "content-encoding": "gzip" },
      { "x-signature": mac, "x-request-id": "+919876500001" },
    ]) {
      await seen(post(own.url, payload, headers));
    }
  }
  for (const path of [
    "/messages?from=+919876500001&q=private-words",
    "/messages?limit=919876500001x",
    "/messages?since=private-words",
    "/messages?cursor=private-words",
    "/messages?to=+919876500001&order=private-words",
    "/messages/+919876500001?source=private-words",
    "/messages/export?from=+919876500001&format=private-words",
    "/messages/export?q=private-words",
    "/stats/timeline?from=+919876500001&bucket=private-words",
    "/senders?cursor=private-words",
    "/nowhere?private-words",
  ]) {
    await seen(fetch(own.url + path));
  }
  await fetch(`${own.url}/stats`, { headers: { "x-request-id": "last" } });
  await own.line(({ request_id }) => request_id === "last");
  ok(own.lines.length > payloads.length * 4);
  const results = new Set(own.lines.map(({ result }) => result));
  for (const result of [
    "created",
    "duplicate",
    "validation_error",
    "invalid_signature",
    "unsupported",
    "too_large",
  ])
    ok(results.has(result), result);
  for (const line of own.lines) {
    const text = JSON.stringify(line);
    for (const word of [
      "91987650000",
      "private",
      "a-secret-of-ours",
      ...signatures.map((mac) => mac.slice(0, 60)),
    ])
      ok(!text.includes(word), `${word} in ${text}`);
  }
});

test("a phone number in a path does not reach the log, however it is written and wherever it is", async () => {
  await using service = await startService();
  const numbers = [
    "+919876543210",
    "+91-98765-43210",
    "(91)98765-43210",
    "(98765)%2043210",
    "98765%2E43210",
    "98.765.432.10",
    "98765~43210",
    "%2B%39%38%37%36%35%34%33%32%31%30",
    "%39%2d8765%2d43210",
    "%EF%BC%99%EF%BC%98%EF%BC%97%EF%BC%96%EF%BC%95%EF%BC%94%EF%BC%93%EF%BC%92%EF%BC%91%EF%BC%90",
    "98765%zz43210",
    "a98765b43210",
  ];
  const paths = numbers.flatMap((number) => [
    `/messages/${number}`,
    `/messages/${number}/`,
    `/senders/${number}`,
    `/senders/${number}/x`,
    `/Senders/${number}`,
    `//senders/${number}`,
    `/keys/${number}/rotate`,
    `/secrets/${number}/retire`,
    `/${number}`,
    `/stats/${number}?from=98765`,
    `/${number.replace("987", "987/")}`,
  ]);
  for (const path of paths) {
    for (const method of ["GET", "PUT"]) {
      await using connection = await RawConnection.open(service.port);
      await connection.write(rawRequest(`${method} ${path} HTTP/1.1`, ["Host: x"]));
      await connection.answered(1);
      // Two Host headers: refused before the router.
      await using refused = await RawConnection.open(service.port);
      await refused.write(rawRequest(`${method} ${path} HTTP/1.1`, ["Host: x", "Host: y"]));
      await refused.answered(1);
    }
  }
  await service.line(() => service.lines.length >= paths.length * 4);
  for (const line of service.lines)
    doesNotMatch(String(line.path), /[0-9]|%/, JSON.stringify(line));
  const told = new Set(service.lines.map(({ path }) => path));
  for (const template of [
    "/messages/:message_id",
    "/senders/:msisdn",
    "/keys/:id/rotate",
    "/secrets/:name/retire",
    "/Senders/#",
    "/#",
  ])
    ok(told.has(template), template);
});

test("an unknown path is logged when it consists of plain words", async () => {
  await using service = await startService();
  for (const path of ["/v1/web-hook", "/wp-login.php", "/.env", "/message", "/api/v2/messages/"]) {
    await fetch(service.url + path);
    await service.line((line) => line.path === path);
  }
});
