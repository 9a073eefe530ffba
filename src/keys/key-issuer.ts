import {
  type ApiKey,
  hashOfKey,
  hintOfKey,
  KEY_BYTES,
  keyOf,
  type Scope,
} from "../domain/api-key.ts";
import type { Runtime } from "../runtime.ts";
import type { AuditStamp, KeyStore } from "../store/credentials.ts";

export interface KeyIssuerOptions {
  readonly store: KeyStore;
  /** Unpredictable bytes. */
  readonly randomBytes: (count: number) => Uint8Array;
}

export interface NewKey {
  readonly name: string;
  readonly scope: Scope;
  /** How long the key lives; undefined is for ever. */
  readonly lifeMs?: number | undefined;
}

/** A new key. `text` is the key itself, and is available only here. */
export interface IssuedKey {
  readonly key: ApiKey;
  readonly text: string;
}

export type Creation =
  | ({ readonly kind: "created" } & IssuedKey)
  | { readonly kind: "name_taken" | "full" };

export type Rotation =
  | ({ readonly kind: "rotated"; readonly old: ApiKey } & IssuedKey)
  | { readonly kind: "unknown" | "over" | "two_live" | "full" };

/** Makes and ends API keys. `actor` is the name in the audit. */
export class KeyIssuer {
  readonly #runtime: Pick<Runtime, "clock" | "newId">;
  readonly #options: KeyIssuerOptions;

  constructor(runtime: Pick<Runtime, "clock" | "newId">, options: KeyIssuerOptions) {
    this.#runtime = runtime;
    this.#options = options;
  }

  async create({ name, scope, lifeMs }: NewKey, actor: string): Promise<Creation> {
    const { by, text, fresh } = this.#begin(actor);
    const expiresAt = lifeMs === undefined ? null : this.#later(by, lifeMs);
    const key = {
      ...fresh,
      name,
      scope,
      createdAt: by.at,
      expiresAt,
      retiresAt: null,
      revokedAt: null,
      lastUsedAt: null,
    };
    const { kind } = await this.#options.store.add(key, by);
    return kind === "added" ? { kind: "created", key, text } : { kind };
  }

  /** The old key is accepted for another `overlapMs`. */
  async rotate(id: string, overlapMs: number, actor: string): Promise<Rotation> {
    const { by, text, fresh } = this.#begin(actor);
    const successor = { ...fresh, retiresAt: this.#later(by, overlapMs) };
    const rotation = await this.#options.store.rotate(id, successor, by);
    if (rotation.kind !== "rotated") return rotation;
    return { kind: "rotated", old: rotation.old, key: rotation.successor, text };
  }

  /** Resolves with the revoked keys, or undefined when no key has that id or name. */
  revoke(
    which: { readonly id: string } | { readonly name: string },
    actor: string,
  ): Promise<readonly ApiKey[] | undefined> {
    return this.#options.store.revoke(which, this.#by(actor));
  }

  #begin(actor: string): {
    by: AuditStamp;
    text: string;
    fresh: Pick<ApiKey, "id" | "hash" | "hint">;
  } {
    const text = keyOf(this.#options.randomBytes(KEY_BYTES));
    const fresh = { id: this.#runtime.newId(), hash: hashOfKey(text), hint: hintOfKey(text) };
    return { by: this.#by(actor), text, fresh };
  }

  #by(actor: string): AuditStamp {
    const { clock, newId } = this.#runtime;
    return { at: new Date(clock.now()).toISOString(), id: newId(), actor };
  }

  #later({ at }: AuditStamp, ms: number): string {
    return new Date(Date.parse(at) + ms).toISOString();
  }
}
