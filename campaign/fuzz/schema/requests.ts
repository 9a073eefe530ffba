import { sign } from "../../../src/providers/signature.ts";
import type { Random } from "../../support/random.ts";
import type { Operation, ValueSchema } from "./api.ts";

const SECRET = "testsecret";
const CRLF = "\r\n";
/** Texts that are valid for some parameter, nearly valid, or for none. */
const TEXTS = [
  ...["", " ", "x", "0", "-1", "1e309", "9007199254740993", "1.5", "null", "true", "[]", "{}"],
  ...["+919876543210", "919876543210", "+", "2025-01-15T10:00:00Z", "2025-01-15", "2025-02-30"],
  ...["0000-01-01T00:00:00+23:59", "9999-12-31T23:59:59.999999999Z", "24h", "0", "-5d", "99999w"],
  ...["native", "current", "autumn", "read", "admin", "Asia/Kolkata", "UTC", "hour", "week"],
  ...[
    "\0",
    "\ud800",
    "\udc00\ud800",
    "\u2028",
    "😀",
    "é",
    "e\u0301",
    "İ",
    "%",
    "_",
    "\\",
    '"',
    "'",
  ],
  ...[
    "*",
    "a*",
    "NEAR(",
    "AND",
    "../..",
    "\r\nX: y",
    "x".repeat(256),
    "x".repeat(300),
    "😀".repeat(256),
  ],
  ...["__proto__", "constructor", "=1+1", "<script>", "m1", "m2"],
];

export interface ApiRequest {
  readonly operation: Operation;
  readonly bytes: Buffer;
  readonly target: string;
}

export interface RequestOptions {
  readonly random: Random;
  readonly adminKey: string;
}

/** A request of an operation, with parameters and a body that fit its schemas or do not. */
export function requestOf(operation: Operation, { random, adminKey }: RequestOptions): ApiRequest {
  const { method, parameters = [], requestBody } = operation;
  let path = operation.path;
  const query = new URLSearchParams();
  for (const { name, in: place, schema } of parameters) {
    const text = textOf(random, schema);
    if (place === "path")
      path = path.replace(`{${name}}`, encodeURIComponent(text.toWellFormed()) || "x");
    else if (place === "query" && random.chance(0.4)) query.append(name, text);
  }
  const target = query.size === 0 ? path : `${path}?${query}`;
  const [type = "", content] = Object.entries(requestBody?.content ?? {})[0] ?? [];
  const body = content === undefined ? undefined : bodyOf(random, content.schema ?? {});
  const key = random.chance(0.95) ? adminKey : random.of(TEXTS).replace(/[^\x21-\x7e]/g, "");
  const headers = [`${method} ${target} HTTP/1.1`, "Host: x", `Authorization: Bearer ${key}`];
  if (body !== undefined)
    headers.push(
      `Content-Type: ${type}`,
      `Content-Length: ${body.length}`,
      `X-Signature: ${sign(random.chance(0.95) ? SECRET : "another secret", body)}`,
    );
  const head = Buffer.from([...headers, "", ""].join(CRLF), "latin1");
  return { operation, target, bytes: Buffer.concat([head, body ?? Buffer.alloc(0)]) };
}

function textOf(random: Random, schema: ValueSchema): string {
  if (random.chance(0.4)) return random.of(TEXTS);
  const value = valueFor(random, schema);
  return typeof value === "string" ? value : JSON.stringify(value);
}

function bodyOf(random: Random, schema: ValueSchema): Buffer {
  const kind = random.next();
  if (kind < 0.05) return Buffer.from(random.of(TEXTS));
  if (kind < 0.1) return Buffer.from(JSON.stringify(junk(random)));
  return Buffer.from(JSON.stringify(valueFor(random, schema)));
}

/** Any JSON. */
function junk(random: Random): unknown {
  return random.of<unknown>([null, true, 0, -1.5, [], {}, [null], { a: 1 }, random.of(TEXTS)]);
}

/** A value of a schema, in which a part may be wrong. */
function valueFor(random: Random, schema: ValueSchema): unknown {
  if (random.chance(0.06)) return junk(random);
  if (schema.anyOf !== undefined) return valueFor(random, random.of(schema.anyOf));
  if (schema.examples !== undefined && random.chance(0.3)) return random.of(schema.examples);
  if (schema.enum !== undefined) return random.of(schema.enum);
  if (schema.const !== undefined) return schema.const;
  switch (schema.type) {
    case "object": {
      const entries = Object.entries(schema.properties ?? {}).filter(() => random.chance(0.9));
      return Object.fromEntries(entries.map(([name, one]) => [name, valueFor(random, one)]));
    }
    case "array":
      return Array.from({ length: random.between(0, 3) }, () =>
        valueFor(random, schema.items ?? {}),
      );
    case "integer":
      return random.of([0, 1, 50, 100, 101, -1, random.between(0, 2 ** 31)]);
    case "boolean":
      return random.chance(0.5);
    case "null":
      return null;
    default:
      return random.of(TEXTS);
  }
}
