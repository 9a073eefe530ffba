import { deepEqual, equal, ok } from "node:assert/strict";
import { isUtf8 } from "node:buffer";
import { parseImportLine } from "../../../../src/cli/importing/import-line.ts";
import { type NdjsonLine, readNdjson } from "../../../../src/cli/importing/ndjson.ts";
import { parseErasureRequest } from "../../../../src/domain/erasure-request.ts";
import type { Issue } from "../../../../src/domain/issue.ts";
import { parseJson } from "../../../../src/domain/json.ts";
import { parseKeyRequest, parseRotationRequest } from "../../../../src/domain/key-request.ts";
import {
  parseRetirementRequest,
  parseSecretRequest,
} from "../../../../src/domain/secret-request.ts";
import { parseSignIn } from "../../../../src/domain/sign-in-request.ts";
import { parseTestMessageRequest } from "../../../../src/domain/test-message-request.ts";
import { NativeProvider } from "../../../../src/providers/native.ts";
import { SigningSecrets } from "../../../../src/providers/signature.ts";
import type { Target } from "../fuzzer.ts";
import { isMessage } from "../references.ts";

const MESSAGE =
  '{"message_id":"m1","from":"+919876543210","to":"+14155550100","ts":"2025-01-15T10:00:00Z","text":"Hello"}';
const SEEDS = [
  MESSAGE,
  '{"message_id":"m1","from_msisdn":"+1","to_msisdn":"+2","ts":"2025-01-15T10:00Z","text":null}',
  `{"message_id":"${"x".repeat(1_024)}","from":"+1","to":"+1","ts":"2025-01-15T10:00:00Z"}`,
  `{"text":"${"é".repeat(4_096)}","message_id":"x","from":"+1","to":"+1","ts":"0000-01-01T00:00Z"}`,
  '{"message_id":"","from":"x","to":5,"ts":"2025-02-30T10:00:00Z","text":{}}',
  "\ufeff{}",
  "[]",
  "null",
  "",
];
const DICTIONARY = [
  ...['"message_id":', '"from":', '"to":', '"ts":', '"text":', '"from_msisdn":', '"created_at":'],
  ...['"__proto__":', '"constructor":', '"toString":', "null", "true", "{}", "[]", '"', ",", ":"],
  ...['"+1"', '"2025-01-15T10:00:00Z"', "\\ud800", "\\u0000", "1e999", "-0", "{", "}", "[", "]"],
];

const provider = new NativeProvider(new SigningSecrets([]));

const webhookBodies: Target = {
  name: "bodies of webhooks",
  seeds: SEEDS,
  dictionary: DICTIONARY,
  share: 0.7,
  run: (input) => {
    const parsed = provider.parse(input);
    const value = decoded(input);
    equal(parsed.ok, value !== undefined && isMessage(value.json));
    if (!parsed.ok) return issuesIn(parsed.issues);
    const { message } = parsed;
    const given = value?.json as Record<string, unknown>;
    deepEqual([message.messageId, message.ts], [given.message_id, given.ts]);
    equal(message.text, given.text ?? null);
    return `ok ${message.text === null} ${message.ts.length}`;
  },
};

/** What a plain reader makes of a body. */
function decoded(input: Buffer): { readonly json: unknown } | undefined {
  if (!isUtf8(input)) return undefined;
  const text = input.toString();
  try {
    return { json: JSON.parse(text.startsWith("\ufeff") ? text.slice(1) : text) };
  } catch {
    return undefined;
  }
}

function issuesIn(issues: readonly Issue[]): string {
  ok(issues.length > 0, "a refusal without an issue");
  // The answer is JSON, so each issue must survive it.
  const written = JSON.stringify(issues);
  equal(JSON.stringify(JSON.parse(written)), written);
  for (const { loc } of issues) equal(loc[0], "body");
  return issues.map(({ type, loc, msg }) => `${type} ${loc.slice(0, 1)} ${msg}`).join();
}

type Parsed = { readonly ok: true } | { readonly ok: false; readonly issues: readonly Issue[] };

const ADMINISTRATION: Readonly<Record<string, (body: unknown) => Parsed>> = {
  erasure: parseErasureRequest,
  secret: parseSecretRequest,
  retirement: parseRetirementRequest,
  key: parseKeyRequest,
  rotation: parseRotationRequest,
  signIn: parseSignIn,
  testMessage: (body) => parseTestMessageRequest(body, { sources: ["native"] }),
};

const administrationBodies: Target = {
  name: "bodies of administrators",
  seeds: [
    '{"number":"+919876543210"}',
    '{"name":"autumn","secret":"0123456789"}',
    '{"in":"24h","force":true}',
    '{"name":"ci","scope":"read","expires_in":"90d"}',
    '{"overlap":"0"}',
    '{"key":"lyftr_0123456789"}',
    '{"text":"Hello","source":"native","send":false}',
  ],
  dictionary: [
    ...DICTIONARY,
    ...['"number":', '"name":', '"secret":', '"in":', '"force":', '"scope":', '"expires_in":'],
    ...['"overlap":', '"key":', '"source":', '"send":', '"24h"', '"read"', '"admin"', '"0"'],
  ],
  run: (input) => {
    const json = parseJson(input);
    if (!json.ok) return json.issue.msg;
    const outcomes = Object.values(ADMINISTRATION).map((parse) => {
      const parsed = parse(json.value);
      return parsed.ok ? "ok" : issuesIn(parsed.issues);
    });
    return outcomes.join("; ");
  },
};

async function linesOf(chunks: readonly Buffer[]): Promise<readonly NdjsonLine[]> {
  async function* all() {
    yield* chunks;
  }
  const lines: NdjsonLine[] = [];
  for await (const line of readNdjson(all())) lines.push(line);
  return lines;
}

const importLines: Target = {
  name: "lines of imports",
  seeds: [
    `${MESSAGE}\n${MESSAGE}\r\n\n{}\nx`,
    `\ufeff${MESSAGE}\r\n`,
    `${MESSAGE.slice(0, -1)},"created_at":"2025-01-15T10:00Z"}`,
  ],
  dictionary: [...DICTIONARY, "\n", "\r\n", "\r", "\ufeff", "\u2028"],
  share: 0.15,
  run: async (input) => {
    const size = 1 + ((input.length * 7) % 97);
    const chunks = Array.from({ length: Math.ceil(input.length / size) }, (_, at) =>
      input.subarray(at * size, (at + 1) * size),
    );
    const lines = await linesOf(chunks);
    deepEqual(lines, await linesOf([input]));
    const outcomes = new Set<string>();
    for (const { bytes } of lines) {
      const parsed = parseImportLine(bytes, "native", () => 0);
      const value = bytes === undefined || !isUtf8(bytes) ? undefined : jsonIn(bytes);
      equal(parsed.ok, isMessage(value));
      outcomes.add(parsed.ok ? `ok ${parsed.row.createdAt.length}` : "refused");
      if (!parsed.ok) ok(parsed.problem !== "", "a refused line without a reason");
    }
    return `${lines.length > 2} ${[...outcomes].sort().join()}`;
  },
};

function jsonIn(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}

export const BODIES: readonly Target[] = [webhookBodies, administrationBodies, importLines];
