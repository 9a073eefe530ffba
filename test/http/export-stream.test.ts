import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { systemClock } from "../../src/domain/clock.ts";
import {
  Overloaded,
  QueryTooExpensive,
  ReadCancelled,
  StoreUnavailable,
} from "../../src/domain/errors.ts";
import type { CursorPosition } from "../../src/domain/message-filter.ts";
import type { MessageQuery } from "../../src/domain/message-query.ts";
import { exportRoute } from "../../src/http/routes/export.ts";
import type { MessagePage, ReadOptions, Store } from "../../src/store/store.ts";
import { bareServer } from "../support/bare-server.ts";
import { json, scrape, seen } from "../support/client.ts";
import { RawConnection, rawRequest } from "../support/raw-http.ts";
import type { LogLine } from "../support/service.ts";

// A real store neither fails in the middle nor runs for ever on request. This one does, on a real
// connection.

type Find = (
  page: number,
  options: ReadOptions,
  query: MessageQuery,
) => Promise<MessagePage> | MessagePage;

interface Wire {
  readonly url: string;
  readonly port: number;
  readonly lines: readonly LogLine[];
  /** The number of requested pages. */
  reads(): number;
  line(requestId: string): Promise<LogLine>;
  [Symbol.asyncDispose](): Promise<void>;
}

async function startWith(find: Find): Promise<Wire> {
  let reads = 0;
  const store = {
    findMessages: async (query: MessageQuery, options: ReadOptions = {}) =>
      find(++reads, options, query),
    sizeBytes: async () => 0,
  } as Partial<Store> as Store;
  const server = await bareServer({ store });
  return {
    url: server.url,
    port: server.port,
    lines: server.lines,
    reads: () => reads,
    line: async (id) => {
      for (;;) {
        const found = server.lines.find(({ request_id }) => request_id === id);
        if (found !== undefined) return found;
        await delay(5);
      }
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

const NEXT = {
  position: { instant: "", messageId: "", source: "" },
  side: "after",
} as unknown as CursorPosition;
const FAILURES = [
  [new Overloaded("too many reads are waiting"), 503, "too many reads are waiting"],
  [new StoreUnavailable("locked"), 503, "database unavailable"],
  [
    new QueryTooExpensive("narrow it"),
    422,
    [{ type: "too_broad", loc: ["query"], msg: "narrow it" }],
  ],
  [new Error("of the engine"), 500, "internal server error"],
] as const;

function pageOf(messages: number, next: CursorPosition | null, text = "x"): MessagePage {
  const message = {
    source: "native",
    from: "+1",
    to: "+2",
    ts: "2025-01-15T10:00:00Z",
    text,
    createdAt: "",
  };
  const all = Array.from({ length: messages }, (_, at) => ({ ...message, messageId: `${at}` }));
  return { messages: all, total: null, next, previous: null };
}

/** About four megabytes on the wire. */
const heavy = () => pageOf(1_000, NEXT, "x".repeat(4_000));

const forever = (signal: AbortSignal | undefined) =>
  new Promise<never>((_, reject) =>
    signal?.addEventListener("abort", () => reject(new ReadCancelled("gone"))),
  );

const get = (path: string, id: string, version = "1.1") =>
  rawRequest(`GET ${path} HTTP/${version}`, ["Host: x", `X-Request-ID: ${id}`]);

test("a client that does not read stops the reads, and reading on resumes them", async () => {
  await using wire = await startWith(heavy);
  await using connection = await RawConnection.open(wire.port, { reading: false });
  await connection.write(get("/messages/export", "slow"));
  let before = -1;
  while (before !== wire.reads()) {
    before = wire.reads();
    await delay(300);
  }
  ok(before >= 1 && before <= 8, `${before} pages were read in vain`);
  connection.read();
  while (wire.reads() < before + 5) await delay(5);
  connection.abort();
  equal((await wire.line("slow")).status, 499);
});

test("an export of a gigabyte does not grow the process", { timeout: 60_000 }, async () => {
  const PAGES = 250;
  await using wire = await startWith((page) => (page < PAGES ? heavy() : pageOf(0, null)));
  const response = await fetch(`${wire.url}/messages/export`);
  const start = process.memoryUsage().rss;
  let bytes = 0;
  let peak = 0;
  let sampled = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes < sampled) continue;
    sampled = bytes + 20_000_000;
    peak = Math.max(peak, process.memoryUsage().rss - start);
  }
  ok(bytes > 1_000_000_000, `${bytes}`);
  ok(peak < 300_000_000, `${peak} bytes more`);
});

test("a page may be short or empty and the export continues", async () => {
  const asked: (CursorPosition | undefined)[] = [];
  await using wire = await startWith((page, _options, query) => {
    asked.push(query.cursor);
    deepEqual([query.limit, query.offset, query.count, query.order], [128, 0, "none", "desc"]);
    return page === 7 ? pageOf(2, null) : pageOf(page % 3 === 0 ? 3 : 0, NEXT);
  });
  const text = await (await fetch(`${wire.url}/messages/export?order=desc`)).text();
  equal(text.split("\n").length - 1, 3 + 3 + 2);
  deepEqual(
    [asked.length, asked.filter((place) => place === undefined).length, asked[0]],
    [7, 1, undefined],
  );
});

for (const [error, status, detail] of FAILURES) {
  test(`${error.name} before the first message is a ${status} and no file`, async () => {
    for (const failing of [1, 2]) {
      await using wire = await startWith((page) => {
        if (page % failing === 0) throw error;
        return pageOf(0, NEXT);
      });
      for (const format of ["ndjson", "csv"]) {
        const answer = await fetch(`${wire.url}/messages/export?format=${format}`);
        equal(answer.headers.get("content-disposition"), null);
        equal(answer.headers.get("retry-after"), status === 503 ? "1" : null);
        if (format === "ndjson")
          deepEqual(await seen(Promise.resolve(answer)), json(status, { detail }));
      }
    }
  });

  test(`${error.name} in the middle breaks the connection and is logged as ${status}`, async () => {
    for (const version of ["1.1", "1.0"]) {
      await using wire = await startWith((page) => {
        if (page === 3) throw error;
        return pageOf(10, NEXT);
      });
      await using connection = await RawConnection.open(wire.port);
      await connection.write(get("/messages/export", "broken", version));
      equal(await connection.ending(), "reset", version);
      ok(!connection.received().endsWith("0\r\n\r\n"));
      const line = await wire.line("broken");
      deepEqual([line.status, line.level], [status, status >= 500 ? "ERROR" : "WARNING"]);
    }
  });
}

for (const [path, leaves] of [
  ["/messages", "abort"],
  ["/messages?q=abc", "abort"],
  ["/messages/export", "abort"],
  ["/messages/export?format=csv", "abort"],
  ["/messages?q=abc", "end"],
  ["/messages/export", "end"],
] as const) {
  const how =
    leaves === "abort" ? "disconnects" : "closes its half and then waits in vain for a second";
  test(`a client of ${path} that ${how} stops the reads, and is a 499`, async () => {
    let aborted = 0;
    await using wire = await startWith((_page, { signal }) => {
      signal?.addEventListener("abort", () => aborted++);
      return forever(signal);
    });
    const connection = await RawConnection.open(wire.port);
    await connection.write(get(path, "gone"));
    while (wire.reads() === 0) await delay(5);
    connection[leaves]();
    const line = await wire.line("gone");
    deepEqual([line.status, line.level, aborted], [499, "WARNING", 1]);
    const metrics = await scrape(wire);
    ok(metrics.includes('status="499"} 1') && !/status="500"} [1-9]/.test(metrics));
  });
}

test("a client that disconnects in the middle of an export stops the current read", async () => {
  let aborted = 0;
  await using wire = await startWith((page, { signal }) => {
    if (page < 3) return pageOf(10, NEXT);
    signal?.addEventListener("abort", () => aborted++);
    return forever(signal);
  });
  const connection = await RawConnection.open(wire.port);
  await connection.write(get("/messages/export", "gone"));
  while (wire.reads() < 3) await delay(5);
  connection.abort();
  equal((await wire.line("gone")).status, 499);
  deepEqual([aborted, wire.reads()], [1, 3]);
});

test("the signal of a sent answer is never aborted", async () => {
  const signals: (AbortSignal | undefined)[] = [];
  await using wire = await startWith((_page, { signal }) => {
    signals.push(signal);
    return pageOf(1, null);
  });
  await using connection = await RawConnection.open(wire.port);
  for (let at = 1; at <= 3; at += 1) {
    await connection.write(get(at === 2 ? "/messages/export" : "/messages", `${at}`));
    await connection.answered(at);
  }
  connection.abort();
  await wire.line("3");
  deepEqual(
    signals.map((signal) => signal?.aborted),
    [false, false, false],
  );
});

test("no more than sixteen exports are under way, and a slot is free again when one has ended", async () => {
  await using wire = await startWith((_page, { signal }) => forever(signal));
  // Four clients, each with its share.
  const connections = await Promise.all(
    Array.from({ length: 16 }, (_, at) =>
      RawConnection.open(wire.port, { localAddress: `127.0.0.${2 + (at % 4)}` }),
    ),
  );
  for (const connection of connections) await connection.write(get("/messages/export", "held"));
  while (wire.reads() < 16) await delay(5);
  const refused = await fetch(`${wire.url}/messages/export`);
  deepEqual([refused.status, refused.headers.get("retry-after")], [503, "1"]);
  deepEqual(await refused.json(), { detail: "too many exports are under way" });
  connections[0]?.abort();
  await wire.line("held");
  const taken = RawConnection.open(wire.port);
  await (await taken).write(get("/messages/export", "taken"));
  while (wire.reads() < 17) await delay(5);
  for (const connection of [...connections, await taken]) connection.abort();
});

test("a client that reads nothing for long loses its connection", async () => {
  const store = { findMessages: async () => heavy() };
  const route = exportRoute({ store, clock: systemClock, mayRead: () => true, behindMsMax: 200 });
  await using server = await bareServer({ routes: [route] });
  await using connection = await RawConnection.open(server.port, { reading: false });
  await connection.write(get("/messages/export", "stalled"));
  await delay(1_500);
  connection.read();
  ok(["closed", "reset"].includes(await connection.ending()));
  ok(!connection.received().endsWith("0\r\n\r\n"));
});
