import { createHash } from "node:crypto";
import type { Found, SharedResponses } from "./response-cache.ts";

/** Larger responses would hold up the calls behind them. */
const RESPONSE_CHARACTERS_MAX = 256 * 1024;

/**
 * Returns the response and its remaining milliseconds, or else the time of Redis's clock in
 * milliseconds.
 */
const FIND = `
local text = redis.call('GET', KEYS[1])
if text then return {text, redis.call('PTTL', KEYS[1])} end
local now = redis.call('TIME')
return {false, now[1] * 1000 + math.floor(now[2] / 1000)}`;

/** Stores nothing when that moment is past. */
const SHARE = `
redis.call('SET', KEYS[1], ARGV[1])
return redis.call('PEXPIREAT', KEYS[1], ARGV[2])`;

const UNAVAILABLE = { kind: "missing", share: () => undefined } as const;

export interface RedisResponsesOptions {
  readonly redis: {
    /** Runs a Lua script. Resolves soon, and with undefined when Redis is unavailable. */
    evaluate(script: string, keys: readonly string[], args: readonly string[]): Promise<unknown>;
  };
  readonly ttlMs: number;
  /**
   * Only processes of the same kind share responses: those of one database and one version of the
   * service.
   */
  readonly kind: readonly string[];
}

/**
 * Responses in Redis. Their time to live starts before they are read from the database, and only
 * Redis's clock counts. A process that misses a response gets Redis's time. What it then reads
 * lives until that time plus the time to live, however late it arrives.
 */
export class RedisResponses implements SharedResponses {
  readonly #options: RedisResponsesOptions;

  constructor(options: RedisResponsesOptions) {
    this.#options = options;
  }

  async find(question: string): Promise<Found> {
    const { redis, kind, ttlMs } = this.#options;
    // Hashes the question, which may be long and contain phone numbers.
    const key = `answer:${createHash("sha256")
      .update(JSON.stringify([...kind, question]))
      .digest("base64url")}`;
    const found = await redis.evaluate(FIND, [key], []);
    if (!Array.isArray(found)) return UNAVAILABLE;
    const [text, ms] = found as readonly unknown[];
    if (typeof ms !== "number") return UNAVAILABLE;
    if (typeof text === "string") return { kind: "found", text, leftMs: ms };
    const share = (response: string) => {
      if (response.length > RESPONSE_CHARACTERS_MAX) return;
      void redis.evaluate(SHARE, [key], [response, String(ms + ttlMs)]);
    };
    return { kind: "missing", share };
  }
}
