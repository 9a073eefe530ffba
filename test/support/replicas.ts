import { type LyftrProcess, serve } from "./process.ts";
import { freePorts } from "./server-folder.ts";
import { temporaryFolder } from "./temporary-folder.ts";

export const REPLICAS = 3;

export type Replica = LyftrProcess & { readonly url: string };

/** Replicas on fixed ports, so that the load balancer finds a restarted one. */
export class Replicas implements AsyncDisposable {
  readonly ports: readonly number[];
  readonly #env: Readonly<Record<string, string>>;
  readonly all: Replica[] = [];

  /** `env` adds to what every replica needs. */
  static async on(
    databaseUrl: string,
    env: Readonly<Record<string, string>> = {},
  ): Promise<Replicas> {
    const ports = await freePorts(REPLICAS);
    const replicas = new Replicas(ports, { ...env, DATABASE_URL: databaseUrl });
    replicas.all.push(...(await Promise.all(ports.map((_, index) => replicas.#serve(index)))));
    return replicas;
  }

  private constructor(ports: readonly number[], env: Readonly<Record<string, string>>) {
    this.ports = ports;
    this.#env = env;
  }

  /** Ends one with a signal. Resolves with how it ended. */
  async end(index: number, signal: "SIGTERM" | "SIGKILL"): Promise<number | string> {
    const replica = this.all[index] as Replica;
    replica.child.kill(signal);
    return replica.ended;
  }

  /** Starts one that has ended. */
  async start(index: number): Promise<void> {
    this.all[index] = await this.#serve(index);
  }

  /** Ends one with a signal and restarts it. Resolves with how it ended. */
  async restart(index: number, signal: "SIGTERM" | "SIGKILL"): Promise<number | string> {
    const ended = await this.end(index, signal);
    await this.start(index);
    return ended;
  }

  #serve(index: number): Promise<Replica> {
    const env = { ...this.#env, PORT: String(this.ports[index]) };
    return serve({ cwd: temporaryFolder("replica"), env });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.all.map((replica) => replica[Symbol.asyncDispose]()));
  }
}
