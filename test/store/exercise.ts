import { deepEqual, equal, rejects } from "node:assert/strict";
import { test } from "node:test";
import { decodeCursor, encodeCursor } from "../../src/domain/cursor.ts";
import { StoreUnavailable } from "../../src/domain/errors.ts";
import type { NewMessage } from "../../src/domain/message.ts";
import { type MessageQuery, parseMessageQuery } from "../../src/domain/message-query.ts";
import type { Store } from "../../src/store/store.ts";
import { exerciseAlerts } from "./exercise-alerts.ts";
import { exerciseAccess } from "./exercise-credentials.ts";
import { exerciseRetention } from "./exercise-retention.ts";
import { exerciseSecrets } from "./exercise-secrets.ts";

/** A message as the parsers would make it; `fields` replace the defaults. */
export function message(
  messageId: string,
  fields: Readonly<Record<string, string | null>> = {},
): NewMessage {
  const base = {
    source: "native",
    messageId,
    from: "+1",
    to: "+2",
    ts: "2025-01-15T10:00:00Z",
    text: "Hello",
    createdAt: "2025-01-15T10:00:01.000Z",
  };
  return { ...base, ...fields } as unknown as NewMessage;
}

export function query(parameters: Readonly<Record<string, string>> = {}): MessageQuery {
  const parsed = parseMessageQuery(parameters);
  if (!parsed.ok) throw new Error(`not a query: ${JSON.stringify(parameters)}`);
  return parsed.query;
}

export interface StoreFixture {
  /** An empty store, and the same one again after it was closed. */
  readonly open: () => Promise<Store>;
  readonly remove: () => Promise<void> | void;
}

type Fixture = () => Promise<StoreFixture> | StoreFixture;

/** Makes a function that declares a test on a new store. */
function checkOn(name: string, fixture: Fixture) {
  return (title: string, body: (store: Store, reopen: () => Promise<Store>) => Promise<void>) =>
    test(`${name}: ${title}`, async () => {
      const { open, remove } = await fixture();
      const opened = [await open()];
      const reopen = async () => {
        await opened.at(-1)?.close();
        const store = await open();
        opened.push(store);
        return store;
      };
      try {
        await body(opened[0] as Store, reopen);
      } finally {
        await opened.at(-1)?.close();
        await remove();
      }
    });
}

/** The same tests for every backend of the interface. */
export function exerciseStore(name: string, fixture: Fixture): void {
  exerciseMessages(name, fixture);
  exerciseAdministration(name, fixture);
}

/** What every backend must do with messages. */
export function exerciseMessages(name: string, fixture: Fixture): void {
  const check = checkOn(name, fixture);
  const ids = async (store: Store, parameters: Readonly<Record<string, string>> = {}) =>
    (await store.findMessages(query(parameters))).messages.map(({ messageId }) => messageId);

  check(
    "the first of two equal ids in one call is created, the second is a duplicate",
    async (store) => {
      deepEqual(await store.insertMessages([message("m1"), message("m1")]), [
        "created",
        "duplicate",
      ]);
      const same = message("m2");
      deepEqual(await store.insertMessages([same, same]), ["created", "duplicate"]);
    },
  );

  check("an id again with other content is a conflict and the first row is kept", async (store) => {
    await store.insertMessages([message("m1", { text: "first" })]);
    for (const fields of [
      { text: "second" },
      { text: null },
      { text: "" },
      { from: "+9" },
      { to: "+9" },
      { ts: "2025-01-15T10:00:00.0Z" },
    ]) {
      deepEqual(
        await store.insertMessages([message("m1", { text: "first", ...fields })]),
        ["conflict"],
        JSON.stringify(fields),
      );
    }
    deepEqual(
      (await store.findMessages(query())).messages.map(({ text }) => text),
      ["first"],
    );
  });

  check("a null text again is a duplicate, not a conflict", async (store) => {
    await store.insertMessages([message("m1", { text: null })]);
    deepEqual(await store.insertMessages([message("m1", { text: null })]), ["duplicate"]);
  });

  check("two sources may use the same id", async (store) => {
    deepEqual(await store.insertMessages([message("m1"), message("m1", { source: "other" })]), [
      "created",
      "created",
    ]);
  });

  check("ids that differ in case, spaces or normal form are different ids", async (store) => {
    const distinct = ["a", "A", " a", "a ", "é", "e\u0301", "ß", "ss", "\u{1F600}"];
    deepEqual(
      new Set(await store.insertMessages(distinct.map((id) => message(id)))),
      new Set(["created"]),
    );
  });

  check(
    "a stored message is returned unchanged, after closing and opening too",
    async (store, reopen) => {
      const rows = [
        message("x".repeat(1024), { text: "\u{1F600}".repeat(4096) }),
        message("   ", { text: "" }),
        message("null", { text: null }),
        message("odd", {
          text: "%_\\'\";--\r\n\t\u0001\u2028",
          ts: "2025-01-15T10:00:00.500000000Z",
          from: `+${"9".repeat(32)}`,
        }),
      ];
      await store.insertMessages(rows);
      const byId = (list: readonly { messageId: string }[]) =>
        [...list].sort((a, b) => (a.messageId < b.messageId ? -1 : 1));
      const listed = async (opened: Store) =>
        byId((await opened.findMessages(query())).messages).map((row) => ({ ...row }));
      deepEqual(await listed(store), byId(rows));
      deepEqual(await listed(await reopen()), byId(rows));
    },
  );

  check("an id is still a duplicate after closing and opening", async (store, reopen) => {
    await store.insertMessages([message("m1")]);
    deepEqual(await (await reopen()).insertMessages([message("m1")]), ["duplicate"]);
  });

  check(
    "messages are listed by instant, whatever the fraction's spelling, then by the bytes of the id",
    async (store) => {
      // By bytes of UTF-8, U+FFFD comes before U+1F600; by UTF-16 units it would come after.
      await store.insertMessages([
        message("half", { ts: "2025-01-15T10:00:00.5Z" }),
        message("\u{1F600}"),
        message("\ufffd"),
        message("b", { ts: "2025-01-15T10:00:00.000Z" }),
        message("a", { ts: "2025-01-15T10:00:00.0Z" }),
        message("Z"),
        message("later", { ts: "2025-01-15T10:00:00.50000001Z" }),
        message("old", { ts: "0001-01-01T00:00:00Z" }),
        message("far", { ts: "9999-12-31T23:59:59.999999999Z" }),
      ]);
      deepEqual(await ids(store), [
        "old",
        "Z",
        "a",
        "b",
        "\ufffd",
        "\u{1F600}",
        "half",
        "later",
        "far",
      ]);
    },
  );

  check("since is inclusive and compares instants", async (store) => {
    await store.insertMessages([
      message("a", { ts: "2025-01-15T10:00:00Z" }),
      message("b", { ts: "2025-01-15T10:00:00.5Z" }),
      message("c", { ts: "2025-01-16T00:00:00Z" }),
    ]);
    deepEqual(await ids(store, { since: "2025-01-15T10:00:00.0+00:00" }), ["a", "b", "c"]);
    deepEqual(await ids(store, { since: "2025-01-15T10:00:00.500Z" }), ["b", "c"]);
    deepEqual(await ids(store, { since: "2025-01-16" }), ["c"]);
  });

  check(
    "q is a literal part of the text without regard to case, for all of Unicode",
    async (store) => {
      const texts = [
        "100% über_cool",
        "100 percent",
        "ÜBERALL",
        "back\\slash",
        'it\'s "quoted"',
        "Οδός",
        "STRASSE",
        "привет МИР",
        null,
        "",
      ];
      await store.insertMessages(texts.map((text, index) => message(String(index), { text })));
      const expected: Record<string, string[]> = {
        "%": ["0"],
        _: ["0"],
        "0%": ["0"],
        "\\": ["3"],
        "'": ["4"],
        '"': ["4"],
        über: ["0", "2"],
        ÜBER: ["0", "2"],
        ΟΔΌΣ: ["5"],
        straße: ["6"],
        мир: ["7"],
        null: [],
        " OR 1=1": [],
      };
      for (const [q, found] of Object.entries(expected))
        deepEqual(await ids(store, { q }), found, q);
    },
  );

  check(
    "q finds every spelling of a letter with marks, and none of the letter alone",
    async (store) => {
      const texts = [
        "café au lait",
        "CAFE\u0301",
        "cafe",
        "Tiếng Việt",
        "tie\u0302\u0301ng vie\u0323\u0302t",
        "한글",
        "\u1112\u1161\u11ab\u1100\u1173\u11af",
      ];
      await store.insertMessages(texts.map((text, index) => message(String(index), { text })));
      const expected: Record<string, string[]> = {
        café: ["0", "1"],
        "cafe\u0301": ["0", "1"],
        "FE\u0301": ["0", "1"],
        é: ["0", "1"],
        cafe: ["2"],
        "\u0301": [],
        VIỆT: ["3", "4"],
        "vie\u0302\u0323t": ["3", "4"],
        한: ["5", "6"],
        "\u1112\u1161\u11ab\u1100\u1173\u11af": ["5", "6"],
      };
      for (const [q, found] of Object.entries(expected))
        deepEqual(await ids(store, { q }), found, q);
    },
  );

  check("total counts every row of the filter, before limit and offset", async (store) => {
    await store.insertMessages(
      Array.from({ length: 7 }, (_, index) =>
        message(`m${index}`, { from: index < 3 ? "+1" : "+5" }),
      ),
    );
    const page = await store.findMessages(query({ from: "+5", limit: "2", offset: "1" }));
    deepEqual(
      [page.total, page.messages.map(({ messageId }) => messageId), page.next !== null],
      [4, ["m4", "m5"], true],
    );
    equal((await store.findMessages(query({ offset: "9007199254740991" }))).messages.length, 0);
  });

  check("pages by cursor are the whole list once, in order", async (store) => {
    const rows = Array.from({ length: 23 }, (_, index) =>
      message(`m${index}`, {
        ts: `2025-01-15T10:00:0${index % 3}Z`,
        source: index % 2 ? "a" : "b",
      }),
    );
    await store.insertMessages(rows);
    const all = (await store.findMessages(query({ limit: "100" }))).messages;
    const paged: unknown[] = [];
    let page = await store.findMessages(query({ limit: "4" }));
    for (;;) {
      paged.push(...page.messages);
      if (page.next === null) break;
      const cursor = decodeCursor(encodeCursor(page.next, query()), query());
      page = await store.findMessages({
        ...query({ limit: "4" }),
        ...(cursor === undefined ? {} : { cursor }),
      });
    }
    deepEqual(paged, all);
    equal(all.length, 23);
  });

  check("statistics of an empty store are zeros and nulls", async (store) => {
    deepEqual(await store.stats(), {
      total: 0,
      senders: 0,
      topSenders: [],
      firstTs: null,
      lastTs: null,
    });
  });

  check(
    "statistics rank ten senders by count, then by number, and agree with the list",
    async (store) => {
      const rows = Array.from({ length: 12 }, (_, sender) =>
        Array.from({ length: sender === 3 ? 5 : 2 }, (_, n) =>
          message(`${sender}-${n}`, {
            from: `+${10 + sender}`,
            ts: `2025-01-${10 + sender}T00:00:0${n}Z`,
          }),
        ),
      );
      await store.insertMessages(rows.flat());
      const stats = await store.stats();
      deepEqual([stats.total, stats.senders, stats.topSenders.length], [27, 12, 10]);
      deepEqual(
        stats.topSenders.slice(0, 3).map((row) => ({ ...row })),
        [
          { from: "+13", count: 5 },
          { from: "+10", count: 2 },
          { from: "+11", count: 2 },
        ],
      );
      deepEqual([stats.firstTs, stats.lastTs], ["2025-01-10T00:00:00Z", "2025-01-21T00:00:01Z"]);
    },
  );

  check("the time of the newest message is known, also after a restart", async (store, reopen) => {
    equal(await store.lastReceivedAt(), null);
    await store.insertMessages([message("m1", { createdAt: "2025-01-15T10:00:01.500Z" })]);
    equal(await store.lastReceivedAt(), "2025-01-15T10:00:01.500Z");
    await store.insertMessages([
      message("m2", { createdAt: "2025-01-15T10:00:02.000Z", ts: "2020-01-15T10:00:00Z" }),
      message("m3", { createdAt: "2025-01-14T10:00:00.000Z" }),
    ]);
    equal(await store.lastReceivedAt(), "2025-01-15T10:00:02.000Z");
    await store.insertMessages([message("m2", { createdAt: "2025-01-15T10:00:03.000Z" })]);
    equal(await store.lastReceivedAt(), "2025-01-15T10:00:02.000Z", "a duplicate is not new");
    const again = await reopen();
    equal(await again.lastReceivedAt(), "2025-01-15T10:00:02.000Z");
  });

  check("a closed store refuses calls, and closing twice is fine", async (store) => {
    await store.close();
    await store.close();
    await rejects(store.insertMessages([message("m1")]), StoreUnavailable);
    await rejects(store.ping(), StoreUnavailable);
  });

  check("calls made before closing are answered", async (store, reopen) => {
    const inserted = store.insertMessages(
      Array.from({ length: 500 }, (_, index) => message(`m${index}`)),
    );
    const closed = store.close();
    equal((await inserted).length, 500);
    await closed;
    equal((await (await reopen()).stats()).total, 500);
  });
}

/** What every backend must do with credentials, alerts and deletion. */
export function exerciseAdministration(name: string, fixture: Fixture): void {
  const check = checkOn(name, fixture);
  exerciseAccess(check);
  exerciseAlerts(check);
  exerciseSecrets(check);
  exerciseRetention(check);
}
