import { Overloaded } from "../domain/errors.ts";
import { clientNetwork } from "./client-address.ts";
import type { Request } from "./route.ts";

const EXPORTS_MAX = 16;
/** The share that one API key, or one address without a key, may always use. */
const SHARE_EXPORTS = 4;
/** While fewer exports than this are under way, a client may exceed its share. */
const FREE_FOR_ALL_EXPORTS = 8;

/**
 * Counts the exports under way, by client. A client with many exports must not keep the others out.
 */
export class ExportSlots {
  readonly #held = new Map<string, number>();
  #underWay = 0;

  /**
   * Takes a slot for a request and returns a function that releases it. Throws `Overloaded` when
   * there is none for it.
   */
  take(request: Request): () => void {
    const holder = holderOf(request);
    const own = this.#held.get(holder) ?? 0;
    if (this.#underWay >= EXPORTS_MAX) throw new Overloaded("too many exports are under way");
    if (own >= SHARE_EXPORTS && this.#underWay >= FREE_FOR_ALL_EXPORTS) {
      const whose = request.apiKey === undefined ? "address" : "API key";
      throw new Overloaded(`too many exports of this ${whose} are under way`);
    }
    this.#held.set(holder, own + 1);
    this.#underWay++;
    return () => this.#release(holder);
  }

  #release(holder: string): void {
    const left = (this.#held.get(holder) ?? 0) - 1;
    if (left > 0) this.#held.set(holder, left);
    else this.#held.delete(holder);
    this.#underWay--;
  }
}

/** Clients behind one proxy are distinguished by their keys. */
function holderOf(request: Request): string {
  return request.apiKey === undefined
    ? `address ${clientNetwork(request)}`
    : `key ${request.apiKey.id}`;
}
