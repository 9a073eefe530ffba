import type { JsonSchema } from "./json-schema.ts";
import type { ResponseSchema, Route, RouteSchema } from "./route.ts";
import { problemResponses } from "./schemas.ts";

/** The names of the security schemes. */
const SECURITY_SCHEME = "apiKey";
const COOKIE_SCHEME = "session";
/** The ways to present a key. The name of the cookie has digits that differ by installation. */
const SECURITY_SCHEMES = {
  [SECURITY_SCHEME]: { type: "http", scheme: "bearer" },
  [COOKIE_SCHEME]: {
    type: "apiKey",
    in: "cookie",
    name: "lyftr_",
    description:
      "The cookie of `POST /session`, for browsers. Its name is `lyftr_` and 8 hexadecimal digits, with `__Host-` " +
      "before it over HTTPS. It is not looked at beside `Authorization`, and for other methods than GET and HEAD only " +
      "with `X-Lyftr-UI: 1`.",
  },
};
const INFO = {
  title: "Lyftr",
  description:
    "A webhook inbox: verifies every request, stores each message once, acknowledges only what is on disk.\n\n" +
    "Routes with a lock need an API key: `Authorization: Bearer lyftr_…`. `lyftr keys create` creates one; " +
    "“Authorize” adds it to the requests of this page, which also uses the sign-in of the dashboard. Until the first key exists, reading is open, unless " +
    "READ_AUTH says otherwise. Such responses have the header `X-Read-Auth: open`.",
};
const TAGS = [
  { name: "messages", description: "Stored messages" },
  { name: "operations", description: "The state of the service" },
  { name: "administration", description: "API keys, the audit and erasure" },
];

export interface OpenApiOptions {
  readonly version: string;
  /** Whether a route requires a key. */
  readonly requiresKey: (access: Route["access"]) => boolean;
}

/** The OpenAPI 3.1 document of the routes, generated only from them. */
export function openApi(
  routes: readonly Route[],
  { version, requiresKey }: OpenApiOptions,
): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const { path, method, access, schema } of routes) {
    if (schema === undefined) continue;
    const template = path.replace(/:([a-z_]+)/g, "{$1}");
    paths[template] ??= {};
    paths[template][method.toLowerCase()] = operation(schema, access, requiresKey(access));
  }
  return {
    openapi: "3.1.0",
    info: { ...INFO, version },
    // Relative to the URL of the document.
    servers: [{ url: "/", description: "This service" }],
    tags: TAGS,
    paths,
    components: { securitySchemes: SECURITY_SCHEMES },
  };
}

function operation(schema: RouteSchema, access: Route["access"], requiresKey: boolean): object {
  const { operationId, summary, description, tags, headers, params, querystring, body, response } =
    schema;
  const parameters = [
    ...parametersIn("header", headers),
    ...parametersIn("path", params),
    ...parametersIn("query", querystring),
  ];
  return {
    operationId,
    summary,
    ...(description !== undefined && { description }),
    tags,
    ...(parameters.length > 0 && { parameters }),
    ...(body !== undefined && { requestBody: requestBody(body) }),
    security: requiresKey ? [{ [SECURITY_SCHEME]: [] }, { [COOKIE_SCHEME]: [] }] : [],
    responses: {
      ...responses(response),
      ...(requiresKey && responses(problemResponses(...refusals(access)))),
    },
  };
}

/** The statuses of the key check on a route of this access. */
function refusals(access: Route["access"]): readonly number[] {
  return access === "admin" ? [401, 403] : [401];
}

function parametersIn(
  place: "header" | "path" | "query",
  schema: JsonSchema | undefined,
): readonly object[] {
  const { properties = {}, required = [] } = (schema ?? {}) as ObjectSchema;
  return Object.entries(properties).map(([name, { description, ...rest }]) => ({
    name,
    in: place,
    required: required.includes(name),
    description,
    schema: rest,
  }));
}

function requestBody(body: JsonSchema): object {
  const { examples, ...schema } = body as { readonly examples?: readonly unknown[] };
  const example = examples?.[0];
  return {
    required: true,
    content: { "application/json": { schema, ...(example !== undefined && { example }) } },
  };
}

function responses(response: RouteSchema["response"]): object {
  return Object.fromEntries(
    Object.entries(response).map(([status, schema]) => [status, responseOf(schema)]),
  );
}

function responseOf(response: ResponseSchema): object {
  const { description, headers, ...schema } = response as Response;
  const described = { description, ...(headers !== undefined && { headers: headersOf(headers) }) };
  if (schema.content !== undefined) return { ...described, content: schema.content };
  if (schema.type === "null") return described;
  return { ...described, content: { "application/json": { schema: { ...schema, description } } } };
}

function headersOf(headers: Readonly<Record<string, Described>>): object {
  return Object.fromEntries(
    Object.entries(headers).map(([name, { description, ...schema }]) => [
      name,
      { description, schema },
    ]),
  );
}

interface Described {
  readonly description?: string;
}

interface ObjectSchema {
  readonly properties?: Readonly<Record<string, Described>>;
  readonly required?: readonly string[];
}

interface Response extends Described {
  readonly headers?: Readonly<Record<string, Described>>;
  readonly content?: object;
  readonly type?: string;
}
