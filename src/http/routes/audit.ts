import type { FastifyInstance } from "fastify";
import Type from "typebox";
import { AUDIT_LIMIT_MAX, parseAuditQuery, placeOf } from "../../domain/audit-query.ts";
import type { Parameters } from "../../domain/parameters.ts";
import type { Store } from "../../store/store.ts";
import { sendJson } from "../json.ts";
import { LinkHeader, linkNext } from "../next-page.ts";
import { sendInvalidQuery } from "../problem.ts";
import { problemResponses } from "../schemas.ts";

/** `GET /audit`: what was done with keys, secrets and people's data, and by whom. */
export function auditRoute(server: FastifyInstance, { store }: { readonly store: Pick<Store, "credentials"> }): void {
  server.get("/audit", { schema: SCHEMA, config: { access: "admin" } }, async (request, reply) => {
    const parameters = request.query as Parameters;
    const parsed = parseAuditQuery(parameters);
    if (!parsed.ok) return sendInvalidQuery(request, reply, parsed);
    const { limit, before } = parsed.query;
    const entries = await store.credentials.audit.newest({ limit: limit + 1, before });
    const data = entries.slice(0, limit);
    const last = data.at(-1);
    const next = entries.length > limit && last !== undefined ? placeOf(last) : null;
    if (next !== null) linkNext(reply, { path: "/audit", parameters, names: [], limit, from: ["before", next] });
    return sendJson(reply.header("cache-control", "no-store"), { data, next_before: next });
  });
}

const Scalar = Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Null()]);
const SCHEMA = {
  summary: "Read the audit",
  description: "The newest entries first. Nothing in it is ever changed.",
  tags: ["administration"],
  querystring: Type.Object({
    limit: Type.Optional(Type.Integer({ default: 50, description: `1 to ${AUDIT_LIMIT_MAX}; others are clamped.` })),
    before: Type.Optional(
      Type.String({
        description: "Older than this moment, a timestamp or a date; or `next_before` of the page before.",
      }),
    ),
  }),
  response: {
    200: Type.Object(
      {
        data: Type.Array(
          Type.Object({
            at: Type.String(),
            id: Type.String(),
            actor: Type.String({ description: "`key:NAME`, `ADMIN_API_KEY`, `cli` or `service`." }),
            action: Type.String({ description: "For example `key.created`." }),
            subject: Type.String({ description: "What it was done to; empty where that must not be kept." }),
            details: Type.Record(Type.String(), Scalar),
          }),
        ),
        next_before: Type.Union([Type.String(), Type.Null()], { description: "Null when nothing is older." }),
      },
      { description: "One page.", headers: LinkHeader },
    ),
    ...problemResponses(422, 500, 503),
  },
};
