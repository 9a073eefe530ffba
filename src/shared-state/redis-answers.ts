import { createHash } from "node:crypto";
import type { Found, SharedAnswers } from "./answer-cache.ts";
import { redisScript, type SharedState } from "./redis.ts";

/** Larger ones would hold up the calls behind them. */
const ANSWER_CHARACTERS_MAX = 256 * 1024;

/** The answer and how many milliseconds are left of it, or else the milliseconds of the clock of Redis. */
const FIND = redisScript(`
local text = redis.call('GET', KEYS[1])
if text then return {text, redis.call('PTTL', KEYS[1])} end
local now = redis.call('TIME')
return {false, now[1] * 1000 + math.floor(now[2] / 1000)}`);

/** Nothing is left of it when that moment has passed already. */
const SHARE = redisScript(`
redis.call('SET', KEYS[1], ARGV[1])
return redis.call('PEXPIREAT', KEYS[1], ARGV[2])`);

const NOBODY = { kind: "missing", share: () => undefined } as const;

export interface RedisAnswersOptions {
  readonly shared: Pick<SharedState, "evaluate">;
  readonly ttlMs: number;
  /** Whose answers may stand for each other: of the same database, by the same version of the service. */
  readonly kind: readonly string[];
}

/**
 * Answers in Redis. Their time to live begins before they are read from the database, on the clock of Redis alone: whoever misses one
 * is told the time, and what is read from then on lives until that time and the time to live, however late it comes in.
 */
export class RedisAnswers implements SharedAnswers {
  readonly #options: RedisAnswersOptions;

  constructor(options: RedisAnswersOptions) {
    this.#options = options;
  }

  async find(question: string): Promise<Found> {
    const { shared, kind, ttlMs } = this.#options;
    // Questions have phone numbers in them, and lengths of their own.
    const key = `answer:${createHash("sha256")
      .update(JSON.stringify([...kind, question]))
      .digest("base64url")}`;
    const found = await shared.evaluate(FIND, [key], []);
    if (!Array.isArray(found)) return NOBODY;
    const [text, ms] = found as readonly unknown[];
    if (typeof ms !== "number") return NOBODY;
    if (typeof text === "string") return { kind: "found", text, leftMs: ms };
    return {
      kind: "missing",
      share: (answer) => {
        if (answer.length <= ANSWER_CHARACTERS_MAX) void shared.evaluate(SHARE, [key], [answer, String(ms + ttlMs)]);
      },
    };
  }
}
