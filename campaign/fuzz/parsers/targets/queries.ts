import { deepEqual, equal, ok } from "node:assert/strict";
import { createHash } from "node:crypto";
import { parseAuditQuery } from "../../../../src/domain/audit-query.ts";
import {
  decodeCursor,
  decodeSenderCursor,
  encodeCursor,
  encodeSenderCursor,
} from "../../../../src/domain/cursor.ts";
import type { MessageId } from "../../../../src/domain/message.ts";
import type { MessageList } from "../../../../src/domain/message-filter.ts";
import { parseMessageList, parseMessageQuery } from "../../../../src/domain/message-query.ts";
import type { QueryParams } from "../../../../src/domain/query-params.ts";
import { parseSenderQuery } from "../../../../src/domain/sender-query.ts";
import { parseTimelineQuery } from "../../../../src/domain/timeline-query.ts";
import type { Target } from "../fuzzer.ts";
import { clampedInteger, instantOfFilter } from "../references.ts";

const POSITION = {
  instant: "2025-01-15T10:00:00",
  messageId: "m1" as MessageId,
  source: "native",
};
const LISTS: readonly MessageList[] = [
  { filter: {}, order: "asc" },
  { filter: { from: "+1", q: "x" }, order: "desc" },
];

function listAt(number: number): MessageList {
  return LISTS[number % LISTS.length] as MessageList;
}

const CURSORS = LISTS.flatMap((list) =>
  (["after", "before"] as const).map((side) => encodeCursor({ position: POSITION, side }, list)),
);

type Reason = { readonly ok: true } | { readonly ok: false; readonly reason: string };

const QUERIES: Readonly<Record<string, (parameters: QueryParams) => Reason>> = {
  messages: parseMessageQuery,
  list: parseMessageList,
  senders: parseSenderQuery,
  timeline: parseTimelineQuery,
  audit: parseAuditQuery,
};

/** What each parameter means, from a second implementation. */
function checkMessageQuery(parameters: QueryParams): string {
  const parsed = parseMessageQuery(parameters);
  const { limit, offset, since, until, order, count } = parameters;
  const wanted = {
    limit: wholeNumber(limit, [1, 100], 50),
    offset: wholeNumber(offset, [0, Number.MAX_SAFE_INTEGER], 0),
    since: since ? instantOfFilter(since) : null,
    until: until ? instantOfFilter(until) : null,
    order: word(order, ["asc", "desc"]),
    count: word(count, ["exact", "none"]),
  };
  const wrong = Object.values(wanted).filter((value) => value === undefined).length;
  const isLong = [...(parameters.q ?? "")].length > 256;
  if (!parsed.ok) {
    if (parsed.reason === "issues") equal(parsed.issues.length, wrong + (isLong ? 1 : 0));
    return `${parsed.reason} ${wrong} ${isLong}`;
  }
  equal(wrong, 0);
  const { query } = parsed;
  if (query.cursor !== undefined) {
    equal(encodeCursor(query.cursor, query), parameters.cursor);
    equal(query.offset, 0);
  } else equal(query.offset, wanted.offset);
  equal(query.limit, wanted.limit);
  equal(query.filter.since ?? null, wanted.since);
  equal(query.filter.until ?? null, wanted.until);
  deepEqual([query.order, query.count], [wanted.order, wanted.count]);
  equal(query.filter.q, parameters.q || undefined);
  ok(!isLong);
  return `ok ${Object.keys(query.filter).join()} ${query.cursor?.side}`;
}

function wholeNumber(
  text: string | undefined,
  bounds: readonly [number, number],
  fallback: number,
): number | undefined {
  return text?.trim() ? clampedInteger(text, bounds) : fallback;
}

function word(text: string | undefined, words: readonly string[]): string | undefined {
  return text?.trim() ? words.find((one) => one === text.trim()) : words[0];
}

const queries: Target = {
  name: "query strings",
  seeds: [
    "limit=5&offset=10&order=desc&count=none",
    "from=%2B919876543210&to=919876543210&source=native&q=Hello",
    "since=2025-01-15T10:00:00Z&until=2025-01-16&bucket=hour&zone=Asia%2FKolkata",
    `limit=1&cursor=${CURSORS[0]}`,
    "prefix=%2B91&cursor=",
    "before=2025-01-15T10:00:00.000Z,abc&limit=100",
    "limit=1e2&offset=+5.0",
    `q=${"x".repeat(256)}`,
  ],
  dictionary: [
    ...["limit=", "offset=", "order=", "count=", "since=", "until=", "from=", "to=", "source="],
    ...["q=", "cursor=", "bucket=", "zone=", "prefix=", "before=", "&", "=", "%", "+", ";"],
    ...["asc", "desc", "none", "exact", "minute", "day", "__proto__=1", "constructor=", "[]"],
    ...["2025-01-15T10:00:00Z", "%2B05:30", "1e3", "%F0%9F%98%80", "%C3%28", ...CURSORS],
  ],
  run: (input) => {
    const parameters = Object.fromEntries(new URLSearchParams(input.toString("latin1")));
    const outcomes = Object.values(QUERIES).map((parse) => {
      const parsed = parse(parameters);
      return parsed.ok ? "ok" : parsed.reason;
    });
    return `${outcomes.join()} ${checkMessageQuery(parameters)}`;
  },
};

/** A text with the checksum of a genuine cursor: anyone can compute it. */
function sealed(place: Buffer, list: string): string {
  const hash = createHash("sha256").update(list).update("\0").update(place).digest();
  return Buffer.concat([hash.subarray(0, 9), place]).toString("base64url");
}

function nameOf({ filter, order }: MessageList): string {
  const { from, to, source, since, until, q } = filter;
  return JSON.stringify([from, to, source, since, until, q, order].map((part) => part ?? null));
}

const cursors: Target = {
  name: "cursors",
  seeds: [
    ...CURSORS,
    encodeSenderCursor("+919876543210"),
    '["2025-01-15T10:00:00","m1","native"]',
    '["2025-01-15T10:00:00","m1","native","before"]',
    '["+919876543210"]',
    '["","\\ud800","\\u0000"]',
  ],
  dictionary: ['"', ",", "[", "]", '"after"', '"before"', "null", "{}", "=", "-", "_", "+", "/"],
  run: (input) => {
    const text = input.toString("latin1");
    const list = listAt(input.length);
    const found = decodeCursor(text, list);
    if (found !== undefined) equal(encodeCursor(found, list), text);
    const sender = decodeSenderCursor(text);
    if (sender !== undefined) equal(encodeSenderCursor(sender), text);
    // A forger knows the checksum, so what is inside may be anything.
    const forged = decodeCursor(sealed(input, nameOf(list)), list);
    if (forged !== undefined) deepEqual(decodeCursor(encodeCursor(forged, list), list), forged);
    const forgedSender = decodeSenderCursor(sealed(input, "senders"));
    if (forgedSender !== undefined)
      equal(decodeSenderCursor(encodeSenderCursor(forgedSender)), forgedSender);
    const sides = [found?.side, forged?.side];
    return `${sides.join()} ${sender !== undefined} ${forgedSender !== undefined}`;
  },
};

export const QUERY_TARGETS: readonly Target[] = [queries, cursors];
