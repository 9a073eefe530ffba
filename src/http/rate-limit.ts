import type { Rate } from "../domain/rate.ts";
import {
  type LimiterRedis,
  LocalRateLimiter,
  type RateLimitDecision,
  type RateLimiter,
  RedisRateLimiter,
} from "../ratelimit/rate-limiter.ts";
import type { Limit, Runtime } from "../runtime.ts";
import { clientNetwork } from "./client-address.ts";
import { problem, type Reply } from "./reply.ts";
import type { Request } from "./route.ts";

/** A limiter for each configured limit. */
export interface RateLimits extends Readonly<Record<Limit, RateLimiter | undefined>> {
  // A flood of forged requests must not reach Redis.
  readonly failed_signature: LocalRateLimiter | undefined;
  readonly failed_key: LocalRateLimiter | undefined;
}

export interface RateLimitsOptions extends Pick<Runtime, "clock"> {
  /** The Redis in which replicas count together, if there is one. */
  readonly redis: LimiterRedis | undefined;
  readonly keySecret: string;
}

export function rateLimits(
  rates: Readonly<Partial<Record<Limit, Rate | undefined>>>,
  { clock, redis, keySecret }: RateLimitsOptions,
): RateLimits {
  const own = (limit: Limit) => {
    const rate = rates[limit];
    return rate && new LocalRateLimiter(rate, clock);
  };
  const common = (name: Limit) => {
    const rate = rates[name];
    return rate && redis
      ? new RedisRateLimiter({ name, rate, clock, redis, keySecret })
      : own(name);
  };
  return {
    sender: common("sender"),
    ip: common("ip"),
    key: common("key"),
    failed_signature: own("failed_signature"),
    failed_key: own("failed_key"),
  };
}

/** Applies the rate limits to requests, and answers with 429. */
export class RateLimiting {
  readonly #limits: RateLimits;
  readonly #metrics: Pick<Runtime["metrics"], "rateLimited">;

  constructor(limits: RateLimits, metrics: Pick<Runtime["metrics"], "rateLimited">) {
    this.#limits = limits;
    this.#metrics = metrics;
  }

  /** Limits the requests of an address before anything else is checked. */
  refuseAddress(request: Request): Reply | undefined | Promise<Reply | undefined> {
    const limiter = this.#limits.ip;
    return limiter && this.#spend(request, "ip", limiter.take(clientNetwork(request)));
  }

  /** Limits the requests with one API key. A request without a valid key is not limited by it. */
  refuseKey(request: Request): Reply | undefined | Promise<Reply | undefined> {
    const decision = request.apiKey && this.#limits.key?.take(request.apiKey.id);
    return decision && this.#spend(request, "key", decision);
  }

  /**
   * Called when a signature or key was wrong; returns the 429, or undefined within the limit. Only
   * failures take these tokens, and only failures are refused. Otherwise one client behind the
   * address of a proxy could lock out the others.
   */
  refuseFailure(request: Request, limit: "failed_signature" | "failed_key"): Reply | undefined {
    const decision = this.#limits[limit]?.take(clientNetwork(request));
    return decision === undefined || decision.allowed
      ? undefined
      : this.refuse(request, limit, decision);
  }

  /** The 429, which is counted. */
  refuse(request: Request, limit: Limit, decision: RateLimitDecision): Reply {
    this.#metrics.rateLimited.inc({ limit });
    this.addHeaders(request, limit, decision);
    const headers = { "retry-after": String(seconds(decision.nextMs)) };
    return problem(429, "rate limit exceeded", { headers, log: { limit }, result: "rate_limited" });
  }

  /**
   * Adds the fields of draft-ietf-httpapi-ratelimit-headers to the answer: the tokens and seconds
   * of the limit, and those that are left.
   */
  addHeaders(request: Request, limit: Limit, decision: RateLimitDecision): void {
    const { rate, remaining, nextMs } = decision;
    const spanMs = (rate.perMs / rate.count) * rate.burst;
    const [policy, state] = [
      `"${limit}";q=${rate.burst};w=${seconds(spanMs)}`,
      `"${limit}";r=${remaining};t=${seconds(nextMs)}`,
    ];
    // If several limits apply to one request, the headers list all of them.
    const listed = request.rateLimitHeaders;
    request.rateLimitHeaders = listed
      ? { policy: `${listed.policy}, ${policy}`, state: `${listed.state}, ${state}` }
      : { policy, state };
    request.addHeaders({
      "ratelimit-policy": request.rateLimitHeaders.policy,
      ratelimit: request.rateLimitHeaders.state,
    });
  }

  #spend(
    request: Request,
    limit: Limit,
    asked: RateLimitDecision | Promise<RateLimitDecision>,
  ): Reply | undefined | Promise<Reply | undefined> {
    const judge = (decision: RateLimitDecision) => {
      if (!decision.allowed) return this.refuse(request, limit, decision);
      this.addHeaders(request, limit, decision);
      return undefined;
    };
    return asked instanceof Promise ? asked.then(judge) : judge(asked);
  }
}

function seconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1_000));
}
