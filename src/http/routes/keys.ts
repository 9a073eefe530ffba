import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import Type, { type TSchema } from "typebox";
import { type ApiKey, KEY_NAME_PATTERN, KEY_PATTERN, SCOPES } from "../../domain/api-key.ts";
import { OVERLAP_DEFAULT, parseKeyRequest, parseRotationRequest } from "../../domain/key-request.ts";
import type { ApiKeys } from "../../keys/api-keys.ts";
import type { Creation, IssuedKey, Rotation } from "../../keys/key-issuer.ts";
import { actorIn } from "../auth.ts";
import { sendJson } from "../json.ts";
import { JSON_BODY, jsonOf } from "../json-body.ts";
import { sendInvalidQuery, sendProblem } from "../problem.ts";
import { problemResponses } from "../schemas.ts";

export interface KeysRouteOptions {
  readonly keys: Pick<ApiKeys, "all" | "create" | "rotate" | "revoke">;
}

const ADMIN = { ...JSON_BODY, config: { access: "admin" } } as const;
const NOT_FOUND = { status: 404, detail: "Not Found" };
const ID = /^[A-Za-z0-9-]{1,64}$/;
/** Why a key is not made, to whoever wanted one. */
const CONFLICTS = {
  name_taken: "a live key has this name: rotate or revoke it, or choose another name",
  full: "there are too many keys",
  over: "the key has ended: create another one",
  two_live: "the key has a successor, or is one, and both are live: revoke one, or wait until the older one has ended",
} as const;

/** `POST /keys`, `GET /keys`, `POST /keys/{id}/rotate` and `DELETE /keys/{id}`: who may use the service. */
export function keysRoutes(server: FastifyInstance, { keys }: KeysRouteOptions): void {
  server.post("/keys", { ...ADMIN, schema: CREATE_SCHEMA }, async (request, reply) => {
    const json = jsonOf(request);
    const parsed = json.ok ? parseKeyRequest(json.value) : { ok: false as const, issues: [json.issue] };
    if (!parsed.ok) return sendInvalidQuery(request, reply, { reason: "issues", issues: parsed.issues });
    return answer(request, reply, await keys.create(parsed.request, actorIn(request)));
  });
  server.get("/keys", { ...ADMIN, schema: LIST_SCHEMA }, async (_request, reply) => {
    return sendJson(notStored(reply), { data: (await keys.all()).map(keyBody) });
  });
  server.post("/keys/:id/rotate", { ...ADMIN, schema: ROTATE_SCHEMA }, async (request, reply) => {
    const json = jsonOf(request);
    const parsed = json.ok ? parseRotationRequest(json.value) : { ok: false as const, issues: [json.issue] };
    if (!parsed.ok) return sendInvalidQuery(request, reply, { reason: "issues", issues: parsed.issues });
    const id = idIn(request);
    if (id === undefined) return sendProblem(request, reply, NOT_FOUND);
    return answer(request, reply, await keys.rotate(id, parsed.overlapMs, actorIn(request)));
  });
  server.delete("/keys/:id", { ...ADMIN, schema: REVOKE_SCHEMA }, async (request, reply) => {
    const id = idIn(request);
    const known = id !== undefined && (await keys.revoke(id, actorIn(request)));
    return known ? reply.code(204).send() : sendProblem(request, reply, NOT_FOUND);
  });
}

function answer(request: FastifyRequest, reply: FastifyReply, outcome: Creation | Rotation): FastifyReply {
  switch (outcome.kind) {
    case "created":
      return sendJson(notStored(reply.code(201)), issuedBody(outcome));
    case "rotated":
      return sendJson(notStored(reply.code(201)), { ...issuedBody(outcome), replaces: keyBody(outcome.old) });
    case "unknown":
      return sendProblem(request, reply, NOT_FOUND);
    case "name_taken":
    case "full":
    case "over":
    case "two_live":
      return sendProblem(request, reply, { status: 409, detail: CONFLICTS[outcome.kind] });
  }
}

/** Undefined when it can be no id: databases differ in which texts they refuse to look for. */
function idIn(request: FastifyRequest): string | undefined {
  const { id } = request.params as { readonly id: string };
  return ID.test(id) ? id : undefined;
}

/** No proxy or browser shall keep a key, or who has one. */
function notStored(reply: FastifyReply): FastifyReply {
  return reply.header("cache-control", "no-store");
}

function issuedBody({ key, text }: IssuedKey) {
  return { ...keyBody(key), key: text };
}

function keyBody({ id, name, scope, hint, createdAt, expiresAt, retiresAt, revokedAt, lastUsedAt }: ApiKey) {
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

const moment = (description: string) => Type.Union([Type.String(), Type.Null()], { description });
const ScopeSchema = Type.String({ enum: [...SCOPES], description: "`admin` may do all that `read` may." });
const NameSchema = Type.String({ pattern: KEY_NAME_PATTERN, description: "Stands in the log and in the audit." });
const KEY = {
  id: Type.String(),
  name: NameSchema,
  scope: ScopeSchema,
  hint: Type.String({ description: "The first characters of the key." }),
  created_at: Type.String(),
  expires_at: moment("It is refused from then on; null is never."),
  retires_at: moment("It has a successor, and is refused from then on."),
  revoked_at: moment("It was revoked then, and is refused."),
  last_used_at: moment("To about a minute; null is never."),
};
const KeySchema = Type.Object(KEY);
const TextSchema = Type.String({ pattern: KEY_PATTERN, description: "The key itself. It is shown this once only." });

const tags = ["administration"];
const json = (schema: TSchema) => ({ body: schema });
const issued = (more: Record<string, TSchema>) =>
  Type.Object({ ...KEY, key: TextSchema, ...more }, { description: "The new key." });

const CREATE_SCHEMA = {
  summary: "Create an API key",
  tags,
  ...json(
    Type.Object({
      name: NameSchema,
      scope: ScopeSchema,
      expires_in: Type.Optional(
        Type.Union([Type.String(), Type.Null()], { description: "How long it lives: `12h`, `90d`. For ever without." }),
      ),
    }),
  ),
  response: { 201: issued({}), ...problemResponses(409, 413, 422, 500, 503) },
};
const LIST_SCHEMA = {
  summary: "List API keys",
  description: "Every key that ever was, the oldest first, those that have ended too.",
  tags,
  response: {
    200: Type.Object({ data: Type.Array(KeySchema) }, { description: "The keys, none of which can be used." }),
    ...problemResponses(500, 503),
  },
};
const params = Type.Object({ id: Type.String({ description: "The id of the key." }) });
const ROTATE_SCHEMA = {
  summary: "Give an API key a successor",
  description:
    "A new key of the same name and scope, that lives as long from now on as the old one was made to. Both are accepted until the old one ends. " +
    "A body is not needed.",
  tags,
  params,
  ...json(
    Type.Object({
      overlap: Type.Optional(
        Type.String({
          default: OVERLAP_DEFAULT,
          description: "How long the old one is accepted; `0` ends it at once.",
        }),
      ),
    }),
  ),
  response: { 201: issued({ replaces: KeySchema }), ...problemResponses(404, 409, 413, 422, 500, 503) },
};
const REVOKE_SCHEMA = {
  summary: "Revoke an API key",
  description: "It is refused at once by the process that answers, and within 5 seconds by all others. Safe twice.",
  tags,
  params,
  response: { 204: Type.Null({ description: "It is revoked." }), ...problemResponses(404, 500, 503) },
};
