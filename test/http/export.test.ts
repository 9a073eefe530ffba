import { deepEqual, equal, ok } from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { after, test } from "node:test";
import { issuesOf, type ListedMessage, listMessages, scrape, seen } from "../support/client.ts";
import { type Fields, filledDatabase, startFilled } from "../support/filled-service.ts";
import { RawConnection, rawRequest } from "../support/raw-http.ts";
import { type Service, startService } from "../support/service.ts";

const TEXTS = [
  "plain",
  null,
  "",
  "a,b",
  'say "hi"',
  '"',
  '""',
  "two\nlines",
  "two\r\nlines\r",
  "\n",
  ",",
  " spaces ",
  "👍🏽 ÜBER\u2028\u0001",
  "'already",
  "''twice",
  "'=1+1",
  "\u007f\u0080\u0085\u009f\u2028\u2029 line\u0085ends",
  "\ufeffbom",
];
const FORMULAS = [
  "=1+1",
  "+1",
  "-1",
  "@SUM(A1)",
  "\tx",
  "\rx",
  "\nx",
  "=cmd|' /C calc'!A0",
  '=HYPERLINK("http://x","y")',
  "-",
];

const many: readonly Fields[] = [
  ...[...TEXTS, ...FORMULAS].map((text, at) => ({
    message_id: `text ${at}`,
    text,
    from: "+5",
    ts: "2025-01-14T10:00:00Z",
  })),
  ...["=id", 'a,b\n"c"', "+1", "😀", "x".repeat(1024)].map((message_id) => ({
    message_id,
    from: "+6",
  })),
  // More than two pages of an export, many of the same instant.
  ...Array.from({ length: 2_345 }, (_, at) => ({
    message_id: `m${at}`,
    from: `+${at % 3}`,
    to: at % 2 ? "+8" : "+9",
    ts: `2025-01-15T10:00:${String(at % 7).padStart(2, "0")}Z`,
    text: at % 10 ? `text ${at}` : `ünique ${at}`,
    source: at % 5 ? "native" : "other",
  })),
];
const service = await startFilled(many);
after(() => service[Symbol.asyncDispose]());

const exported = (query = "", own: Service = service) =>
  fetch(`${own.url}/messages/export${query}`);

async function lines(query = ""): Promise<readonly ListedMessage[]> {
  const response = await exported(query);
  const text = await response.text();
  equal(response.status, 200, text);
  ok(text === "" || text.endsWith("\n"));
  return text
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}

async function wholeList(query: string): Promise<readonly ListedMessage[]> {
  const all: ListedMessage[] = [];
  let cursor: string | null | undefined = "";
  do {
    const page: Awaited<ReturnType<typeof listMessages>> = await listMessages(
      service,
      `?limit=100${query}&cursor=${cursor}`,
    );
    all.push(...page.data);
    cursor = page.next_cursor;
  } while (cursor);
  return all;
}

/**
 * RFC 4180 and nothing else: CRLF after every row, quotes only around whole cells. A cell without
 * quotes is distinguished from `""`.
 */
function parseCsv(text: string): readonly (readonly string[])[] {
  const rows: string[][] = [];
  let row: string[] = [];
  for (let at = 0; at < text.length; ) {
    const cell = /"((?:[^"]|"")*)"|([^",\r\n]*)/y;
    cell.lastIndex = at;
    const [whole = "", quoted, plain = ""] = cell.exec(text) ?? [];
    row.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    at += whole.length;
    if (text.startsWith(",", at)) {
      at += 1;
    } else {
      equal(
        text.slice(at, at + 2),
        "\r\n",
        `behind ${JSON.stringify(text.slice(Math.max(0, at - 40), at))}`,
      );
      at += 2;
      rows.push(row);
      row = [];
    }
  }
  deepEqual(row, []);
  return rows;
}

const harmless = (value: string | null) =>
  value !== null && /^['=+\-@\t\r\n]/.test(value) ? `'${value}` : (value ?? "");

test("an export contains every message of the list, one per line, in order", async () => {
  deepEqual(await lines(), await wholeList(""));
  equal((await lines()).length, many.length);
});

const FILTERS = [
  "from=%2B1",
  "from=1&to=9",
  "to=8&order=desc",
  "source=other",
  "source=other&q=%C3%BCNIQUE&order=desc",
  "q=%C3%BCnique",
  "q=text%201",
  "since=2025-01-15T10:00:03Z",
  "since=2025-01-15T11:00:03%2B01:00&until=2025-01-15 10:01",
  "since=2025-01-15&until=2025-01-15T10:00:02Z&order=desc",
  "from=unknown",
  "q=%22%20OR%20*",
  "order=desc",
];

for (const query of FILTERS) {
  test(`an export with ${query} agrees with the list`, async () => {
    deepEqual(await lines(`?${query}`), await wholeList(`&${query}`));
  });
}

test("page parameters do not narrow an export", async () => {
  for (const query of ["limit=1", "offset=5", "cursor=x", "count=exact", "limit=abc"])
    equal((await lines(`?from=5&${query}`)).length, TEXTS.length + FORMULAS.length, query);
});

test("an export names its type and its file", async () => {
  for (const [query, type, file] of [
    ["", "application/x-ndjson", "messages.ndjson"],
    ["?format=", "application/x-ndjson", "messages.ndjson"],
    ["?format=ndjson", "application/x-ndjson", "messages.ndjson"],
    ["?format=csv", "text/csv; charset=utf-8", "messages.csv"],
  ] as const) {
    for (const method of ["GET", "HEAD"]) {
      const { status, headers } = await fetch(`${service.url}/messages/export${query}`, { method });
      equal(status, 200);
      equal(headers.get("content-type"), type);
      equal(headers.get("content-disposition"), `attachment; filename="${file}"`);
      equal(headers.get("content-length"), null);
    }
  }
});

test("CSV has a header and a row for each message, and a strict parser returns every cell", async () => {
  const text = await (await exported("?format=csv")).text();
  const [header, ...rows] = parseCsv(text);
  deepEqual(header, ["message_id", "from", "to", "ts", "text", "created_at"]);
  const expected = (await lines()).map((message) =>
    [
      message.message_id,
      message.from,
      message.to,
      message.ts,
      message.text,
      message.created_at,
    ].map(harmless),
  );
  deepEqual(rows, expected);
});

test("no cell of CSV begins like a formula", async () => {
  const rows = parseCsv(await (await exported("?format=csv")).text());
  for (const cell of rows.flat()) ok(!/^[=+\-@\t\r\n]/.test(cell), cell);
  for (const formula of FORMULAS)
    ok(
      rows.some((row) => row[4] === `'${formula}`),
      formula,
    );
});

test("removing one apostrophe from CSV cells returns the original texts, including those that began with one", async () => {
  const rows = parseCsv(await (await exported("?format=csv&from=5")).text());
  deepEqual(
    rows.slice(1).map((row) => row[4]?.replace(/^'/, "")),
    (await lines("?from=5")).map(({ text }) => text ?? ""),
  );
});

test("every line reader sees one record per line in an export", async () => {
  const text = await (await exported("?from=5")).text();
  const sent = [...TEXTS, ...FORMULAS];
  // Everything that Python's splitlines() and Unicode treat as the end of a line, and the C1
  // controls.
  const records = text.split(/[\n\v\f\r\x7f-\x9f\u2028\u2029]/).slice(0, -1);
  equal(records.length, sent.length);
  deepEqual(new Set(records.map((record) => JSON.parse(record).text)), new Set(sent));
});

test("a missing text is an empty cell and an empty text a quoted one", async () => {
  const text = await (await exported("?format=csv&from=5")).text();
  ok(text.includes("text 1,'+5,'+14155550100,2025-01-14T10:00:00Z,,2025-01-15T10:00:01.000Z\r\n"));
  ok(
    text.includes(
      "text 2,'+5,'+14155550100,2025-01-14T10:00:00Z,\"\",2025-01-15T10:00:01.000Z\r\n",
    ),
  );
});

test("an empty list is an empty file; for CSV, the header", async () => {
  await using empty = await startService();
  equal(await (await exported("", empty)).text(), "");
  equal(
    await (await exported("?format=csv", empty)).text(),
    "message_id,from,to,ts,text,created_at\r\n",
  );
  equal(await (await exported("?from=unknown")).text(), "");
});

test("wrong parameters are reported before anything is sent", async () => {
  const { status, type, text } = await seen(
    exported(`?format=xml&since=soon&order=up&q=${"x".repeat(257)}`),
  );
  deepEqual([status, type], [422, "application/json"]);
  deepEqual(
    issuesOf(text).map(({ type: kind, loc }) => [kind, ...loc]),
    [
      ["datetime_from_date_parsing", "query", "since"],
      ["string_too_long", "query", "q"],
      ["literal_error", "query", "order"],
      ["literal_error", "query", "format"],
    ],
  );
  equal(issuesOf(text).at(-1)?.msg, "Input should be 'ndjson' or 'csv'");
  for (const format of ["CSV", "json", "%00", "%ff", "csv,ndjson", "__proto__"])
    equal((await exported(`?format=${format}`)).status, 422, format);
});

test("HEAD reads at most one page and sends nothing", async () => {
  await using connection = await RawConnection.open(service.port);
  for (let at = 1; at <= 3; at += 1) {
    await connection.write(rawRequest("HEAD /messages/export HTTP/1.1", ["Host: x"]));
    const answers = await connection.answered(at, { head: true });
    deepEqual([answers.length, answers.at(-1)?.status], [at, 200]);
  }
});

test("one connection serves many exports, and accumulates no listeners", async () => {
  const warnings: string[] = [];
  const note = (warning: Error) => warnings.push(warning.message);
  process.on("warning", note);
  await using connection = await RawConnection.open(service.port);
  for (let at = 1; at <= 30; at += 1) {
    const path =
      at % 3 === 0
        ? "/messages?limit=1"
        : at % 3 === 1
          ? "/messages/export?from=6"
          : "/stats/timeline";
    await connection.write(rawRequest(`GET ${path} HTTP/1.1`, ["Host: x"]));
    equal((await connection.answered(at)).at(-1)?.status, 200);
  }
  process.off("warning", note);
  deepEqual(warnings, []);
});

test("an HTTP/1.0 client without chunks also gets the whole export, up to the end of the connection", async () => {
  await using connection = await RawConnection.open(service.port);
  await connection.write(rawRequest("GET /messages/export HTTP/1.0", ["Host: x"]));
  equal(await connection.ending(), "closed");
  const [, text = ""] = connection.received().split("\r\n\r\n");
  equal(text.split("\n").length - 1, many.length);
});

/** More than the buffers of a connection can hold. */
const LARGE = Array.from({ length: 1_500 }, (_, at) => ({
  message_id: `${at}`,
  text: "😀".repeat(4_096),
}));

const largeDatabase = await filledDatabase(LARGE);
after(() => largeDatabase[Symbol.asyncDispose]());
/** Filling a database with them takes long, so services start on the same one after the other. */
const startLarge = (env: Readonly<Record<string, string>> = {}) =>
  startService({ DATABASE_URL: largeDatabase.url, ...env });

test("an export whose client disconnects is logged as such, and the service continues", async () => {
  await using large = await startLarge();
  for (const [id, leave] of [
    ["resets", "abort"],
    ["closes", "destroy"],
  ] as const) {
    await using connection = await RawConnection.open(large.port, { reading: false });
    await connection.write(
      rawRequest("GET /messages/export HTTP/1.1", ["Host: x", `X-Request-ID: ${id}`]),
    );
    await fetch(`${large.url}/health/live`);
    if (leave === "abort") connection.abort();
    else await connection[Symbol.asyncDispose]();
    const line = await large.line(({ request_id }) => request_id === id);
    deepEqual([line.status, line.level, line.path], [499, "WARNING", "/messages/export"]);
  }
  const text = await (await exported("", large)).text();
  equal(text.split("\n").length - 1, LARGE.length);
  const metrics = await scrape(large);
  ok(metrics.includes('http_requests_total{method="GET",path="/messages/export",status="499"} 2'));
  ok(!/status="500"} [1-9]/.test(metrics));
});

/** Requests an export and reads only its beginning. */
async function begun(port: number, version: string): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1" });
  socket.write(`GET /messages/export HTTP/${version}\r\nHost: x\r\n\r\n`);
  await once(socket, "data", { signal: AbortSignal.timeout(10_000) });
  return socket.pause();
}

test("an export without a reader is aborted at the drain time, and does not look complete", {
  timeout: 30_000,
}, async () => {
  for (const version of ["1.1", "1.0"]) {
    const large = await startLarge({ DRAIN_TIMEOUT_MS: "300" });
    const socket = await begun(large.port, version);
    const ended = once(socket, "end").then(
      () => "ended",
      ({ code }) => code,
    );
    const startMs = performance.now();
    await large[Symbol.asyncDispose]();
    ok(performance.now() - startMs < 5_000);
    socket.resume();
    equal(await ended, "ECONNRESET", version);
  }
});
