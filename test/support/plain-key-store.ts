import type { ApiKey } from "../../src/domain/api-key.ts";
import type {
  KeyAddition,
  KeyRotation,
  KeyStore,
  KeyUse,
  Successor,
} from "../../src/store/credentials.ts";

/** The keys of a database, in memory. Each call can be made to fail, to wait or to be counted. */
export class PlainKeyStore implements KeyStore {
  readonly keys = new Map<string, ApiKey>();
  readonly calls = { version: 0, all: 0, touch: 0 };
  readonly touched: (readonly KeyUse[])[] = [];
  /** Replaced by a test: what happens before a read or a touch is answered. */
  before: (call: "version" | "all" | "touch") => Promise<void> = async () => undefined;
  #changes = 0;

  put(key: ApiKey): void {
    this.keys.set(key.id, key);
    this.#changes += 1;
  }

  async version(): Promise<string> {
    this.calls.version += 1;
    const version = String(this.#changes);
    await this.before("version");
    return version;
  }

  async all(): Promise<readonly ApiKey[]> {
    this.calls.all += 1;
    const keys = [...this.keys.values()];
    await this.before("all");
    return keys;
  }

  async add(key: ApiKey): Promise<KeyAddition> {
    if ([...this.keys.values()].some(({ name }) => name === key.name))
      return { kind: "name_taken" };
    this.put(key);
    return { kind: "added" };
  }

  async rotate(id: string, { retiresAt, ...fresh }: Successor): Promise<KeyRotation> {
    const key = this.keys.get(id);
    if (key === undefined) return { kind: "unknown" };
    const old = { ...key, retiresAt };
    const successor = { ...key, ...fresh };
    this.put(old);
    this.put(successor);
    return { kind: "rotated", old, successor };
  }

  async revoke(
    which: { readonly id: string } | { readonly name: string },
    { at }: { readonly at: string },
  ): Promise<readonly ApiKey[] | undefined> {
    const key = "id" in which ? this.keys.get(which.id) : undefined;
    if (key === undefined) return undefined;
    if (key.revokedAt !== null) return [];
    const revoked = { ...key, revokedAt: at };
    this.put(revoked);
    return [revoked];
  }

  async touch(uses: readonly KeyUse[]): Promise<void> {
    this.calls.touch += 1;
    await this.before("touch");
    this.touched.push(uses);
  }
}
