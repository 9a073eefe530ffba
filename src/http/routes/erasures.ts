import { NUMBER_PATTERN, parseErasureRequest } from "../../domain/erasure-request.ts";
import { parseJson } from "../../domain/json.ts";
import type { Eraser } from "../../retention/eraser.ts";
import { actorIn } from "../auth.ts";
import { Schema } from "../json-schema.ts";
import { invalid, json } from "../reply.ts";
import type { Route, RouteSchema } from "../route.ts";
import { problemResponses } from "../schemas.ts";
import { ERASURE, ErasureSchema, erasureBody } from "./sender.ts";

const BODY_BYTES_MAX = 1_024;

/**
 * `POST /erasures`: erases a person as `DELETE /senders/{msisdn}` does. The number is in the body,
 * because proxies and browsers keep paths. It finishes even if the client does not wait.
 */
export function erasuresRoute({ eraser }: { readonly eraser: Pick<Eraser, "erase"> }): Route {
  return {
    method: "POST",
    path: "/erasures",
    access: "admin",
    limits: { bodyBytesMax: BODY_BYTES_MAX },
    schema: SCHEMA,
    outlivesClient: true,
    withoutCors: true,
    handle: async (request) => {
      const body = parseJson(request.body);
      if (!body.ok) return invalid([body.issue]);
      const parsed = parseErasureRequest(body.value);
      if (!parsed.ok) return invalid(parsed.issues);
      return json(erasureBody(await eraser.erase(parsed.number, actorIn(request))));
    },
  };
}

const SCHEMA: RouteSchema = {
  operationId: "erasePerson",
  summary: "Erase a person, with the number in the body",
  description: `${ERASURE} A number in a body gets into no log of a proxy.`,
  tags: ["messages"],
  body: Schema.object({
    number: Schema.string({
      pattern: NUMBER_PATTERN,
      description: "The number, as in `from`. A `+` is added to digits alone.",
    }),
  }),
  response: { 200: ErasureSchema, ...problemResponses(413, 422, 429, 500, 503) },
};
