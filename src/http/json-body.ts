import type { FastifyRequest, RouteShorthandOptions } from "fastify";
import { type ParsedJson, parseJson } from "../domain/json.ts";

const BODY_BYTES_MAX = 16 * 1_024;

/** For routes that take a little JSON: they get its bytes whatever its type is called, see the parser in routes/webhook.ts. */
export const JSON_BODY = {
  bodyLimit: BODY_BYTES_MAX,
  onRequest: (request, _reply, done) => {
    request.raw.headers["content-type"] = undefined;
    done();
  },
} satisfies RouteShorthandOptions;

export function jsonOf(request: FastifyRequest): ParsedJson {
  return parseJson((request.body as Buffer | null | undefined) ?? Buffer.alloc(0));
}
