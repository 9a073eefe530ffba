import type { NewMessage } from "../../src/domain/message.ts";
import type { MessageQuery } from "../../src/domain/message-query.ts";
import { instantOf } from "../../src/domain/timestamp.ts";
import type { InsertOutcome } from "../../src/store/store.ts";
import { bucketStart, type Unit } from "./plain-buckets.ts";

/**
 * The expected answers of a store, computed by scanning every message. It shares no code with the
 * store except the spelling of instants.
 */
export class PlainMessages {
  readonly rows: NewMessage[] = [];

  /** Returns the outcome of each: the first message with an id stays. */
  add(messages: readonly NewMessage[]): readonly InsertOutcome[] {
    return messages.map((message) => {
      const known = this.rows.find(
        (row) => row.messageId === message.messageId && row.source === message.source,
      );
      if (known !== undefined) return isSame(known, message) ? "duplicate" : "conflict";
      this.rows.push(message);
      return "created";
    });
  }

  page({ filter, order, limit, offset, cursor }: MessageQuery) {
    const matching = this.rows.filter((row) => fits(row, filter)).sort(byPosition);
    if (order === "desc") matching.reverse();
    let page = matching.slice(offset, offset + limit);
    if (cursor !== undefined) {
      const { instant, messageId, source } = cursor.position;
      const at = { ts: instant, messageId, source } as unknown as NewMessage;
      const sign = order === "desc" ? -1 : 1;
      const sides = matching.map((row) => sign * byPosition(row, at));
      page =
        cursor.side === "after"
          ? matching.filter((_row, index) => (sides[index] as number) > 0).slice(0, limit)
          : matching.filter((_row, index) => (sides[index] as number) < 0).slice(-limit);
    }
    const [first, last] = [page[0], page.at(-1)];
    return {
      ids: page.map(({ source, messageId }) => `${source}/${messageId}`),
      total: matching.length,
      goesOn: last !== undefined && matching.indexOf(last) < matching.length - 1,
      // The first page of all has no previous page.
      hasPrevious: first !== undefined && matching.indexOf(first) > 0,
    };
  }

  senders() {
    const groups = Map.groupBy(this.rows.toSorted(byPosition), ({ from }) => String(from));
    return [...groups]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([from, rows]) => ({
        from,
        count: rows.length,
        firstTs: rows[0]?.ts,
        lastTs: rows.at(-1)?.ts,
      }));
  }

  stats() {
    const sorted = this.rows.toSorted(byPosition);
    const senders = this.senders();
    return {
      total: sorted.length,
      senders: senders.length,
      topSenders: senders
        .sort((a, b) => b.count - a.count || (a.from < b.from ? -1 : 1))
        .slice(0, 10)
        .map(({ from, count }) => ({ from, count })),
      firstTs: sorted[0]?.ts ?? null,
      lastTs: sorted.at(-1)?.ts ?? null,
    };
  }

  timeline(characters: number, filter: MessageQuery["filter"]) {
    const starts = this.rows
      .filter((row) => fits(row, filter))
      .map((row) => instantOf(row.ts))
      .filter((instant) => /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(instant))
      .map((instant) => instant.slice(0, characters));
    return counted(starts, (start) => start);
  }

  zonedTimeline(zone: string, unit: Unit, filter: MessageQuery["filter"]) {
    const starts = this.rows
      .filter((row) => fits(row, filter))
      .map((row) => bucketStart(zone, unit, `${instantOf(row.ts)}Z`));
    return counted(starts, (start) => Date.parse(start));
  }
}

function isSame(one: NewMessage, other: NewMessage): boolean {
  return (["from", "to", "ts", "text"] as const).every((field) => one[field] === other[field]);
}

function counted(starts: readonly string[], order: (start: string) => string | number) {
  return [...Map.groupBy(starts, (start) => start)]
    .sort(([a], [b]) => (order(a) < order(b) ? -1 : 1))
    .map(([start, all]) => ({ start, count: all.length }));
}

function fits(
  row: NewMessage,
  { from, to, source, since, until, q }: MessageQuery["filter"],
): boolean {
  const instant = Buffer.from(instantOf(row.ts));
  return (
    (from === undefined || row.from === from) &&
    (to === undefined || row.to === to) &&
    (source === undefined || row.source === source) &&
    (since === undefined || Buffer.compare(instant, Buffer.from(since)) >= 0) &&
    (until === undefined || Buffer.compare(instant, Buffer.from(until)) < 0) &&
    (q === undefined || (row.text !== null && folded(row.text).includes(folded(q))))
  );
}

function folded(text: string): string {
  return text.normalize("NFC").toLowerCase().toUpperCase().normalize("NFC");
}

function byPosition(a: NewMessage, b: NewMessage): number {
  return (
    Buffer.compare(Buffer.from(instantOf(a.ts)), Buffer.from(instantOf(b.ts))) ||
    Buffer.compare(Buffer.from(a.messageId), Buffer.from(b.messageId)) ||
    Buffer.compare(Buffer.from(a.source), Buffer.from(b.source))
  );
}
