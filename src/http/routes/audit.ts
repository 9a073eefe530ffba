import { AUDIT_LIMIT_MAX, parseAuditQuery, positionText } from "../../domain/audit-query.ts";
import type { Store } from "../../store/store.ts";
import { Schema } from "../json-schema.ts";
import { LinkHeader, linkToNext } from "../next-page.ts";
import { invalidQuery, json } from "../reply.ts";
import type { Route, RouteSchema } from "../route.ts";
import { problemResponses } from "../schemas.ts";

/** `GET /audit`: the audited actions on keys, secrets and people's data. */
export function auditRoute({ store }: { readonly store: Pick<Store, "credentials"> }): Route {
  return {
    method: "GET",
    path: PATH,
    access: "admin",
    schema: SCHEMA,
    handle: async (request) => {
      const parameters = request.query;
      const parsed = parseAuditQuery(parameters);
      if (!parsed.ok) return invalidQuery(parsed);
      const { limit, before } = parsed.query;
      const entries = await store.credentials.audit.newest({ limit: limit + 1, before });
      const data = entries.slice(0, limit);
      const last = data.at(-1);
      const next = entries.length > limit && last !== undefined ? positionText(last) : null;
      const from = ["before", next ?? ""] as const;
      const headers =
        next === null ? {} : linkToNext({ path: PATH, parameters, names: [], limit, from });
      return json({ data, next_before: next }, { headers });
    },
  };
}

const PATH = "/audit";
const Scalar = Schema.union([Schema.string(), Schema.number(), Schema.boolean(), Schema.null()]);
const SCHEMA: RouteSchema = {
  operationId: "readAudit",
  summary: "Read the audit",
  description: "The newest entries come first. Entries are never changed.",
  tags: ["administration"],
  querystring: Schema.object({
    limit: Schema.optional(
      Schema.integer({
        default: 50,
        description: `1 to ${AUDIT_LIMIT_MAX}. Other values are clamped.`,
      }),
    ),
    before: Schema.optional(
      Schema.string({
        description:
          "Only entries before this time: a timestamp, a date, or the `next_before` of the previous page.",
      }),
    ),
  }),
  response: {
    200: Schema.object(
      {
        data: Schema.array(
          Schema.object({
            at: Schema.string(),
            id: Schema.string(),
            actor: Schema.string({
              description: "Who did it: `key:NAME`, `ADMIN_API_KEY`, `cli` or `service`.",
            }),
            action: Schema.string({ description: "What was done, for example `key.created`." }),
            subject: Schema.string({
              description: "What it was done to. Empty for personal data.",
            }),
            details: Schema.object({}, { additionalProperties: Scalar }),
          }),
        ),
        next_before: Schema.union([Schema.string(), Schema.null()], {
          description: "The `before` of the next page. Null on the last page.",
        }),
      },
      { description: "One page.", headers: LinkHeader },
    ),
    ...problemResponses(422, 500, 503),
  },
};
