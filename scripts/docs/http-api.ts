import { type RouteParts, serviceRoutes } from "../../src/app/routes.ts";
import { VERSION } from "../../src/app/start-up.ts";
import { systemClock } from "../../src/domain/clock.ts";
import { openApi } from "../../src/http/openapi.ts";
import type { Route } from "../../src/http/route.ts";
import { block, code, GENERATED, list, page, paragraph, table } from "./markdown.ts";

interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly const?: unknown;
  readonly enum?: readonly string[];
  readonly default?: unknown;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}

interface Content {
  readonly schema: Schema;
  readonly example?: unknown;
}

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required: boolean;
  readonly description?: string;
  readonly schema: Schema;
}

interface Response {
  readonly description: string;
  readonly headers?: Readonly<Record<string, { readonly description?: string }>>;
  readonly content?: Readonly<Record<string, Content>>;
}

interface Operation {
  readonly summary: string;
  readonly description?: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, Content>> };
  readonly responses: Readonly<Record<string, Response>>;
}

interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

const ACCESS: Readonly<Record<Route["access"], string>> = {
  open: "not needed",
  read: "scope `read` or `admin`, unless reading is open",
  admin: "scope `admin`",
  metrics: "only with `METRICS_AUTH=required`",
};

/** Routes without a description in OpenAPI. */
const UNDESCRIBED: Readonly<Record<string, string>> = {
  "/healthz": "The same as `GET /health/live`.",
  "/livez": "The same as `GET /health/live`.",
  "/readyz": "The same as `GET /health/ready`.",
  "/docs": "An interactive page of the API, which needs nothing from the internet.",
  "/": "Sends a browser (`Accept: text/html`) to the dashboard. To all others the path does not exist.",
  "/ui": "The dashboard, a page for people. Its files are below `/ui/assets/`.",
  "/favicon.ico": "The icon of the dashboard, as SVG.",
  "/openapi.json": "The OpenAPI 3.1 document from which this page is generated.",
};

const INTRODUCTION = [
  paragraph(
    "Every route of the service, its parameters, bodies, statuses and headers. A running service has the same as an " +
      "interactive page at `/docs` and as an OpenAPI document at `/openapi.json`.",
  ),
  "## For every route",
  list([
    "**API keys.** `Authorization: Bearer lyftr_…`. `lyftr keys create` creates one. Until the first key exists, reading " +
      "is open, unless [READ_AUTH](configuration.md#read_auth) says otherwise. Without a valid key: 401 " +
      '`{"detail":"unauthorized"}`. Browsers can send the cookie of `POST /session` instead. With a key of too small a scope: 403 `{"detail":"forbidden"}`.',
    '**Errors** are `{"detail": …}`. Clients that send `Accept: application/problem+json` get RFC 9457 instead.',
    "**HEAD** works wherever GET does. A path with a trailing slash is the same route.",
    '**Pages.** A list links to its next page: `Link: </messages?limit=100&cursor=…>; rel="next"`. Follow that, or ' +
      "`next_cursor`. Do not compute offsets from the `limit` you asked for: it may have been clamped.",
    "**429 and 503** have `Retry-After`, in seconds. A 5xx or no answer to `POST /webhook` means that the outcome is " +
      "unknown. Send it again: the id prevents duplicates.",
    "**Caching.** Reads that list the status 304 have an `ETag`. With `If-None-Match` an unchanged response is a 304 " +
      "without a body. With `Cache-Control: max-age=1` the response may be a second old, and so may miss what was " +
      "stored since. Use it to ask often while many messages come in.",
  ]),
];

/** docs/http-api.md, from the routes. */
export function httpApiPage(): string {
  const requiresKey = (access: Route["access"]) => access === "read" || access === "admin";
  // Routes are values: making them uses no other parts than these.
  const parts = { ingest: { clock: systemClock }, metrics: {}, auth: { requiresKey } };
  const routes = serviceRoutes(parts as unknown as RouteParts);
  const { paths } = openApi(routes, { version: VERSION, requiresKey }) as OpenApi;
  const described = routes.filter(({ schema }) => schema !== undefined);
  const others = routes.filter(
    ({ schema, path }) => schema === undefined && !/^\/(docs|ui)\//.test(path),
  );
  return page(
    GENERATED,
    "# HTTP API",
    ...INTRODUCTION,
    "## Routes",
    table(
      ["route", "what it does", "API key"],
      [
        ...described.map((route) => [
          linkTo(route),
          operationOf(paths, route).summary,
          ACCESS[route.access],
        ]),
        ...others.map(({ method, path, access }) => [
          code(`${method} ${path}`),
          UNDESCRIBED[path] ?? "",
          ACCESS[access],
        ]),
      ],
    ),
    ...described.flatMap((route) => section(route, operationOf(paths, route))),
  );
}

function templateOf({ path }: Route): string {
  return path.replace(/:([a-z_]+)/g, "{$1}");
}

function titleOf(route: Route): string {
  return `${route.method} ${templateOf(route)}`;
}

function linkTo(route: Route): string {
  const anchor = titleOf(route)
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");
  return `[${code(titleOf(route))}](#${anchor})`;
}

function operationOf(paths: OpenApi["paths"], route: Route): Operation {
  const operation = paths[templateOf(route)]?.[route.method.toLowerCase()];
  if (operation === undefined) throw new Error(`${titleOf(route)} is not in the OpenAPI document`);
  return operation;
}

function section(route: Route, operation: Operation): readonly string[] {
  const { summary, description, parameters = [], requestBody, responses } = operation;
  return [
    `## ${titleOf(route)}`,
    paragraph([`${summary}.`, description ?? ""].join(" ")),
    `API key: ${ACCESS[route.access]}.`,
    ...(parameters.length === 0
      ? []
      : [table(["parameter", "in", "type", "default", "meaning"], parameters.map(parameterRow))]),
    ...(requestBody === undefined ? [] : requestSection(requestBody.content)),
    table(["status", "meaning", "headers", "body"], Object.entries(responses).map(responseRow)),
    ...Object.entries(responses)
      .filter(([status]) => status < "300")
      .flatMap(([status, { content = {} }]) => bodySection(`Fields of the ${status}:`, content)),
  ];
}

function parameterRow({
  name,
  in: place,
  required,
  description = "",
  schema,
}: Parameter): readonly string[] {
  return [
    code(name),
    place,
    typeOf(schema),
    required ? "required" : schema.default === undefined ? "" : code(String(schema.default)),
    description,
  ];
}

function requestSection(content: Readonly<Record<string, Content>>): readonly string[] {
  const example = Object.values(content)[0]?.example;
  return [
    ...bodySection("Fields of the request body, which is JSON:", content),
    ...(example === undefined ? [] : ["Example:", block("json", JSON.stringify(example, null, 2))]),
  ];
}

function bodySection(
  heading: string,
  content: Readonly<Record<string, Content>>,
): readonly string[] {
  const rows = Object.values(content).flatMap(({ schema }) => fieldRows(schema, ""));
  if (rows.length > 0) return [heading, table(["field", "type", "meaning"], rows)];
  return Object.entries(content)
    .filter(([type]) => type !== "application/json")
    .map(([type, { schema }]) => paragraph(`${code(type)}: ${schema.description ?? ""}`));
}

/** A row for each field, and for each field of its objects. */
function fieldRows(schema: Schema, prefix: string): readonly (readonly string[])[] {
  const { properties = {}, required = [] } = schema;
  return Object.entries(properties).flatMap(([name, field]) => {
    const path = `${prefix}${name}`;
    const optional = required.includes(name) ? "" : ", optional";
    const below =
      field.items === undefined
        ? fieldRows(field, `${path}.`)
        : fieldRows(field.items, `${path}[].`);
    return [[code(path), `${typeOf(field)}${optional}`, field.description ?? ""], ...below];
  });
}

function responseRow([status, { description, headers = {}, content = {} }]: [
  string,
  Response,
]): readonly string[] {
  const named = Object.entries(headers).map(
    ([name, header]) => `${code(name)}: ${header.description ?? ""}`,
  );
  return [status, description, named.join(" "), Object.keys(content).map(code).join(", ")];
}

function typeOf(schema: Schema): string {
  const {
    type = "any",
    anyOf,
    items,
    const: constant,
    enum: words,
    pattern,
    minLength,
    maxLength,
  } = schema;
  if (anyOf !== undefined) return anyOf.map(typeOf).join(" or ");
  if (constant !== undefined) return code(JSON.stringify(constant));
  if (words !== undefined) return words.map(code).join(", ");
  if (items !== undefined) return `array of ${typeOf(items)}`;
  const bounds = [
    ...(minLength === undefined ? [] : [`at least ${minLength}`]),
    ...(maxLength === undefined ? [] : [`at most ${maxLength}`]),
  ];
  const length = bounds.length === 0 ? "" : ` of ${bounds.join(", ")} characters`;
  return `${type}${length}${pattern === undefined ? "" : `, pattern ${code(pattern)}`}`;
}
