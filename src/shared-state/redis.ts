import { createHash } from "node:crypto";
import type { createClient as CreateClient } from "@redis/client";
import { type Clock, within } from "../domain/clock.ts";
import { codeInWords } from "../domain/failure-words.ts";

/** Nobody waits longer for Redis than this: what it would have said is then done without. */
const CALL_MS_MAX = 50;
const CONNECT_MS_MAX = 1_000;
/** So many failures one after the other, and Redis is left alone for a while. */
const FAILURES_IN_A_ROW_MAX = 3;
const RETRY_MS_FIRST = 1_000;
const RETRY_MS_MAX = 10_000;
/** Calls that are under way at once, those nobody waits for any more included. */
const CALLS_UNDER_WAY_MAX = 1_024;
const PREFIX = "lyftr:";
/** As a real call, it runs a script that writes: a Redis that is full, read-only or forbids that is no help either. */
const PROBE = ["EVAL", "return redis.call('SET', KEYS[1], '1', 'PX', 1000)", "1", `${PREFIX}probe`];

/** A Lua script that Redis keeps under its SHA-1 once it has seen it. */
export interface RedisScript {
  readonly text: string;
  readonly sha1: string;
}

export function redisScript(text: string): RedisScript {
  return { text, sha1: createHash("sha1").update(text).digest("hex") };
}

/**
 * What replicas share. Every call resolves, within 50 ms or so and whatever happens; with undefined when Redis is not to be had.
 * All keys are put below `lyftr:`.
 */
export interface SharedState {
  /** Whether Redis answers. While it does not, calls resolve with undefined at once. */
  up(): boolean;
  /** Null when there is no such key. */
  get(key: string): Promise<string | null | undefined>;
  set(key: string, value: string, ttlMs: number): Promise<true | undefined>;
  /** Runs a script on these keys. Null is what Lua calls false and nil. */
  evaluate(script: RedisScript, keys: readonly string[], args: readonly string[]): Promise<unknown>;
  /** Calls under way resolve with undefined. Nothing runs any more when it resolves. Safe twice. */
  close(): Promise<void>;
}

export interface RedisOptions {
  readonly url: string;
  readonly clock: Clock;
  readonly random: () => number;
  /** How long a call may take; for tests that are about something else, on machines that are busy. */
  readonly callMsMax?: number;
  /** Called for every call that failed or took too long. */
  readonly failed: () => void;
  /** Redis is left alone from now on. The reason is a sentence, without anything that was sent. */
  readonly wentAway: (reason: string) => void;
  /** Told how long it was away. */
  readonly cameBack: (outageMs: number) => void;
}

type Client = Pick<ReturnType<typeof CreateClient>, "connect" | "sendCommand" | "destroy" | "on">;

interface Call {
  readonly deadlineMs: number;
  /** Undefined when it was answered. */
  resolve: ((reply: unknown) => void) | undefined;
}

const NOT_TO_BE_HAD = Promise.resolve(undefined);
const NO_SCRIPT = Symbol("the script is not known");

/** One connection to Redis or Valkey. It is made again by itself, and until then nobody waits for it. */
export class Redis implements SharedState {
  readonly #options: RedisOptions;
  readonly #newClient: () => Client;
  readonly #callMsMax: number;
  readonly #closing = new AbortController();
  /** In the order of their deadlines. */
  #calls: Call[] = [];
  #callsUnderWay = 0;
  #watching = false;
  /** Undefined while Redis is left alone. */
  #client: Client | undefined;
  #failuresInARow = 0;
  /** Attempts to come back since the last call that went well. */
  #attempts = 0;
  #comingBack: Promise<void> = Promise.resolve();
  #awaySinceMs = 0;

  /** Resolves when Redis answers, or soon when it does not: then it is tried again and again. */
  static async open(options: RedisOptions): Promise<Redis> {
    const { createClient } = await import("@redis/client");
    const redis = new Redis(options, () => newClient(createClient, options.url));
    const reason = await redis.#connect();
    if (reason !== undefined) redis.#away(reason);
    return redis;
  }

  private constructor(options: RedisOptions, newClient: () => Client) {
    this.#options = options;
    this.#newClient = newClient;
    this.#callMsMax = options.callMsMax ?? CALL_MS_MAX;
  }

  up(): boolean {
    return this.#client !== undefined;
  }

  get(key: string): Promise<string | null | undefined> {
    return this.#call(["GET", PREFIX + key]) as Promise<string | null | undefined>;
  }

  async set(key: string, value: string, ttlMs: number): Promise<true | undefined> {
    const reply = await this.#call(["SET", PREFIX + key, value, "PX", String(Math.max(1, Math.ceil(ttlMs)))]);
    return reply === undefined ? undefined : true;
  }

  async evaluate(script: RedisScript, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    const rest = [String(keys.length), ...keys.map((key) => PREFIX + key), ...args];
    const reply = await this.#call(["EVALSHA", script.sha1, ...rest]);
    // A Redis that was started again has forgotten it.
    return reply === NO_SCRIPT ? this.#call(["EVAL", script.text, ...rest]) : reply;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#client?.destroy();
    this.#client = undefined;
    await this.#comingBack;
  }

  #call(command: readonly string[]): Promise<unknown> {
    const client = this.#client;
    if (client === undefined) return NOT_TO_BE_HAD;
    if (this.#callsUnderWay >= CALLS_UNDER_WAY_MAX) {
      this.#options.failed();
      return NOT_TO_BE_HAD;
    }
    return new Promise((resolve) => {
      const call = { deadlineMs: this.#options.clock.monotonic() + this.#callMsMax, resolve };
      this.#calls.push(call);
      if (!this.#watching) void this.#watch();
      this.#callsUnderWay += 1;
      client.sendCommand(command).then(
        (reply) => this.#answered(call, reply),
        (error: Error) => {
          if (error.message.startsWith("NOSCRIPT")) return this.#answered(call, NO_SCRIPT);
          this.#callsUnderWay -= 1;
          this.#fail(call, client, reasonOf(error));
        },
      );
    });
  }

  #answered(call: Call, reply: unknown): void {
    this.#callsUnderWay -= 1;
    if (call.resolve === undefined) return;
    this.#failuresInARow = 0;
    this.#attempts = 0;
    call.resolve(reply);
    call.resolve = undefined;
  }

  #fail(call: Call, client: Client | undefined, reason: string): void {
    if (call.resolve === undefined) return;
    call.resolve(undefined);
    call.resolve = undefined;
    if (this.#closing.signal.aborted) return;
    this.#options.failed();
    this.#failuresInARow += 1;
    if (this.#failuresInARow >= FAILURES_IN_A_ROW_MAX) this.#lose(client, reason);
  }

  /** Ends the waiting of calls that take too long. One timer for all of them: one each would cost more than the rest of a call. */
  async #watch(): Promise<void> {
    const { clock } = this.#options;
    this.#watching = true;
    for (let first = this.#calls[0]; first !== undefined; first = this.#calls[0]) {
      const signal = this.#closing.signal;
      await clock.sleep(Math.max(0, first.deadlineMs - clock.monotonic()), signal).catch(() => undefined);
      // When this process was busy, answers that came in time are still unread: one turn of the event loop lets them in.
      if (!signal.aborted) await clock.sleep(0);
      this.#giveUp(signal.aborted ? Number.POSITIVE_INFINITY : clock.monotonic());
    }
    this.#watching = false;
  }

  /** Calls whose deadline has passed have failed. */
  #giveUp(nowMs: number): void {
    const found = this.#calls.findIndex(({ deadlineMs, resolve }) => resolve !== undefined && deadlineMs > nowMs);
    const past = this.#calls.splice(0, found === -1 ? this.#calls.length : found);
    for (const call of past) this.#fail(call, this.#client, "timeout");
  }

  /** From now on Redis is left alone, until it is tried again. Calls under way fail with the connection. */
  #lose(client: Client | undefined, reason: string): void {
    if (client === undefined || client !== this.#client) return;
    this.#client = undefined;
    client.destroy();
    this.#away(reason);
  }

  #away(reason: string): void {
    this.#awaySinceMs = this.#options.clock.monotonic();
    this.#options.wentAway(codeInWords(reason));
    this.#comingBack = this.#comeBack();
  }

  async #comeBack(): Promise<void> {
    const { clock, random, cameBack } = this.#options;
    const { signal } = this.#closing;
    while (!signal.aborted && this.#client === undefined) {
      const delayMs = Math.min(RETRY_MS_MAX, RETRY_MS_FIRST * 2 ** this.#attempts);
      this.#attempts += 1;
      await clock.sleep(Math.round(delayMs * (0.8 + 0.4 * random())), signal).catch(() => undefined);
      if (!signal.aborted && (await this.#connect()) === undefined)
        cameBack(Math.round(clock.monotonic() - this.#awaySinceMs));
    }
  }

  /** Connects and tries one call. Resolves with the reason when that does not work, within CONNECT_MS_MAX. */
  async #connect(): Promise<string | undefined> {
    const client = this.#newClient();
    client.on("error", (error: Error) => this.#lose(client, reasonOf(error)));
    const tried = client.connect().then(() => client.sendCommand(PROBE));
    const reply = await within(this.#options.clock, CONNECT_MS_MAX, tried).catch(reasonOf);
    if (reply === "OK" && !this.#closing.signal.aborted) {
      this.#failuresInARow = 0;
      this.#client = client;
      return undefined;
    }
    client.destroy();
    // It may be connected a moment later all the same.
    tried.catch(() => undefined).finally(() => client.destroy());
    return typeof reply === "string" ? reply : "timeout";
  }
}

/** Coming back is done here: the library would keep calls for later meanwhile, and knows no deadline. */
function newClient(createClient: typeof CreateClient, url: string): Client {
  return createClient({
    url,
    socket: { connectTimeout: CONNECT_MS_MAX, reconnectStrategy: false },
    disableOfflineQueue: true,
    disableClientInfo: true,
    maintNotifications: "disabled",
    RESP: 2,
  });
}

/** What kind of failure it was. Messages of Redis may quote what was sent, and their first word is enough. */
function reasonOf(error: Error & { readonly code?: unknown }): string {
  if (typeof error.code === "string") return error.code;
  return /^[A-Z]{3,32}(?= )/.exec(error.message)?.[0] ?? error.name;
}
