import { setTimeout } from "node:timers/promises";
import type { MessageQuery } from "../../src/domain/message-query.ts";
import { openStore } from "../../src/store/open.ts";
import type { DeletedStep } from "../../src/store/retention.ts";
import type { Store } from "../../src/store/store.ts";
import type { Call } from "./calls.ts";
import { shown } from "./plain-store.ts";

const BUCKETS_MAX = 10_000;
const INDEXED_MS_MAX = 20_000;
const ROWS_PER_STEP_MAX = 1_000;
const LOOK_EVERY_MS = 10;

/**
 * A store on a database, with answers in the form of the plain one. Several of them on one database
 * are like several processes.
 */
export class RealStore {
  readonly #url: string;
  readonly #tombstonesUntil: () => string;
  #store: Store;

  static async open(url: string, tombstonesUntil: () => string): Promise<RealStore> {
    return new RealStore(url, tombstonesUntil, await openStore(url));
  }

  private constructor(url: string, tombstonesUntil: () => string, store: Store) {
    this.#url = url;
    this.#tombstonesUntil = tombstonesUntil;
    this.#store = store;
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  async answer(call: Call): Promise<unknown> {
    switch (call.kind) {
      case "insert":
        return this.#store.insertMessages(call.rows);
      case "list":
        return this.#list(call.query);
      case "walk":
        return this.#walk(call.query);
      case "message": {
        const found = await this.#store.findMessage(call.id, call.source);
        return found === undefined ? null : shown(found);
      }
      case "stats":
        return this.#store.stats();
      case "senders":
        return this.#store.findSenders(call.query);
      case "timeline":
        return this.#store.timeline({
          bucket: call.bucket,
          bucketsMax: BUCKETS_MAX,
          ...call.filter,
        });
      case "erase":
      case "expire":
        return this.#delete(call);
      case "tombstones":
        return this.#drop(call.now);
      case "restart":
        return this.#restart();
      case "index":
        return this.#index();
    }
  }

  async #list(query: MessageQuery): Promise<unknown> {
    const { messages, total, next, previous } = await this.#store.findMessages(query);
    return { messages: messages.map(shown), total, next, previous };
  }

  /** All pages from the beginning. Each may be short or empty. */
  async #walk(query: MessageQuery): Promise<unknown> {
    const all: unknown[] = [];
    for (let asked = query; ; ) {
      const { messages, next } = await this.#store.findMessages(asked);
      all.push(...messages.map(shown));
      if (next === null) return all;
      asked = { ...query, cursor: next };
    }
  }

  async #delete(call: Extract<Call, { readonly kind: "erase" | "expire" }>): Promise<number> {
    const { retention } = this.#store;
    const tombstonesUntil = this.#tombstonesUntil();
    const step = (position: string | undefined): Promise<DeletedStep> =>
      call.kind === "erase"
        ? retention.erase({
            msisdn: call.msisdn,
            rowsMax: call.rowsMax,
            position,
            tombstonesUntil,
          })
        : retention.expire({
            receivedBefore: call.before,
            dryRun: call.dryRun,
            everywhere: true,
            rowsMax: ROWS_PER_STEP_MAX,
            position,
            tombstonesUntil,
          });
    let sum = 0;
    let position: string | undefined;
    do {
      const done = await step(position);
      position = done.position;
      sum += done.deleted;
    } while (position !== undefined);
    return sum;
  }

  async #drop(now: string): Promise<number> {
    let sum = 0;
    for (;;) {
      const dropped = await this.#store.retention.dropTombstones({ now, rowsMax: 100 });
      if (dropped === 0) return sum;
      sum += dropped;
    }
  }

  async #restart(): Promise<null> {
    await this.#store.close();
    this.#store = await openStore(this.#url);
    return null;
  }

  async #index(): Promise<null> {
    const deadlineMs = performance.now() + INDEXED_MS_MAX;
    while (this.#store.backlogRows() > 0) {
      if (performance.now() > deadlineMs) throw new Error("the read index does not follow");
      await setTimeout(LOOK_EVERY_MS);
    }
    return null;
  }
}
