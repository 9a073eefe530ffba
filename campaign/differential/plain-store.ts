import type { NewMessage } from "../../src/domain/message.ts";
import type { MessageQuery } from "../../src/domain/message-query.ts";
import { instantOf } from "../../src/domain/timestamp.ts";
import { BUCKETS, type InsertOutcome, type SenderQuery } from "../../src/store/store.ts";
import { PlainMessages } from "../../test/support/plain-messages.ts";
import type { Call } from "./calls.ts";

/** The expected answers: a list of messages in memory, which every call scans. */
export class PlainStore {
  readonly #messages = new PlainMessages();
  /** When the id of each deleted message is forgotten. */
  readonly #tombstones = new Map<string, string>();
  readonly #tombstonesUntil: () => string;

  constructor(tombstonesUntil: () => string) {
    this.#tombstonesUntil = tombstonesUntil;
  }

  answer(call: Call): unknown {
    switch (call.kind) {
      case "insert":
        return call.rows.map((row) => this.#insert(row));
      case "list":
        return this.#list(call.query);
      case "walk":
        return this.#page(call.query).map(({ row }) => shown(row));
      case "message":
        return this.#message(call.id, call.source);
      case "stats":
        return this.#messages.stats();
      case "senders":
        return this.#senders(call.query);
      case "timeline":
        return this.#messages.timeline(BUCKETS[call.bucket], call.filter);
      case "erase":
        return this.#delete(({ from, to }) => [from, to].some((one) => one === call.msisdn), false);
      case "expire":
        return this.#delete(({ createdAt }) => createdAt < call.before, call.dryRun);
      case "tombstones":
        return this.#drop(call.now);
      case "restart":
      case "index":
        return null;
    }
  }

  #insert(row: NewMessage): InsertOutcome {
    if (this.#tombstones.has(keyOf(row))) return "duplicate";
    const known = this.#messages.rows.find((one) => keyOf(one) === keyOf(row));
    if (known === undefined) {
      this.#messages.rows.push(row);
      return "created";
    }
    const isSame =
      known.from === row.from &&
      known.to === row.to &&
      known.ts === row.ts &&
      known.text === row.text;
    return isSame ? "duplicate" : "conflict";
  }

  #page(query: MessageQuery): readonly { readonly row: NewMessage }[] {
    const byKey = new Map(
      this.#messages.rows.map((row) => [`${row.source}/${row.messageId}`, row]),
    );
    const { ids } = this.#messages.page({ ...query, limit: Number.MAX_SAFE_INTEGER });
    return ids.map((id) => ({ row: byKey.get(id) as NewMessage }));
  }

  #list(query: MessageQuery): unknown {
    const { limit, offset, cursor } = query;
    const backwards = cursor?.side === "before";
    const rest = this.#page(query).map(({ row }) => row);
    const rows = backwards ? rest.slice(-limit) : rest.slice(0, limit);
    const [first, last] = [rows[0], rows.at(-1)];
    const goesOn = rest.length > limit;
    const cameFrom = cursor !== undefined || offset > 0;
    const hasNext = backwards ? cameFrom : goesOn;
    const hasPrevious = backwards ? goesOn : cameFrom;
    return {
      messages: rows.map(shown),
      total: this.#messages.page(query).total,
      next: hasNext && last !== undefined ? positionOf(last, "after") : null,
      previous: hasPrevious && first !== undefined ? positionOf(first, "before") : null,
    };
  }

  #message(id: string, source: string | undefined): unknown {
    const found = this.#messages.rows
      .filter((row) => row.messageId === id && (source === undefined || row.source === source))
      .sort((a, b) => (a.source < b.source ? -1 : 1));
    return found[0] === undefined ? null : shown(found[0]);
  }

  #senders({ limit, offset, after = "", prefix = "" }: SenderQuery): unknown {
    const all = this.#messages.senders().filter(({ from }) => from.startsWith(prefix));
    const rest = all.filter(({ from }) => from > after).slice(offset);
    return { senders: rest.slice(0, limit), total: all.length, more: rest.length > limit };
  }

  #delete(isDeleted: (row: NewMessage) => boolean, dryRun: boolean): number {
    const { rows } = this.#messages;
    const deleted = rows.filter(isDeleted);
    if (dryRun) return deleted.length;
    const kept = rows.filter((row) => !isDeleted(row));
    rows.splice(0, rows.length, ...kept);
    for (const row of deleted) this.#tombstones.set(keyOf(row), this.#tombstonesUntil());
    return deleted.length;
  }

  #drop(now: string): number {
    const ended = [...this.#tombstones].filter(([, until]) => until <= now);
    for (const [key] of ended) this.#tombstones.delete(key);
    return ended.length;
  }
}

function keyOf({ source, messageId }: NewMessage): string {
  return `${source}\0${messageId}`;
}

function positionOf({ ts, messageId, source }: NewMessage, side: "after" | "before"): unknown {
  return { position: { instant: instantOf(ts), messageId, source }, side };
}

/** The fields of a message, in one order. */
export function shown(row: Readonly<Record<keyof NewMessage, string | null>>): unknown {
  const { source, messageId, from, to, ts, text, createdAt } = row;
  return { source, messageId, from, to, ts, text, createdAt };
}
