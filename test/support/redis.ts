import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { setTimeout } from "node:timers/promises";
import { createClient } from "@redis/client";
import { freePort, ServerFolder } from "./server-folder.ts";
import { unlessTool } from "./tools.ts";

const START_MS_MAX = 10_000;
const ANSWER_MS_MAX = 5_000;

/**
 * A Redis server of one test, which stores nothing on disk. It ends at the end of the scope, or
 * with this process.
 */
export interface RedisServer extends AsyncDisposable {
  readonly url: string;
  /** Sends one command on its own connection. */
  command(...words: readonly string[]): Promise<unknown>;
  /** SIGKILL; `start` starts a new one on the same port. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** SIGSTOP: connections stay, nothing answers. */
  freeze(): void;
  thaw(): void;
}

/** Why a test cannot start its own server here, or false. */
export function unlessRedis(): string | false {
  return unlessTool("redis-server");
}

/** Why no Redis is available here, or false. */
export function unlessAnyRedis(): string | false {
  return process.env.TEST_REDIS_URL === undefined && unlessRedis();
}

export async function ownRedis(...settings: readonly string[]): Promise<RedisServer> {
  const server = new Server(new ServerFolder("redis"), await freePort(), settings);
  try {
    await server.start();
    return server;
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

/**
 * A Redis for tests that need no signals: TEST_REDIS_URL, which must not be used by others, or one
 * of this test.
 */
export async function testedRedis(): Promise<
  Pick<RedisServer, "url" | "command"> & AsyncDisposable
> {
  const url = process.env.TEST_REDIS_URL;
  if (url === undefined) return ownRedis();
  return {
    url,
    command: (...words) => redisCommand(url, words),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

class Server implements RedisServer {
  readonly url: string;
  readonly #folder: ServerFolder;
  readonly #port: number;
  readonly #settings: readonly string[];
  #child: ChildProcess | undefined;

  constructor(folder: ServerFolder, port: number, settings: readonly string[]) {
    this.#folder = folder;
    this.#port = port;
    this.#settings = settings;
    this.url = `redis://127.0.0.1:${port}`;
  }

  async start(): Promise<void> {
    const place = ["--bind", "127.0.0.1", "--port", String(this.#port), "--dir", this.#folder.path];
    const child = this.#folder.spawn("redis-server", [
      ...place,
      "--save",
      "",
      "--appendonly",
      "no",
      ...this.#settings,
    ]);
    this.#child = child;
    const deadline = performance.now() + START_MS_MAX;
    // With a password it answers NOAUTH, which is an answer.
    while (
      !(await redisCommand(this.url, ["PING"]).catch((error: Error) =>
        error.message.startsWith("NOAUTH"),
      ))
    ) {
      if (child.exitCode !== null || child.signalCode !== null || performance.now() > deadline)
        throw new Error(`Redis does not start:\n${this.#folder.log()}`);
      await setTimeout(20);
    }
  }

  command(...words: readonly string[]): Promise<unknown> {
    return redisCommand(this.url, words);
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.ref();
    child.kill("SIGKILL");
    await ended;
  }

  freeze(): void {
    this.#child?.kill("SIGSTOP");
  }

  thaw(): void {
    this.#child?.kill("SIGCONT");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#folder[Symbol.asyncDispose]();
  }
}

async function redisCommand(url: string, words: readonly string[]): Promise<unknown> {
  const socket = {
    connectTimeout: ANSWER_MS_MAX,
    socketTimeout: ANSWER_MS_MAX,
    reconnectStrategy: false,
  } as const;
  const client = createClient({ url, socket, RESP: 2 });
  client.on("error", () => undefined);
  try {
    await client.connect();
    return await client.sendCommand(words);
  } finally {
    client.destroy();
  }
}
