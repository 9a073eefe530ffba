import { randomBytes, randomUUID } from "node:crypto";
import type { Scope } from "../../src/domain/api-key.ts";
import { systemClock } from "../../src/domain/clock.ts";
import { type IssuedKey, KeyIssuer } from "../../src/keys/key-issuer.ts";
import { openCredentials, openStore } from "../../src/store/open.ts";
import { testRuntime } from "./runtime.ts";

export interface MadeKey {
  readonly name?: string;
  readonly scope?: Scope;
  readonly lifeMs?: number;
  /** When it is made, in milliseconds since 1970; default: now. */
  readonly atMs?: number;
}

/** The credentials store of a command, in a database that is created if it is missing. */
export async function createdAccess(databaseUrl: string): ReturnType<typeof openCredentials> {
  await (await openStore(databaseUrl)).close();
  return openCredentials(databaseUrl, "write");
}

/** Makes keys in a database like a process beside the service, at any time. */
export class KeyMaker implements AsyncDisposable {
  readonly #access: Awaited<ReturnType<typeof openCredentials>>;
  readonly #issuer: KeyIssuer;
  #atMs: number | undefined;

  static async of(databaseUrl: string): Promise<KeyMaker> {
    return new KeyMaker(await createdAccess(databaseUrl));
  }

  private constructor(access: Awaited<ReturnType<typeof openCredentials>>) {
    this.#access = access;
    const now = () => this.#atMs ?? Date.now();
    const runtime = testRuntime({ clock: { ...systemClock, now } });
    this.#issuer = new KeyIssuer(runtime, { store: access.keys, randomBytes });
  }

  async make({
    name = randomUUID(),
    scope = "read",
    lifeMs,
    atMs,
  }: MadeKey = {}): Promise<IssuedKey> {
    this.#atMs = atMs;
    const creation = await this.#issuer.create({ name, scope, lifeMs }, "test");
    if (creation.kind !== "created") throw new Error(creation.kind);
    return creation;
  }

  async rotate({ key }: IssuedKey, overlapMs: number, atMs?: number): Promise<IssuedKey> {
    this.#atMs = atMs;
    const rotation = await this.#issuer.rotate(key.id, overlapMs, "test");
    if (rotation.kind !== "rotated") throw new Error(rotation.kind);
    return rotation;
  }

  async revoke({ key }: IssuedKey): Promise<void> {
    this.#atMs = undefined;
    await this.#issuer.revoke({ id: key.id }, "test");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#access.close();
  }
}

export const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
