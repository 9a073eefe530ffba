import type { Runtime } from "../runtime.ts";
import type { Auth } from "./auth.ts";
import { BodyBudget, readBody } from "./body.ts";
import type { Cors } from "./cors.ts";
import { framingOf } from "./framing.ts";
import type { RateLimiting } from "./rate-limit.ts";
import {
  BAD_REQUEST,
  CLOSE,
  NOT_FOUND,
  problem,
  type Reply,
  replyToFailure,
  TOO_LARGE,
} from "./reply.ts";
import type { Request, Route } from "./route.ts";
import type { Writer } from "./writer.ts";

const UNSUPPORTED = problem(415, "unsupported content encoding", {
  headers: CLOSE,
  result: "unsupported",
});

export interface HandlerOptions {
  readonly writer: Writer;
  readonly cors: Cors;
  readonly auth: Auth;
  readonly limiting: RateLimiting;
  readonly runtime: Pick<Runtime, "metrics" | "random">;
}

/** Runs the checks of a request, the cheapest first, then its route, and writes the reply. */
export class Handler {
  readonly #options: HandlerOptions;
  readonly #budget: BodyBudget;

  constructor(options: HandlerOptions) {
    this.#options = options;
    this.#budget = new BodyBudget(options.runtime.metrics);
  }

  async handle(request: Request): Promise<void> {
    const { writer } = this.#options;
    writer.log.begin(request);
    const framing = framingOf(request.raw);
    if (framing === "distrusted") return;
    const reply = framing === "ambiguous" ? BAD_REQUEST : await this.#replyTo(request);
    if (reply === undefined) request.response.destroy();
    else this.#write(request, reply);
  }

  /**
   * A reply that cannot be written, such as one with a bad header, ends its own request and not the
   * process.
   */
  #write(request: Request, reply: Reply): void {
    try {
      this.#options.writer.write(request, reply);
    } catch (error) {
      request.broken = replyToFailure(error, this.#options.runtime.random);
      request.response.destroy();
    }
  }

  /** Answers a request that is refused before any of this. */
  refuse(request: Request, reply: Reply): void {
    this.#options.cors.addHeaders(request);
    this.#options.writer.refuse(request, reply);
  }

  /** Undefined when the client disconnected. */
  async #replyTo(request: Request): Promise<Reply | undefined> {
    const { cors, limiting } = this.#options;
    try {
      cors.addHeaders(request);
      const preflight = cors.preflight(request);
      if (preflight !== undefined) return preflight;
      const { route, ofPath } = request.target;
      const limited = ofPath?.limits?.unlimited ? undefined : limiting.refuseAddress(request);
      const refusal = limited instanceof Promise ? await limited : limited;
      if (refusal !== undefined) return refusal;
      return route === undefined ? noRoute(request) : await this.#askRoute(request, route);
    } catch (error) {
      return replyToFailure(error, this.#options.runtime.random);
    }
  }

  async #askRoute(request: Request, route: Route): Promise<Reply> {
    const { auth, limiting } = this.#options;
    const { unlimited, plainBodiesOnly, bodyBytesMax, countsBodies } = route.limits ?? {};
    if (auth.requiresKey(route.access)) {
      const unauthorized = auth.refuse(request, route.access);
      if (unauthorized !== undefined)
        return route.whenRefused?.(request, unauthorized) ?? unauthorized;
      const limited = unlimited ? undefined : limiting.refuseKey(request);
      const refusal = limited instanceof Promise ? await limited : limited;
      if (refusal !== undefined) return refusal;
    }
    if (plainBodiesOnly && isEncoded(request)) return UNSUPPORTED;
    if (bodyBytesMax !== undefined) {
      const body = await readBody(request, bodyBytesMax, countsBodies && this.#budget);
      if (body === "too_large") return TOO_LARGE;
      if (body === "broken") return BAD_REQUEST;
      request.body = body;
    }
    const answer = route.handle(request);
    if (!(answer instanceof Promise)) return answer;
    request.outcome = answer;
    return await answer;
  }
}

function noRoute({ target, method }: Request): Reply {
  // The method fits, but the path has an invalid escape or a part that is too long.
  if (target.methods.length === 0 || target.methods.includes(method)) return NOT_FOUND;
  return problem(405, "Method Not Allowed", {
    headers: { allow: [...target.methods].sort().join(", ") },
  });
}

function isEncoded({ headers }: Request): boolean {
  const encoding = headers["content-encoding"];
  return encoding !== undefined && encoding !== "" && encoding.trim().toLowerCase() !== "identity";
}
