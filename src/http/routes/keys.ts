import { type ApiKey, KEY_NAME_PATTERN, KEY_PATTERN, SCOPES } from "../../domain/api-key.ts";
import { parseJson } from "../../domain/json.ts";
import {
  OVERLAP_DEFAULT,
  parseKeyRequest,
  parseRotationRequest,
} from "../../domain/key-request.ts";
import type { ApiKeys } from "../../keys/api-keys.ts";
import type { Creation, IssuedKey, Rotation } from "../../keys/key-issuer.ts";
import { actorIn } from "../auth.ts";
import { type JsonSchema, Schema } from "../json-schema.ts";
import { invalid, json, NOT_FOUND, problem, type Reply } from "../reply.ts";
import type { Request, Route, RouteSchema } from "../route.ts";
import { problemResponses } from "../schemas.ts";

type Keys = Pick<ApiKeys, "all" | "create" | "rotate" | "revoke">;

const BODY = { bodyBytesMax: 16 * 1_024 };
const ID = /^[A-Za-z0-9-]{1,64}$/;
/** Why a key cannot be created, in words for the client. */
const CONFLICTS = {
  name_taken: "a live key has this name: rotate or revoke it, or choose another name",
  full: "there are too many keys",
  over: "the key has ended: create another one",
  two_live:
    "the key has a successor, or is one, and both are live: revoke one, or wait until the older one has ended",
} as const;

/**
 * `POST /keys`, `GET /keys`, `POST /keys/{id}/rotate` and `DELETE /keys/{id}`: the credentials of
 * clients.
 */
export function keysRoutes({ keys }: { readonly keys: Keys }): readonly Route[] {
  const list = async () => json({ data: (await keys.all()).map(keyBody) });
  const create = (request: Request) => createKey(keys, request);
  const rotate = (request: Request) => rotateKey(keys, request);
  const revoke = (request: Request) => revokeKey(keys, request);
  const admin = { access: "admin" } as const;
  return [
    {
      ...admin,
      method: "POST",
      path: "/keys",
      limits: BODY,
      schema: CREATE_SCHEMA,
      handle: create,
    },
    { ...admin, method: "GET", path: "/keys", schema: LIST_SCHEMA, handle: list },
    {
      ...admin,
      method: "POST",
      path: "/keys/:id/rotate",
      limits: BODY,
      schema: ROTATE_SCHEMA,
      handle: rotate,
    },
    { ...admin, method: "DELETE", path: "/keys/:id", schema: REVOKE_SCHEMA, handle: revoke },
  ];
}

async function createKey(keys: Keys, request: Request): Promise<Reply> {
  const body = parseJson(request.body);
  if (!body.ok) return invalid([body.issue]);
  const parsed = parseKeyRequest(body.value);
  if (!parsed.ok) return invalid(parsed.issues);
  return replyTo(await keys.create(parsed.request, actorIn(request)));
}

async function rotateKey(keys: Keys, request: Request): Promise<Reply> {
  const body = parseJson(request.body);
  if (!body.ok) return invalid([body.issue]);
  const parsed = parseRotationRequest(body.value);
  if (!parsed.ok) return invalid(parsed.issues);
  const id = idIn(request);
  if (id === undefined) return NOT_FOUND;
  return replyTo(await keys.rotate(id, parsed.overlapMs, actorIn(request)));
}

async function revokeKey(keys: Keys, request: Request): Promise<Reply> {
  const id = idIn(request);
  const isKnown = id !== undefined && (await keys.revoke(id, actorIn(request)));
  return isKnown ? { status: 204 } : NOT_FOUND;
}

function replyTo(outcome: Creation | Rotation): Reply {
  switch (outcome.kind) {
    case "created":
      return json(issuedBody(outcome), { status: 201 });
    case "rotated":
      return json({ ...issuedBody(outcome), replaces: keyBody(outcome.old) }, { status: 201 });
    case "unknown":
      return NOT_FOUND;
    case "name_taken":
    case "full":
    case "over":
    case "two_live":
      return problem(409, CONFLICTS[outcome.kind]);
  }
}

/** Undefined when it cannot be an id: databases differ in which texts they refuse. */
function idIn({ params: { id = "" } }: Request): string | undefined {
  return ID.test(id) ? id : undefined;
}

function issuedBody({ key, text }: IssuedKey) {
  return { ...keyBody(key), key: text };
}

/** A key as routes and commands return it. */
export function keyBody({
  id,
  name,
  scope,
  hint,
  createdAt,
  expiresAt,
  retiresAt,
  revokedAt,
  lastUsedAt,
}: ApiKey) {
  return {
    id,
    name,
    scope,
    hint,
    created_at: createdAt,
    expires_at: expiresAt,
    retires_at: retiresAt,
    revoked_at: revokedAt,
    last_used_at: lastUsedAt,
  };
}

const moment = (description: string) =>
  Schema.union([Schema.string(), Schema.null()], { description });
const ScopeSchema = Schema.string({ enum: [...SCOPES], description: "`admin` includes `read`." });
const NameSchema = Schema.string({
  pattern: KEY_NAME_PATTERN,
  description: "The name of the key in the log and the audit.",
});
const KEY = {
  id: Schema.string({ description: "The id of the key." }),
  name: NameSchema,
  scope: ScopeSchema,
  hint: Schema.string({ description: "The first characters of the key." }),
  created_at: Schema.string({ description: "When the key was created." }),
  expires_at: moment("From this time on the key is refused. Null: it does not expire."),
  retires_at: moment("The key has a successor, and is refused from this time on."),
  revoked_at: moment("When the key was revoked. It is refused."),
  last_used_at: moment("The last use, to about a minute. Null: never used."),
};
const KeySchema = Schema.object(KEY);
const TextSchema = Schema.string({
  pattern: KEY_PATTERN,
  description: "The key itself. It is returned only once.",
});

const tags: RouteSchema["tags"] = ["administration"];
const issued = (more: Record<string, JsonSchema>) =>
  Schema.object({ ...KEY, key: TextSchema, ...more }, { description: "The new key." });

const CREATE_SCHEMA: RouteSchema = {
  operationId: "createKey",
  summary: "Create an API key",
  tags,
  body: Schema.object({
    name: NameSchema,
    scope: ScopeSchema,
    expires_in: Schema.optional(
      Schema.union([Schema.string(), Schema.null()], {
        description: "The lifetime, such as `12h` or `90d`. Without it the key does not expire.",
      }),
    ),
  }),
  response: { 201: issued({}), ...problemResponses(409, 413, 422, 500, 503) },
};
const LIST_SCHEMA: RouteSchema = {
  operationId: "listKeys",
  summary: "List API keys",
  description: "Every key, the oldest first. Ended keys are included.",
  tags,
  response: {
    200: Schema.object(
      { data: Schema.array(KeySchema) },
      { description: "The keys, without their texts." },
    ),
    ...problemResponses(500, 503),
  },
};
const params = Schema.object({ id: Schema.string({ description: "The id of the key." }) });
const ROTATE_SCHEMA: RouteSchema = {
  operationId: "rotateKey",
  summary: "Rotate an API key",
  description:
    "Creates a successor with the same name, scope and lifetime. Both keys are accepted until the old one ends. " +
    "The body is optional.",
  tags,
  params,
  body: Schema.object({
    overlap: Schema.optional(
      Schema.string({
        default: OVERLAP_DEFAULT,
        description: "How long the old key is still accepted. `0` ends it at once.",
      }),
    ),
  }),
  response: {
    201: issued({ replaces: KeySchema }),
    ...problemResponses(404, 409, 413, 422, 500, 503),
  },
};
const REVOKE_SCHEMA: RouteSchema = {
  operationId: "revokeKey",
  summary: "Revoke an API key",
  description:
    "The process that answers refuses the key at once, all others within 5 seconds. Revoking it again is safe.",
  tags,
  params,
  response: {
    204: Schema.null({ description: "The key is revoked." }),
    ...problemResponses(404, 500, 503),
  },
};
