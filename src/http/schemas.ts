import { STATUS_CODES } from "node:http";
import Type, { type TSchema } from "typebox";

/** One problem of an input. */
const IssueSchema = Type.Object({
  type: Type.String(),
  loc: Type.Array(Type.Union([Type.String(), Type.Integer()])),
  msg: Type.String(),
  input: Type.Optional(Type.Unknown()),
  ctx: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
});

const Problem = Type.Object({ detail: Type.String() });
const ValidationProblem = Type.Object({ detail: Type.Array(IssueSchema) });

/** The error answers of a route, for the documentation. */
export function problemResponses(...statuses: readonly number[]): Record<number, TSchema> {
  return Object.fromEntries(
    statuses.map((status) => [
      status,
      { ...(status === 422 ? ValidationProblem : Problem), description: STATUS_CODES[status] },
    ]),
  );
}
