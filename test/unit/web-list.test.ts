import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  addAbove,
  addBelow,
  continuation,
  countNews,
  isBefore,
  type List,
  listOf,
  mergeHead,
  type Page,
  ROWS_MAX,
  rowOf,
} from "../../web/live/list.ts";
import { propertyRuns } from "../support/property-runs.ts";

interface Message {
  readonly message_id: string;
  readonly ts: string;
}

const PAGE_ROWS = 50;
const message = (minute: number, id: string): Message => ({
  message_id: id,
  ts: new Date(Date.UTC(2026, 0, 1) + minute * 60_000).toISOString(),
});

/** A plain list of messages that answers as the service does. */
class Plain {
  messages: Message[] = [];

  insert(...added: readonly Message[]): void {
    this.messages = [...this.messages, ...added].sort((a, b) =>
      isBefore(rowOf(a), rowOf(b)) ? -1 : 1,
    );
  }

  page(
    order: "asc" | "desc",
    span: { since?: string; until?: string },
    cursor?: string,
  ): Page<Message> {
    const [since, until] = [span.since ?? "0000-01-01", span.until ?? "9999-01-01"].map(Date.parse);
    const sorted = order === "desc" ? this.messages : this.messages.toReversed();
    const inside = sorted.filter(
      ({ ts }) => Date.parse(ts) >= Number(since) && Date.parse(ts) < Number(until),
    );
    // A cursor is the key of the last row of the previous page.
    const after = cursor === undefined ? undefined : (JSON.parse(cursor) as Message);
    const rest =
      after === undefined
        ? inside
        : inside.filter((each) =>
            order === "desc"
              ? isBefore(rowOf(after), rowOf(each))
              : isBefore(rowOf(each), rowOf(after)),
          );
    const data = rest.slice(0, PAGE_ROWS);
    const last = data.at(-1);
    return { data, next_cursor: rest.length > data.length && last ? JSON.stringify(last) : null };
  }

  grow(list: List<Message>, side: "top" | "bottom"): List<Message> {
    const next = continuation(list, side);
    if (next === undefined) return list;
    const page = this.page(next.order, next.span, next.cursor);
    return (side === "top" ? addAbove : addBelow)(list, page, next.span);
  }
}

function check({ rows, top, cutAbove }: List<Message>): void {
  ok(rows.length <= ROWS_MAX, `${rows.length} rows`);
  equal(new Set(rows.map(({ key }) => key)).size, rows.length, "a row is there twice");
  for (const [at, row] of rows.entries()) {
    const next = rows[at + 1];
    if (next !== undefined) ok(isBefore(row, next), `${row.key} stands above ${next.key}`);
  }
  if (top.kind === "end") equal(cutAbove, 0);
}

const step = fc.oneof(
  fc.record({ kind: fc.constant("insert" as const), minute: fc.nat(400), count: fc.nat(70) }),
  fc.record({ kind: fc.constant("remove" as const), at: fc.nat(400) }),
  fc.constantFrom({ kind: "ring" as const }, { kind: "down" as const }, { kind: "up" as const }),
);

test("in any order of rings, pages, new, late and deleted rows, the list is sorted, without twins and bounded", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const plain = new Plain();
      let id = 0;
      plain.insert(...Array.from({ length: 300 }, (_, at) => message(at, `m${id++}`)));
      let list = listOf(plain.page("desc", {}));
      for (const each of steps) {
        if (each.kind === "insert")
          plain.insert(
            ...Array.from({ length: each.count }, () => message(each.minute, `m${id++}`)),
          );
        else if (each.kind === "remove") plain.messages.splice(each.at, 1);
        else if (each.kind === "ring") {
          if (list.top.kind === "end") list = mergeHead(list, plain.page("desc", {})).list;
        } else list = plain.grow(list, each.kind === "up" ? "top" : "bottom");
        check(list);
      }
      // Back at the top, a ring shows what the service has.
      for (let rounds = 0; list.top.kind !== "end" && rounds < 200; rounds++)
        list = plain.grow(list, "top");
      equal(list.top.kind, "end");
      list = mergeHead(list, plain.page("desc", {})).list;
      check(list);
      const head = plain.messages.slice(0, PAGE_ROWS);
      deepEqual(
        list.rows.slice(0, head.length).map((row) => row.message.message_id),
        head.map((each) => each.message_id),
      );
    }),
    { numRuns: propertyRuns(200) },
  );
});

test("scrolling down through everything and up again shows every row once", () => {
  const plain = new Plain();
  // Many rows of one instant: a page ends within them.
  plain.insert(
    ...Array.from({ length: 2_000 }, (_, at) => message(Math.floor(at / 130), `m${at}`)),
  );
  const order = plain.messages.map((each) => each.message_id);
  let list = listOf(plain.page("desc", {}));
  const seen = new Set<string>();
  const look = () => {
    check(list);
    for (const { message: each } of list.rows) seen.add(each.message_id);
    const begin = order.indexOf(list.rows[0]?.message.message_id ?? "");
    deepEqual(
      list.rows.map((row) => row.message.message_id),
      order.slice(begin, begin + list.rows.length),
    );
  };
  while (list.bottom.kind !== "end") {
    list = plain.grow(list, "bottom");
    look();
  }
  equal(seen.size, 2_000);
  ok(list.cutAbove === 1_500, `${list.cutAbove}`);
  while (list.top.kind !== "end") {
    list = plain.grow(list, "top");
    look();
  }
  equal(list.rows[0]?.message.message_id, order[0]);
  while (list.bottom.kind !== "end") {
    list = plain.grow(list, "bottom");
    look();
  }
});

test("known rows stay the same objects, and new ones are reported", () => {
  const plain = new Plain();
  plain.insert(...Array.from({ length: 80 }, (_, at) => message(at, `m${at}`)));
  const list = listOf(plain.page("desc", {}));
  plain.insert(message(500, "new"), message(60, "late"));
  const page = plain.page("desc", {});
  const merged = mergeHead(list, page);
  deepEqual(
    merged.fresh.map((row) => row.message.message_id),
    ["new", "late"],
  );
  equal(merged.list.rows[1], list.rows[0]);
  equal(merged.list.rows.length, 52);
  equal(countNews(list, page), 1, "a late row is not above");
});

test("without a row in common the list begins again", () => {
  const plain = new Plain();
  plain.insert(...Array.from({ length: 80 }, (_, at) => message(at, `m${at}`)));
  const list = plain.grow(listOf(plain.page("desc", {})), "bottom");
  plain.insert(...Array.from({ length: 60 }, (_, at) => message(500 + at, `n${at}`)));
  const page = plain.page("desc", {});
  const merged = mergeHead(list, page);
  equal(merged.list.rows.length, 50);
  equal(countNews(list, page), 50);
  equal(merged.list.bottom.kind, "cursor");
});

test("an empty page of a search that goes further changes nothing", () => {
  const plain = new Plain();
  plain.insert(message(1, "a"));
  const list = listOf(plain.page("desc", {}));
  equal(mergeHead(list, { data: [], next_cursor: "x" }).list, list);
  equal(mergeHead(list, { data: [], next_cursor: null }).list.rows.length, 0);
});

test("rows of one millisecond are in the order of their nanoseconds, then of the bytes of their ids", () => {
  const rows = [
    { ts: "2026-01-01T00:00:00.123456789Z", message_id: "a" },
    { ts: "2026-01-01T00:00:00.123456788Z", message_id: "z" },
    { ts: "2026-01-01T00:00:00.123456788Z", message_id: "\ufb00" },
    { ts: "2026-01-01T00:00:00.123456788Z", message_id: "\u{1f600}" },
    { ts: "2026-02-31T00:00:00Z?", message_id: "undated" },
  ].map(rowOf);
  const sorted = rows.toSorted((a, b) => (isBefore(a, b) ? -1 : 1));
  deepEqual(
    sorted.map((row) => row.message.message_id),
    ["a", "\u{1f600}", "\ufb00", "z", "undated"],
  );
});
