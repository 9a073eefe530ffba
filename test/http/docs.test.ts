import { deepEqual, equal, match, notEqual, ok } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { assert, asyncProperty, constantFrom, oneof, option, record, string } from "fast-check";
import { sealedCookie } from "../support/browser-session.ts";
import { temporaryFolder } from "../support/cli.ts";
import { scrape } from "../support/client.ts";
import { OPENAPI_SCHEMA } from "../support/openapi-schema.ts";
import { body, post, startService } from "../support/service.ts";

interface Content {
  readonly [type: string]: { readonly schema?: object; readonly example?: unknown };
}

interface Operation {
  readonly operationId?: string;
  readonly tags?: readonly string[];
  readonly security?: readonly object[];
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly schema: object;
  }[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly content?: Content }>>;
}

interface OpenApi {
  readonly openapi: string;
  readonly info: { readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly servers?: readonly { readonly url: string }[];
  readonly tags?: readonly { readonly name: string }[];
}

const REDOCLY = fileURLToPath(
  new URL("../../node_modules/@redocly/cli/bin/cli.js", import.meta.url),
);
const ROUTES = [
  "POST /webhook",
  "GET /messages",
  "GET /messages/{message_id}",
  "GET /messages/export",
  "GET /stats",
  "GET /stats/timeline",
  "GET /senders",
  "GET /health/live",
  "GET /health/ready",
  "GET /metrics",
];

const service = await startService();
after(() => service[Symbol.asyncDispose]());
const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false });
const document = (await (await fetch(`${service.url}/openapi.json`)).json()) as OpenApi;

/** The schema of a body in the document, compiled. References into the document resolve. */
function compiled(schema: object): ValidateFunction {
  return ajv.compile({ ...schema, components: Reflect.get(document, "components") });
}

function operation(method: string, path: string): Operation {
  const found = document.paths[path]?.[method.toLowerCase()];
  ok(found !== undefined, `${method} ${path} is documented`);
  return found;
}

/** The names of Redocly's recommended rules that a document breaks. */
function redoclyErrors(one: object): readonly string[] {
  using folder = temporaryFolder();
  const file = folder.file("openapi.json");
  writeFileSync(file, JSON.stringify(one));
  const command = [REDOCLY, "lint", "--format=json", file];
  const env = { ...process.env, REDOCLY_TELEMETRY: "off", REDOCLY_SUPPRESS_UPDATE_NOTICE: "true" };
  const { stdout } = spawnSync(process.execPath, command, { env, encoding: "utf8" });
  const { problems } = JSON.parse(stdout) as {
    problems: readonly { ruleId: string; severity: string }[];
  };
  return problems.filter(({ severity }) => severity === "error").map(({ ruleId }) => ruleId);
}

/** Asserts that an answer is documented: its status, its type, and its shape. */
async function documented(
  method: string,
  path: string,
  answer: Promise<Response>,
): Promise<number> {
  const response = await answer;
  const text = await response.text();
  const told = operation(method, path).responses[String(response.status)];
  ok(told !== undefined, `${method} ${path} ${response.status} is documented`);
  const type = (response.headers.get("content-type") ?? "").split(";")[0] ?? "";
  const schema = told.content?.[type]?.schema;
  ok(schema !== undefined, `${method} ${path} ${response.status} ${type} has a schema`);
  const validate = compiled(schema);
  ok(
    validate(/[/+]json$/.test(type) ? JSON.parse(text) : text),
    `${text}: ${ajv.errorsText(validate.errors)}`,
  );
  return response.status;
}

test("the OpenAPI document is served as compact JSON", async () => {
  const response = await fetch(`${service.url}/openapi.json`);
  deepEqual([response.status, response.headers.get("content-type")], [200, "application/json"]);
  const text = await response.text();
  equal(text, JSON.stringify(JSON.parse(text)));
});

test("the OpenAPI document is a valid one of version 3.1", () => {
  const validate = ajv.compile(OPENAPI_SCHEMA);
  ok(validate(document), ajv.errorsText(validate.errors));
  const broken = structuredClone(document) as { paths: Record<string, unknown> };
  broken.paths["/stats"] = { get: { responses: { 200: {} } } };
  ok(!validate(broken), "a response without a description would be noticed");
});

test("the OpenAPI document passes an independent validator, which finds the errors of a broken one", async () => {
  const valid = async (one: object) =>
    (await new Validator().validate(structuredClone(one) as never)).valid;
  ok(await valid(document));
  const broken = structuredClone(document);
  Object.assign(broken.paths["/stats"]?.get ?? {}, { parameters: [{ name: "x", in: "nowhere" }] });
  ok(!(await valid(broken)));
});

test("the OpenAPI document breaks none of Redocly's recommended rules", () => {
  const errors = redoclyErrors(document);
  deepEqual(errors, []);
  const broken = structuredClone(document);
  Object.assign(broken.paths["/stats"]?.get ?? {}, { security: [{ unknown: [] }] });
  deepEqual(redoclyErrors(broken), ["security-defined"]);
});

test("every operation has its own id and names the required key, and a server is named", () => {
  const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods));
  const ids = operations.map(({ operationId }) => operationId);
  ok(
    ids.every((id) => /^[a-z]+[A-Za-z]+$/.test(id ?? "")),
    ids.join(),
  );
  equal(new Set(ids).size, ids.length);
  for (const { operationId, security } of operations)
    ok(Array.isArray(security), String(operationId));
  deepEqual(
    document.servers?.map(({ url }) => url),
    ["/"],
  );
});

test("every schema of the OpenAPI document compiles, and every example matches its schema", () => {
  let schemas = 0;
  for (const methods of Object.values(document.paths)) {
    for (const { parameters = [], requestBody, responses } of Object.values(methods)) {
      for (const { schema } of parameters) compiled(schema);
      const contents = [
        requestBody?.content ?? {},
        ...Object.values(responses).map(({ content }) => content ?? {}),
      ];
      for (const { schema, example } of contents.flatMap((content) => Object.values(content))) {
        if (schema === undefined) continue;
        schemas += 1;
        const validate = compiled(schema);
        if (example !== undefined) ok(validate(example), ajv.errorsText(validate.errors));
      }
    }
  }
  ok(schemas >= 10, `${schemas} schemas`);
});

test("every route of the contract is in the document, and every operation of the document answers", async () => {
  const told = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  for (const route of ROUTES) ok(told.includes(route), route);
  equal((await post(service.url, body())).status, 200);
  for (const route of told) {
    const [method = "", path = ""] = route.split(" ");
    const response = await fetch(service.url + path.replace("{message_id}", "m1"), { method });
    ok(response.status !== 404 && response.status !== 405, `${route} ${response.status}`);
  }
});

test("parameters, tags and operation ids are unique and consistent", () => {
  const filters = ["from", "to", "source", "since", "until", "q", "order"];
  for (const [path, names] of [
    ["/messages", ["limit", "offset", ...filters, "count", "cursor"]],
    ["/messages/export", [...filters, "format"]],
    ["/messages/{message_id}", ["message_id", "source"]],
    ["/stats/timeline", ["bucket", "from", "since", "until", "zone"]],
    ["/senders", ["limit", "offset", "prefix", "cursor"]],
  ] as const) {
    const parameters = operation("GET", path).parameters ?? [];
    deepEqual(new Set(parameters.map(({ name }) => name)), new Set<string>(names), path);
    for (const { name, in: place } of parameters)
      equal(place, name === "message_id" ? "path" : "query", `${path} ${name}`);
  }
  const signature = operation("POST", "/webhook").parameters?.find(
    ({ name }) => name.toLowerCase() === "x-signature",
  );
  equal(signature?.in, "header");
  const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods));
  const ids = operations.flatMap(({ operationId }) => operationId ?? []);
  equal(new Set(ids).size, ids.length);
  const tags = new Set(document.tags?.map(({ name }) => name));
  for (const tag of operations.flatMap((one) => one.tags ?? [])) ok(tags.has(tag), tag);
});

test("every possible answer of a webhook is as documented", async () => {
  const answers: readonly (readonly [number, Promise<Response>])[] = [
    [200, post(service.url, body())],
    [200, post(service.url, body({ text: "Other" }))],
    [401, post(service.url, body(), { "x-signature": "123" })],
    [413, post(service.url, "x".repeat(300_000))],
    [415, post(service.url, body(), { "content-encoding": "gzip" })],
    [422, post(service.url, "")],
    [422, post(service.url, "{")],
    [422, post(service.url, "[]")],
    [
      422,
      post(service.url, JSON.stringify({ message_id: "", from: 1, to: null, ts: "x", text: {} })),
    ],
    [422, post(service.url, body({ text: "x".repeat(5_000), message_id: "x".repeat(5_000) }))],
  ];
  for (const [status, answer] of answers)
    equal(await documented("POST", "/webhook", answer), status);
  for (const status of ["429", "503", "500"])
    ok(operation("POST", "/webhook").responses[status] !== undefined, `${status} is documented`);
});

test("every possible answer of the read routes is as documented", async () => {
  await post(service.url, body({ message_id: "null", text: null }));
  const get = (path: string) => fetch(service.url + path);
  for (const [status, path, query] of [
    [200, "/messages", ""],
    [200, "/messages", "?limit=1"],
    [200, "/messages", "?q=nothing-like-it"],
    [400, "/messages", "?cursor=x"],
    [422, "/messages", "?limit=x&since=x"],
    [200, "/messages", "?count=none&order=desc&limit=1"],
    [422, "/messages", "?order=x&count=x&until=x"],
    [200, "/messages/{message_id}", ""],
    [404, "/messages/{message_id}", "?source=other"],
    [200, "/messages/export", ""],
    [200, "/messages/export", "?format=csv"],
    [200, "/messages/export", "?q=nothing-like-it"],
    [422, "/messages/export", "?format=xml&since=x"],
    [200, "/stats/timeline", ""],
    [
      200,
      "/stats/timeline",
      "?bucket=minute&from=1&since=2025-01-01&until=2026-01-01&zone=Asia/Kolkata",
    ],
    [422, "/stats/timeline", "?bucket=week"],
    [422, "/stats/timeline", "?zone=Asia/Nowhere"],
    [200, "/senders", ""],
    [400, "/senders", "?cursor=x"],
    [422, "/senders", "?limit=x"],
    [200, "/stats", ""],
    [200, "/health/live", ""],
    [200, "/health/ready", ""],
    [200, "/metrics", ""],
  ] as const) {
    const answer = get(path.replace("{message_id}", "null") + query);
    equal(await documented("GET", path, answer), status, path + query);
  }
});

test("the answers of an empty and of an unconfigured service are as documented", async () => {
  await using empty = await startService({ WEBHOOK_SECRET: "" });
  equal(await documented("GET", "/stats", fetch(`${empty.url}/stats`)), 200);
  for (const path of ["/messages", "/messages/export", "/stats/timeline", "/senders"])
    equal(await documented("GET", path, fetch(empty.url + path)), 200);
  equal(await documented("GET", "/health/ready", fetch(`${empty.url}/health/ready`)), 503);
  equal(await documented("POST", "/webhook", post(empty.url, body())), 401);
});

test("what the document's schema of a webhook refuses is refused, and what is accepted matches it", async () => {
  const schema = operation("POST", "/webhook").requestBody?.content["application/json"]?.schema;
  ok(schema !== undefined);
  const validate = compiled(schema);
  const value = (...good: string[]) =>
    option(
      oneof(
        constantFrom<unknown>(...good),
        constantFrom<unknown>(5, null, "", [], {}, "x", "+", "+1\n", "😀"),
      ),
      {
        nil: undefined,
        freq: 12,
      },
    );
  const message = record({
    message_id: oneof(value("m1", "m2"), string({ maxLength: 5 })),
    from: value("+1", "+22", `+${"3".repeat(32)}`, `+${"3".repeat(33)}`),
    to: value("+1", "+22"),
    ts: value(
      "2025-01-15T10:00:00Z",
      "2025-01-15T10:00Z",
      "2025-01-15T10:00:00.5Z",
      "2025-01-15T24:00:00Z",
      "2025-01-15T10:00:00+00:00",
    ),
    text: value("Hello", "😀".repeat(4096), "😀".repeat(4097), "x".repeat(4097)),
  });
  let accepted = 0;
  await assert(
    asyncProperty(message, async (fields) => {
      const text = JSON.stringify(fields);
      const { status } = await post(service.url, text);
      const fits = validate(JSON.parse(text));
      if (status === 200) accepted += 1;
      if (status === 200) ok(fits, ajv.errorsText(validate.errors));
      if (!fits) equal(status, 422);
    }),
    // Few are accepted, so a part of the rounds might have none.
    { numRuns: 300 },
  );
  notEqual(accepted, 0);
});

test("the interactive documentation loads every file from this service, over plain HTTP too", async () => {
  const response = await fetch(`${service.url}/docs`);
  equal(response.status, 200);
  match(response.headers.get("content-type") ?? "", /^text\/html\b/);
  const page = await response.text();
  const parts = Array.from(
    page.matchAll(/(?:src|href)="([^"#]+)"/g),
    ([, part = ""]) => new URL(part, `${service.url}/docs`),
  );
  ok(
    parts.some(({ pathname }) => pathname.endsWith(".js")),
    "a script",
  );
  for (const part of parts) {
    equal(part.origin, service.url, "nothing from elsewhere");
    const { status, headers } = await fetch(part);
    equal(status, 200, part.pathname);
    if (part.pathname.endsWith(".js")) match(headers.get("content-type") ?? "", /javascript/);
    if (part.pathname.endsWith(".css")) match(headers.get("content-type") ?? "", /^text\/css/);
  }
});

test("the documentation's policy does not send browsers of a service on plain HTTP to HTTPS, or anywhere else", async () => {
  const policy = (await fetch(`${service.url}/docs`)).headers.get("content-security-policy") ?? "";
  ok(!policy.includes("upgrade-insecure-requests"), policy);
  ok(!/https?:|[a-z]+\.[a-z]+/.test(policy), policy);
});

test("the files of the documentation create no metric series of their own", async () => {
  for (const path of [
    "/docs",
    "/docs/",
    "/docs/static/swagger-ui.css",
    "/docs/static/../x",
    "/docs/static/nothing",
    "/docs/static/%2e%2e/%2e%2e/package.json",
  ]) {
    const response = await fetch(service.url + path);
    ok(response.status < 500, `${path} ${response.status}`);
    ok(!(await response.text()).includes('"devDependencies"'), path);
  }
  ok(!(await scrape(service)).includes("swagger-ui.css"));
});

test("without a key only a browser that opens /docs is led to the sign-in; every other request gets the old 401", async () => {
  const key = "an-admin-key-of-the-tests-0123456789-abcdef";
  await using closed = await startService({ ADMIN_API_KEY: key });
  const browser = { accept: "text/html,application/xhtml+xml,*/*;q=0.8" };
  const get = (path: string, headers: Readonly<Record<string, string>>, method = "GET") =>
    fetch(closed.url + path, { headers, method, redirect: "manual" });
  for (const [path, location] of [
    ["/docs", "ui/#/sign-in?then=docs"],
    ["/docs?key=x", "ui/#/sign-in?then=docs"],
    ["/docs/", "../ui/#/sign-in?then=docs"],
  ] as const)
    for (const headers of [browser, { ...browser, cookie: "lyftr_x=v1.x" }]) {
      const answer = await get(path, headers);
      deepEqual([answer.status, answer.headers.get("location")], [303, location]);
      equal(answer.headers.get("cache-control"), "no-store");
      equal((await get(path, headers, "HEAD")).status, 303);
    }
  for (const [path, headers] of [
    ["/docs", {}],
    ["/docs", { accept: "application/json" }],
    ["/docs", { accept: "*/*" }],
    ["/docs", { ...browser, authorization: "Bearer x" }],
    ["/docs/json", browser],
    ["/docs/static/swagger-ui.css", browser],
    ["/openapi.json", browser],
    ["/messages", browser],
  ] as const)
    equal((await get(path, headers)).status, 401, path);
  const { reason } = await closed.line(({ status }) => status === 303);
  equal(reason, "no_header");
  equal((await get("/docs", { ...browser, authorization: `Bearer ${key}` })).status, 200);
  equal((await get("/docs", { ...browser, cookie: sealedCookie(key) })).status, 200);
});
