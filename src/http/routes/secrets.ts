import { parseJson } from "../../domain/json.ts";
import {
  isSecretName,
  parseRetirementRequest,
  parseSecretRequest,
  SECRET_CHARACTERS_MAX,
  SECRET_NAME_PATTERN,
} from "../../domain/secret-request.ts";
import { secretWarnings } from "../../domain/secret-warnings.ts";
import { isOfEnvironment } from "../../secrets/accepted-secrets.ts";
import { answerOf } from "../../secrets/retirement.ts";
import { retirementInWords } from "../../secrets/retirement-words.ts";
import {
  FROM_ENVIRONMENT,
  LAST_ONE,
  NO_MASTER_KEY,
  type SecretAddition,
  type SecretIssuer,
  type SecretRetirement,
} from "../../secrets/secret-issuer.ts";
import type { ListedSecret } from "../../secrets/secret-list.ts";
import { KEPT_SECRETS_MAX } from "../../store/credentials.ts";
import { actorIn } from "../auth.ts";
import { Schema } from "../json-schema.ts";
import { invalid, json, NOT_FOUND, problem, type Reply } from "../reply.ts";
import type { Request, Route, RouteSchema } from "../route.ts";
import { problemResponses } from "../schemas.ts";

type Secrets = Pick<SecretIssuer, "list" | "add" | "retire" | "hasMasterKey">;

/** A secret has at most 4,096 characters, each of which takes up to 6 bytes as an escape. */
const BODY = { bodyBytesMax: 32 * 1_024 };

/**
 * `GET /secrets`, `POST /secrets` and `POST /secrets/{name}/retire`: the webhook secrets, as `lyftr
 * secrets` manages them. The value of a secret is in one answer only, that of its creation.
 */
export function secretsRoutes({ secrets }: { readonly secrets: Secrets }): readonly Route[] {
  const admin = { access: "admin", withoutCors: true } as const;
  return [
    {
      ...admin,
      method: "GET",
      path: "/secrets",
      schema: LIST_SCHEMA,
      handle: () => listSecrets(secrets),
    },
    {
      ...admin,
      method: "POST",
      path: "/secrets",
      limits: BODY,
      schema: ADD_SCHEMA,
      handle: (request) => addSecret(secrets, request),
    },
    {
      ...admin,
      method: "POST",
      path: "/secrets/:name/retire",
      limits: BODY,
      schema: RETIRE_SCHEMA,
      handle: (request) => retireSecret(secrets, request),
    },
  ];
}

async function listSecrets(secrets: Secrets): Promise<Reply> {
  const { secrets: listed, processes } = await secrets.list();
  return json({
    data: listed.map(secretBody),
    processes,
    master_key_set: secrets.hasMasterKey,
  });
}

async function addSecret(secrets: Secrets, request: Request): Promise<Reply> {
  const body = parseJson(request.body);
  if (!body.ok) return invalid([body.issue]);
  const parsed = parseSecretRequest(body.value);
  if (!parsed.ok) return invalid(parsed.issues);
  const { name } = parsed.request;
  return replyToAddition(name, await secrets.add(parsed.request, actorIn(request)));
}

function replyToAddition(name: string, addition: SecretAddition): Reply {
  switch (addition.kind) {
    case "added": {
      const { secret, isGenerated, createdAt } = addition;
      const warnings = secretWarnings(name, secret);
      return json(
        { name, created_at: createdAt, secret: isGenerated ? secret : null, warnings },
        { status: 201 },
      );
    }
    case "no_master_key":
      return problem(409, NO_MASTER_KEY.join(" "));
    case "other_master_key":
      return problem(409, addition.problem);
    case "name_taken":
      return problem(409, "a secret has this name: choose another name, or retire it");
    case "too_many":
      return problem(
        409,
        `there are ${KEPT_SECRETS_MAX} secrets in the database, which is the maximum: retire one`,
      );
  }
}

async function retireSecret(secrets: Secrets, request: Request): Promise<Reply> {
  const body = parseJson(request.body);
  if (!body.ok) return invalid([body.issue]);
  const parsed = parseRetirementRequest(body.value);
  if (!parsed.ok) return invalid(parsed.issues);
  const { name = "" } = request.params;
  // Databases differ in which other texts they refuse.
  if (!isSecretName(name) && !isOfEnvironment(name)) return NOT_FOUND;
  const order = { ...parsed.request, name };
  return replyToRetirement(name, await secrets.retire(order, actorIn(request)));
}

function replyToRetirement(name: string, outcome: SecretRetirement): Reply {
  switch (outcome.kind) {
    case "retired":
      return json({ name, retires_at: outcome.retiresAt });
    case "refused":
      return problem(409, retirementInWords(outcome.retirement));
    case "last_one":
      return problem(409, LAST_ONE);
    case "of_environment":
      return problem(409, FROM_ENVIRONMENT);
    case "unknown":
      return NOT_FOUND;
  }
}

/** A secret as routes and commands return it, without its value. */
export function secretBody({
  name,
  from,
  since,
  ends,
  known,
  processes,
  retirement,
}: ListedSecret) {
  return {
    name,
    from,
    since: instant(since),
    ends: instant(ends),
    last_verified_at: instant(known?.lastVerifiedMs),
    accepted_by: processes,
    may_be_retired: answerOf(retirement.decision),
    may_retire: retirementInWords(retirement),
  };
}

function instant(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}

const moment = (description: string) =>
  Schema.union([Schema.string(), Schema.null()], { description });
const tags: RouteSchema["tags"] = ["administration"];
const NameSchema = Schema.string({
  pattern: SECRET_NAME_PATTERN,
  description: "The name of the secret in lists, metrics and the audit.",
});
const SecretSchema = Schema.object({
  name: Schema.string({
    description: "The name of the secret. Secrets of the environment are `current`, `previous_1` …",
  }),
  from: Schema.string({
    description:
      "`WEBHOOK_SECRET`, `WEBHOOK_SECRET_PREVIOUS` or `database`. ` of the service` behind it: other " +
      "processes have it from their environment.",
  }),
  since: moment("Since when it is accepted. Null: unknown."),
  ends: moment("From this time on it is refused. Null: no end is known."),
  last_verified_at: moment(
    "When it last verified a webhook, to about ten seconds. Null: never, or unknown.",
  ),
  accepted_by: Schema.integer({ description: "How many of the running processes accept it." }),
  may_be_retired: Schema.string({
    enum: ["yes", "no", "not yet", "ended", "unknown"],
    description: "Whether it may be retired without refusing webhooks.",
  }),
  may_retire: Schema.string({
    description: "The same as a sentence with the reason. It begins with the short answer.",
  }),
});

const LIST_SCHEMA: RouteSchema = {
  operationId: "listSecrets",
  summary: "List webhook secrets",
  description:
    "Every webhook secret by name, its last use, and whether it may be retired: those of the environment, and those " +
    "of the database. Their values are never returned.",
  tags,
  response: {
    200: Schema.object(
      {
        data: Schema.array(SecretSchema),
        processes: Schema.integer({
          description:
            "How many running processes have reported what they accept. With 0 the answers are about this process.",
        }),
        master_key_set: Schema.boolean({
          description: "Whether secrets can be added: they are encrypted with MASTER_KEY.",
        }),
      },
      { description: "The secrets, without their values." },
    ),
    ...problemResponses(429, 500, 503),
  },
};
const ADD_SCHEMA: RouteSchema = {
  operationId: "addSecret",
  summary: "Add a webhook secret",
  description:
    "Generates a secret, or stores the given one. It is encrypted with MASTER_KEY; without that the answer is 409. " +
    "Every process accepts it within 2 seconds.",
  tags,
  body: Schema.object({
    name: NameSchema,
    secret: Schema.optional(
      Schema.union(
        [Schema.string({ minLength: 1, maxLength: SECRET_CHARACTERS_MAX }), Schema.null()],
        {
          description:
            "The secret of a sender. Every character counts. Without it one is generated.",
        },
      ),
    ),
  }),
  response: {
    201: Schema.object(
      {
        name: NameSchema,
        created_at: Schema.string({ description: "When the secret was added." }),
        secret: Schema.union([Schema.string(), Schema.null()], {
          description:
            "The generated secret. It is returned only once. Null: it was in the request.",
        }),
        warnings: Schema.array(Schema.string(), {
          description:
            "Sentences about probable mistakes, such as a blank at the end or a secret that can be guessed.",
        }),
      },
      { description: "The secret is stored." },
    ),
    ...problemResponses(409, 413, 422, 429, 500, 503),
  },
};
const RETIRE_SCHEMA: RouteSchema = {
  operationId: "retireSecret",
  summary: "Retire a webhook secret",
  description:
    "Ends a secret of the database. Every process refuses it within 2 seconds after its end. If `GET /secrets` answers " +
    "`no` or `not yet`, the answer is 409 with that sentence, unless `force` is true. The body is optional.",
  tags,
  params: Schema.object({ name: Schema.string({ description: "The name of the secret." }) }),
  body: Schema.object({
    in: Schema.optional(
      Schema.string({
        default: "0",
        description: "How long it is still accepted, such as `24h`. `0` ends it at once.",
      }),
    ),
    force: Schema.optional(
      Schema.boolean({
        default: false,
        description: "Retires it even if webhooks are refused then.",
      }),
    ),
  }),
  response: {
    200: Schema.object(
      {
        name: NameSchema,
        retires_at: Schema.string({ description: "From this time on the secret is refused." }),
      },
      { description: "The secret has ended, or will end at that time." },
    ),
    ...problemResponses(404, 409, 413, 422, 429, 500, 503),
  },
};
