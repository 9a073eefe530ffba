import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { Overloaded, QueryTooExpensive, ReadCancelled, StoreDamaged, StoreUnavailable } from "../domain/errors.ts";
import { type Problem, sendProblem } from "./problem.ts";

const CLOSE = { connection: "close" };
const FRAMES_MAX = 5;

/** Whatever was thrown on the way becomes an answer here, and only here. */
export function answerFailure(
  error: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
  retryAfter: () => Readonly<Record<string, string>>,
): FastifyReply {
  if (error instanceof ReadCancelled) {
    // Nobody is left to be answered: it is told as a client that went away.
    reply.hijack();
    reply.raw.destroy();
    return reply;
  }
  const problem = problemOf(error, request);
  return sendProblem(request, reply, problem.status === 503 ? { ...problem, headers: retryAfter() } : problem);
}

/** What a failure is to the client. Whatever an operator needs besides goes into the request's log line. */
export function problemOf(error: FastifyError, request: FastifyRequest): Problem {
  if (error instanceof Overloaded || error instanceof StoreUnavailable) {
    request.logged = { ...request.logged, error: error.message };
    return { status: 503, detail: detailOf(error) };
  }
  if (error instanceof QueryTooExpensive) {
    const issues = [{ type: "too_broad", loc: ["query"], msg: error.message }];
    return { status: 422, detail: "validation error", issues };
  }
  if (error.statusCode === 413) return { status: 413, detail: "payload too large", headers: CLOSE };
  if (error.statusCode !== undefined && error.statusCode < 500) {
    return { status: 400, detail: "Bad Request", headers: CLOSE };
  }
  // Not its message: an engine may quote the row in it.
  request.logged = { ...request.logged, error: error.name, frames: framesOf(error) };
  return { status: 500, detail: "internal server error" };
}

function detailOf(error: Error): string {
  if (error instanceof Overloaded) return error.message;
  if (error instanceof StoreDamaged) return "a part of the database is damaged: the log of the service has the details";
  return "database unavailable";
}

function framesOf(error: Error): readonly string[] {
  const lines = (error.stack ?? "").split("\n").map((line) => line.trim());
  return lines.filter((line) => line.startsWith("at ")).slice(0, FRAMES_MAX);
}
