import type { FastifyInstance, FastifyReply, FastifyRequest, HookHandlerDoneFunction } from "fastify";
import type { Clock } from "../domain/clock.ts";
import type { Rate } from "../domain/rate.ts";
import type { Limit, Metrics } from "../observe/metrics.ts";
import {
  type LimiterRedis,
  LocalRateLimiter,
  type RateLimitDecision,
  type RateLimiter,
  RedisRateLimiter,
} from "../ratelimit/rate-limiter.ts";
import { clientNetwork } from "./client-address.ts";
import { sendProblem } from "./problem.ts";
import { pathOf } from "./route-table.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** What the answer tells of the limits that hold for it. */
    toldLimits: { readonly policy: string; readonly state: string } | undefined;
  }
  interface FastifyContextConfig {
    /** Asked by whoever watches the service: never limited. */
    unlimited?: true;
  }
}

/** A limiter for each limit that is set. */
export interface RateLimits extends Readonly<Record<Limit, RateLimiter | undefined>> {
  // A flood of forgeries shall reach nothing but this process.
  readonly failed_signature: LocalRateLimiter | undefined;
  readonly failed_key: LocalRateLimiter | undefined;
}

export interface RateLimitsOptions {
  readonly clock: Clock;
  /** Where replicas count together, if anywhere. */
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
    return rate && redis ? new RedisRateLimiter({ name, rate, clock, redis, keySecret }) : own(name);
  };
  return {
    sender: common("sender"),
    ip: common("ip"),
    key: common("key"),
    failed_signature: own("failed_signature"),
    failed_key: own("failed_key"),
  };
}

export interface LimitingOptions {
  readonly limits: RateLimits;
  readonly metrics: Pick<Metrics, "rateLimited">;
}

/** Limits the requests of an address, before anything of them is looked at. Nothing is added when there is no such limit. */
export function limitAddresses(server: FastifyInstance, options: LimitingOptions): void {
  server.decorateRequest("toldLimits", undefined);
  const limiter = options.limits.ip;
  if (limiter === undefined) return;
  const unlimited = new Set<string>();
  server.addHook("onRoute", ({ url, config }) => {
    if (config?.unlimited) unlimited.add(url);
  });
  server.addHook("onRequest", (request, reply, done) => {
    if (unlimited.has(pathOf(request))) done();
    else spend(request, reply, "ip", limiter.take(clientNetwork(request)), options, done);
  });
}

/** Limits the requests with one API key. Whoever showed none that is good is not limited by it. */
export function limitKey(
  request: FastifyRequest,
  reply: FastifyReply,
  options: LimitingOptions,
  done: HookHandlerDoneFunction,
): void {
  const decision = request.apiKey && options.limits.key?.take(request.apiKey.id);
  if (decision === undefined) done();
  else spend(request, reply, "key", decision, options, done);
}

/** Goes on with a request that got its token, and answers the others. */
function spend(
  request: FastifyRequest,
  reply: FastifyReply,
  limit: Limit,
  asked: RateLimitDecision | Promise<RateLimitDecision>,
  options: LimitingOptions,
  done: HookHandlerDoneFunction,
): void {
  const judged = (decision: RateLimitDecision) => {
    if (decision.allowed) {
      tellLimit(request, reply, limit, decision);
      done();
    } else refuse(request, reply, limit, decision, options);
  };
  if (asked instanceof Promise) asked.then(judged, done);
  else judged(asked);
}

/**
 * A signature or key was wrong. Whether the answer to that is 429, which then is sent. Only what is wrong spends tokens and is refused for
 * want of them: otherwise anybody behind the address of a proxy could lock out the others there.
 */
export function refuseFailure(
  request: FastifyRequest,
  reply: FastifyReply,
  limit: "failed_signature" | "failed_key",
  options: LimitingOptions,
): boolean {
  const decision = options.limits[limit]?.take(clientNetwork(request));
  if (decision === undefined || decision.allowed) return false;
  refuse(request, reply, limit, decision, options);
  return true;
}

/** Answers 429 and counts it. */
export function refuse(
  request: FastifyRequest,
  reply: FastifyReply,
  limit: Limit,
  decision: RateLimitDecision,
  { metrics }: Pick<LimitingOptions, "metrics">,
): FastifyReply {
  metrics.rateLimited.inc({ limit });
  request.logged = { ...request.logged, limit };
  tellLimit(request, reply, limit, decision);
  const headers = { "retry-after": String(seconds(decision.nextMs)) };
  return sendProblem(request, reply, { status: 429, detail: "rate limit exceeded", headers });
}

/** The fields of draft-ietf-httpapi-ratelimit-headers: so many in a span of seconds, what is left, and in how many seconds there is more. */
export function tellLimit(
  request: FastifyRequest,
  reply: FastifyReply,
  limit: Limit,
  decision: RateLimitDecision,
): void {
  const { rate, remaining, nextMs } = decision;
  const spanMs = (rate.perMs / rate.count) * rate.burst;
  const [policy, state] = [
    `"${limit}";q=${rate.burst};w=${seconds(spanMs)}`,
    `"${limit}";r=${remaining};t=${seconds(nextMs)}`,
  ];
  // Several limits may hold for one request.
  const told = request.toldLimits;
  request.toldLimits = told
    ? { policy: `${told.policy}, ${policy}`, state: `${told.state}, ${state}` }
    : { policy, state };
  reply.header("ratelimit-policy", request.toldLimits.policy).header("ratelimit", request.toldLimits.state);
}

function seconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1_000));
}
