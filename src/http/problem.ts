import { STATUS_CODES } from "node:http";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Issue } from "../domain/issue.ts";
import { sendJsonText } from "./json.ts";

/** An error as it goes over the wire. `detail` is a sentence; `issues` take its place in the FastAPI shape when given. */
export interface Problem {
  readonly status: number;
  readonly detail: string;
  readonly issues?: readonly Issue[];
  readonly headers?: Readonly<Record<string, string>>;
}

const PROBLEM_JSON = "application/problem+json";

/** Answers with a problem: `{"detail": …}`, or RFC 9457 for clients that ask for it. */
export function sendProblem(request: FastifyRequest, reply: FastifyReply, problem: Problem): FastifyReply {
  const { text, type } = bodyOfProblem(request.headers.accept, problem);
  reply.code(problem.status).headers(problem.headers ?? {});
  return sendJsonText(reply, text, type);
}

/** The body of a problem for a client that accepts what it says. */
export function bodyOfProblem(
  accept: string | undefined,
  problem: Problem,
): { readonly text: string; readonly type: string } {
  if (wantsProblemJson(accept)) return { text: rfc9457Body(problem), type: PROBLEM_JSON };
  return { text: plainBody(problem), type: "application/json" };
}

/** What a parser found wrong with the parameters of a URL. */
export type InvalidQuery =
  | { readonly reason: "issues"; readonly issues: readonly Issue[] }
  | { readonly reason: "invalid_cursor" };

export function sendInvalidQuery(request: FastifyRequest, reply: FastifyReply, invalid: InvalidQuery): FastifyReply {
  switch (invalid.reason) {
    case "invalid_cursor":
      return sendProblem(request, reply, { status: 400, detail: "invalid cursor" });
    case "issues":
      return sendProblem(request, reply, { status: 422, detail: "validation error", issues: invalid.issues });
  }
}

/** The FastAPI shape, compact. */
export function plainBody({ detail, issues }: Problem): string {
  return JSON.stringify({ detail: issues ?? detail });
}

function rfc9457Body({ status, detail, issues }: Problem): string {
  const errors = issues === undefined ? {} : { errors: issues };
  return JSON.stringify({ type: "about:blank", title: STATUS_CODES[status] ?? "Error", status, detail, ...errors });
}

function wantsProblemJson(accept: string | undefined): boolean {
  if (accept === undefined || !accept.includes(PROBLEM_JSON)) return false;
  return accept.split(",").some((range) => {
    const [type, ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    return type === PROBLEM_JSON && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
  });
}
