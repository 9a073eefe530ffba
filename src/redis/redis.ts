import { createHash } from "node:crypto";
import type { createClient as CreateClient } from "@redis/client";
import { within } from "../domain/clock.ts";
import { codeInWords } from "../domain/failure-words.ts";
import type { Runtime } from "../runtime.ts";

/** The longest time that a request waits for Redis before it continues without it. */
const CALL_MS_MAX = 50;
const CONNECT_MS_MAX = 1_000;
/** After this many failures in a row, Redis is not asked for a while. */
const FAILURES_IN_A_ROW_MAX = 3;
const RETRY_MS_FIRST = 1_000;
const RETRY_MS_MAX = 10_000;
/** The maximum number of pending calls, including those whose request has ended. */
const CALLS_UNDER_WAY_MAX = 1_024;
const PREFIX = "lyftr:";
/**
 * Runs a script that writes, as real calls do: a Redis that is full or read-only would fail those
 * too.
 */
const PROBE = ["EVAL", "return redis.call('SET', KEYS[1], '1', 'PX', 1000)", "1", `${PREFIX}probe`];

export interface RedisOptions {
  readonly url: string;
  /** How long a call may take. Tests on busy machines raise it. */
  readonly callMsMax?: number;
  /** Called for every call that failed or took too long. */
  readonly failed: () => void;
  /**
   * Called when Redis becomes unavailable. The reason is a sentence that repeats nothing of the
   * commands.
   */
  readonly becameUnavailable: (reason: string) => void;
  /** Called with the length of the outage. */
  readonly becameAvailable: (outageMs: number) => void;
}

type RedisRuntime = Pick<Runtime, "clock" | "random">;
type Client = Pick<ReturnType<typeof CreateClient>, "connect" | "sendCommand" | "destroy" | "on">;

interface Call {
  readonly deadlineMs: number;
  /** Undefined once it was answered. */
  resolve: ((reply: unknown) => void) | undefined;
}

const UNAVAILABLE = Promise.resolve(undefined);
const NO_SCRIPT = Symbol("the script is not known");

/**
 * One connection to Redis or Valkey, which reconnects by itself. Every call resolves within about
 * 50 ms, with undefined when Redis is unavailable. All keys begin with `lyftr:`.
 */
export class Redis {
  readonly #runtime: RedisRuntime;
  readonly #options: RedisOptions;
  readonly #newClient: () => Client;
  readonly #callMsMax: number;
  readonly #closing = new AbortController();
  /** The SHA-1 of each script, by which Redis caches it. The code has only a few scripts. */
  readonly #sha1s = new Map<string, string>();
  /** In the order of their deadlines. */
  #calls: Call[] = [];
  #callsUnderWay = 0;
  #watching = false;
  /** Undefined while Redis is unavailable. */
  #client: Client | undefined;
  #failuresInARow = 0;
  /** Attempts to reconnect since the last successful call. */
  #attempts = 0;
  #reconnecting: Promise<void> = Promise.resolve();
  #unavailableSinceMs = 0;

  /** Resolves when Redis answers, or soon when it does not. Then it keeps trying. */
  static async open(runtime: RedisRuntime, options: RedisOptions): Promise<Redis> {
    const { createClient } = await import("@redis/client");
    const redis = new Redis(runtime, options, () => newClient(createClient, options.url));
    const reason = await redis.#connect();
    if (reason !== undefined) redis.#markUnavailable(reason);
    return redis;
  }

  private constructor(runtime: RedisRuntime, options: RedisOptions, newClient: () => Client) {
    this.#runtime = runtime;
    this.#options = options;
    this.#newClient = newClient;
    this.#callMsMax = options.callMsMax ?? CALL_MS_MAX;
  }

  /** Whether Redis is available. While it is not, calls resolve with undefined at once. */
  up(): boolean {
    return this.#client !== undefined;
  }

  /** Null when there is no such key. */
  get(key: string): Promise<string | null | undefined> {
    return this.#call(["GET", PREFIX + key]) as Promise<string | null | undefined>;
  }

  async set(key: string, value: string, ttlMs: number): Promise<true | undefined> {
    const reply = await this.#call([
      "SET",
      PREFIX + key,
      value,
      "PX",
      String(Math.max(1, Math.ceil(ttlMs))),
    ]);
    return reply === undefined ? undefined : true;
  }

  /** Runs a Lua script on these keys. Lua's false and nil become null. */
  async evaluate(
    script: string,
    keys: readonly string[],
    args: readonly string[],
  ): Promise<unknown> {
    const rest = [String(keys.length), ...keys.map((key) => PREFIX + key), ...args];
    const reply = await this.#call(["EVALSHA", this.#sha1Of(script), ...rest]);
    // A restarted Redis has lost the script.
    return reply === NO_SCRIPT ? this.#call(["EVAL", script, ...rest]) : reply;
  }

  #sha1Of(script: string): string {
    const known = this.#sha1s.get(script);
    if (known !== undefined) return known;
    const sha1 = createHash("sha1").update(script).digest("hex");
    this.#sha1s.set(script, sha1);
    return sha1;
  }

  /**
   * Calls under way resolve with undefined. When it resolves, nothing is running. Safe to call
   * twice.
   */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#client?.destroy();
    this.#client = undefined;
    await this.#reconnecting;
  }

  #call(command: readonly string[]): Promise<unknown> {
    const client = this.#client;
    if (client === undefined) return UNAVAILABLE;
    if (this.#callsUnderWay >= CALLS_UNDER_WAY_MAX) {
      this.#options.failed();
      return UNAVAILABLE;
    }
    return new Promise((resolve) => {
      const call = { deadlineMs: this.#runtime.clock.monotonic() + this.#callMsMax, resolve };
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

  /**
   * Ends calls that take too long. One timer serves all: a timer for each would cost more than the
   * call.
   */
  async #watch(): Promise<void> {
    const { clock } = this.#runtime;
    this.#watching = true;
    for (let first = this.#calls[0]; first !== undefined; first = this.#calls[0]) {
      const signal = this.#closing.signal;
      await clock
        .sleep(Math.max(0, first.deadlineMs - clock.monotonic()), signal)
        .catch(() => undefined);
      // If this process was busy, replies that arrived in time are still unread. One turn of the
      // loop reads them.
      if (!signal.aborted) await clock.sleep(0);
      this.#giveUp(signal.aborted ? Number.POSITIVE_INFINITY : clock.monotonic());
    }
    this.#watching = false;
  }

  /** Fails the calls whose deadline has passed. */
  #giveUp(nowMs: number): void {
    const found = this.#calls.findIndex(
      ({ deadlineMs, resolve }) => resolve !== undefined && deadlineMs > nowMs,
    );
    const past = this.#calls.splice(0, found === -1 ? this.#calls.length : found);
    for (const call of past) this.#fail(call, this.#client, "timeout");
  }

  /** Closes the connection and fails its calls, until an attempt to reconnect succeeds. */
  #lose(client: Client | undefined, reason: string): void {
    if (client === undefined || client !== this.#client) return;
    this.#client = undefined;
    client.destroy();
    this.#markUnavailable(reason);
  }

  #markUnavailable(reason: string): void {
    this.#unavailableSinceMs = this.#runtime.clock.monotonic();
    this.#options.becameUnavailable(codeInWords(reason));
    this.#reconnecting = this.#reconnectUntilUp();
  }

  async #reconnectUntilUp(): Promise<void> {
    const { clock, random } = this.#runtime;
    const { signal } = this.#closing;
    while (!signal.aborted && this.#client === undefined) {
      const delayMs = Math.min(RETRY_MS_MAX, RETRY_MS_FIRST * 2 ** this.#attempts);
      this.#attempts += 1;
      await clock
        .sleep(Math.round(delayMs * (0.8 + 0.4 * random())), signal)
        .catch(() => undefined);
      if (!signal.aborted && (await this.#connect()) === undefined)
        this.#options.becameAvailable(Math.round(clock.monotonic() - this.#unavailableSinceMs));
    }
  }

  /**
   * Connects and tries one call. Resolves with the reason when that fails, within CONNECT_MS_MAX.
   */
  async #connect(): Promise<string | undefined> {
    const client = this.#newClient();
    client.on("error", (error: Error) => this.#lose(client, reasonOf(error)));
    const tried = client.connect().then(() => client.sendCommand(PROBE));
    const reply = await within(this.#runtime.clock, CONNECT_MS_MAX, tried).catch(reasonOf);
    if (reply === "OK" && !this.#closing.signal.aborted) {
      this.#failuresInARow = 0;
      this.#client = client;
      return undefined;
    }
    client.destroy();
    // It may still connect a moment later.
    tried.catch(() => undefined).finally(() => client.destroy());
    return typeof reply === "string" ? reply : "timeout";
  }
}

/**
 * Reconnecting is done by the class above. The library would queue calls until then, and has no
 * deadline.
 */
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

/**
 * The kind of failure: the first word of Redis's message, because the rest may quote what was sent.
 */
function reasonOf(error: Error & { readonly code?: unknown }): string {
  if (typeof error.code === "string") return error.code;
  return /^[A-Z]{3,32}(?= )/.exec(error.message)?.[0] ?? error.name;
}
