import { STATUS_CODES } from "node:http";
import {
  Overloaded,
  QueryTooExpensive,
  ReadCancelled,
  StoreDamaged,
  StoreUnavailable,
} from "../domain/errors.ts";
import type { Issue } from "../domain/issue.ts";
import type { WebhookResult } from "../runtime.ts";
import { namesType } from "./accept.ts";

export type Headers = Readonly<Record<string, string>>;

/**
 * An answer as a value. `writer.ts` turns it into bytes, the log line, the metrics and the trace.
 */
export interface Reply {
  readonly status: number;
  /** Added to the headers of every answer, and override them. */
  readonly headers?: Headers;
  /** The values of `Set-Cookie`, of which there may be several. */
  readonly cookies?: readonly string[];
  /** Sent unchanged. A reply has at most one of `body`, `problem` and `stream`. */
  readonly body?: string | Buffer;
  /** The content type of `body`. Default: compact JSON. */
  readonly type?: string;
  readonly problem?: Problem;
  readonly stream?: Stream;
  /** Fields of the log line. */
  readonly log?: Readonly<Record<string, unknown>>;
  /** The result of the request, for routes that count their results. */
  readonly result?: WebhookResult;
}

/** An error body. `detail` is a sentence. The FastAPI shape shows `issues` instead, if given. */
export interface Problem {
  readonly detail: string;
  readonly issues?: readonly Issue[];
}

/** A body of any length that is generated while it is sent. */
export interface Stream {
  readonly text: AsyncIterable<string>;
  /** Aborted with an error to end the answer at once, so that it does not look complete. */
  readonly cut: AbortSignal;
}

/** The client disconnected before its answer was sent. The number is nginx's. */
export const CLIENT_CLOSED_REQUEST = 499;
export const CLOSE: Headers = { connection: "close" };
export const PROBLEM_JSON = "application/problem+json";
const FRAMES_MAX = 5;
const RETRY_SECONDS_MAX = 3;

/** Why a stream was ended early. It is logged with this status. */
export class StreamCut extends Error {
  override readonly name = "StreamCut";
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Compact JSON. */
export function json(value: unknown, more: Partial<Reply> = {}): Reply {
  return { status: 200, ...more, body: JSON.stringify(value) };
}

export function problem(status: number, detail: string, more: Partial<Reply> = {}): Reply {
  return { ...more, status, problem: { detail } };
}

export function invalid(issues: readonly Issue[], more: Partial<Reply> = {}): Reply {
  const result = "validation_error";
  return { result, ...more, status: 422, problem: { detail: "validation error", issues } };
}

export const NOT_FOUND = problem(404, "Not Found");
export const BAD_REQUEST = problem(400, "Bad Request", { headers: CLOSE });
export const TOO_LARGE = problem(413, "payload too large", { headers: CLOSE, result: "too_large" });

/** Why the parameters of a URL are invalid. */
export type InvalidQuery =
  | { readonly reason: "issues"; readonly issues: readonly Issue[] }
  | { readonly reason: "invalid_cursor" };

export function invalidQuery(query: InvalidQuery): Reply {
  switch (query.reason) {
    case "invalid_cursor":
      return problem(400, "invalid cursor");
    case "issues":
      return invalid(query.issues);
  }
}

/**
 * Turns a thrown error into a reply; nothing else does. Details for the operator go into the log
 * line. Undefined when the client has disconnected.
 */
export function replyToFailure(error: unknown, random: () => number): Reply | undefined {
  if (error instanceof ReadCancelled) return undefined;
  if (error instanceof StreamCut)
    return problem(error.status, error.message, { log: { error: error.message } });
  if (error instanceof Overloaded || error instanceof StoreUnavailable) {
    const log = { ...shedIn(error), error: error.message };
    const headers = {
      ...retryAfter(random),
      ...(error instanceof BodiesTooLarge && error.arrived ? CLOSE : {}),
    };
    return problem(503, detailOf(error), { headers, log, result: "unavailable" });
  }
  if (error instanceof QueryTooExpensive)
    return invalid([{ type: "too_broad", loc: ["query"], msg: error.message }]);
  const { name, stack } = error instanceof Error ? error : new Error("not an error");
  // The message of the error is not used: a database may quote the row in it.
  return problem(500, "internal server error", { log: { error: name, frames: framesOf(stack) } });
}

/** The bodies that are arriving take too much memory. */
export class BodiesTooLarge extends Overloaded {
  /** Whether a part of the body has already arrived. */
  readonly arrived: boolean;

  constructor(arrived: boolean) {
    super("too many requests are under way");
    this.arrived = arrived;
  }
}

function shedIn(error: Error): { readonly shed?: "bytes" } {
  return error instanceof BodiesTooLarge ? { shed: "bytes" } : {};
}

/**
 * When to try again, in whole seconds from 1 to 3. It is random, so that clients refused together
 * do not come back together.
 */
export function retryAfter(random: () => number): Headers {
  return { "retry-after": String(1 + Math.floor(RETRY_SECONDS_MAX * random())) };
}

function detailOf(error: Error): string {
  if (error instanceof Overloaded) return error.message;
  if (error instanceof StoreDamaged)
    return "a part of the database is damaged: the log of the service has the details";
  return "database unavailable";
}

function framesOf(stack = ""): readonly string[] {
  const lines = stack.split("\n").map((line) => line.trim());
  return lines.filter((line) => line.startsWith("at ")).slice(0, FRAMES_MAX);
}

/** The body of a problem: `{"detail": …}`, or RFC 9457 for clients that ask for it. */
export function problemBody(
  accept: string | undefined,
  status: number,
  { detail, issues }: Problem,
): { readonly text: string; readonly type: string } {
  if (!namesType(accept, PROBLEM_JSON)) {
    return { text: JSON.stringify({ detail: issues ?? detail }), type: "application/json" };
  }
  const title = STATUS_CODES[status] ?? "Error";
  const errors = issues === undefined ? {} : { errors: issues };
  return {
    text: JSON.stringify({ type: "about:blank", title, status, detail, ...errors }),
    type: PROBLEM_JSON,
  };
}
