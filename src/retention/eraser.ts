import { Overloaded } from "../domain/errors.ts";
import type { Runtime } from "../runtime.ts";
import type { AuditLog } from "../store/credentials.ts";
import type { RetentionStore } from "../store/retention.ts";
import { tombstonesUntil } from "./sweep.ts";

const ROWS_PER_STEP_MAX = 1_000;
/**
 * The maximum number of concurrent erasures. Each scans many messages, and frees pages at its end.
 */
const UNDER_WAY_MAX = 2;

export interface EraserOptions {
  readonly store: RetentionStore;
  readonly audit: AuditLog;
  readonly tombstoneDays: number;
  /**
   * Called after each step that deleted something, with the messages of the step and of all steps
   * so far.
   */
  readonly deleted: (messages: number, total: number) => void;
}

export interface Erasure {
  readonly messages: number;
  /** What may still contain data of the person, a sentence each. */
  readonly remains: readonly string[];
}

/** Erases people: all messages from their number and to it. */
export class Eraser {
  readonly #runtime: Pick<Runtime, "clock" | "newId">;
  readonly #options: EraserOptions;
  #underWay = 0;

  constructor(runtime: Pick<Runtime, "clock" | "newId">, options: EraserOptions) {
    this.#runtime = runtime;
    this.#options = options;
  }

  /**
   * Erases all messages of a person, step by step, and audits it under `actor`, without the number.
   * Rejects as the store does, and with `Overloaded`. After a failure the deleted messages stay
   * deleted, and another call erases the rest.
   */
  async erase(msisdn: string, actor: string): Promise<Erasure> {
    if (this.#underWay >= UNDER_WAY_MAX) throw new Overloaded("too many people are being erased");
    this.#underWay++;
    const erased = { messages: 0, finished: false };
    try {
      await this.#deleteAll(msisdn, erased);
      const remains = await this.#options.store.scrub();
      erased.finished = true;
      return { messages: erased.messages, remains };
    } finally {
      this.#underWay--;
      await this.#audit(actor, erased);
    }
  }

  async #deleteAll(msisdn: string, erased: { messages: number }): Promise<void> {
    const { store, tombstoneDays, deleted } = this.#options;
    let place: string | undefined;
    do {
      const until = tombstonesUntil(this.#runtime.clock, tombstoneDays);
      const step = await store.erase({
        msisdn,
        position: place,
        rowsMax: ROWS_PER_STEP_MAX,
        tombstonesUntil: until,
      });
      place = step.position;
      if (step.deleted === 0) continue;
      erased.messages += step.deleted;
      deleted(step.deleted, erased.messages);
    } while (place !== undefined);
  }

  /** Audits the erasure and its actor, not the person. */
  async #audit(
    actor: string,
    details: { readonly messages: number; readonly finished: boolean },
  ): Promise<void> {
    const { clock, newId } = this.#runtime;
    const at = new Date(clock.now()).toISOString();
    await this.#options.audit.add({
      at,
      id: newId(),
      actor,
      action: "sender.erased",
      subject: "",
      details: { ...details },
    });
  }
}
