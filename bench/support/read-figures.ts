import { DatabaseSync } from "node:sqlite";
import { sendersOf } from "../../src/cli/demo/loader.ts";
import { senderNumber } from "../../src/cli/sending/message-generator.ts";
import { COMMON_WORD, RARE_WORD, RECEIVERS } from "../../src/cli/sending/sample-texts.ts";
import { instantOf } from "../../src/domain/timestamp.ts";
import type { ClosedLoop } from "./closed-loop.ts";
import type { ScanQuery } from "./plain-scan.ts";

const LIMIT = 50;
const DEEP = 0.9;
const EXPORTED_ROWS = 10_000;

/** A query that is repeated. */
export interface ReadFigure {
  readonly name: string;
  readonly path: string;
  /** The same query for the plain scan. */
  readonly query: ScanQuery;
  /** Whether the first design supports it. */
  readonly old: boolean;
  readonly goalMs?: number;
}

/** The positions in a filled database that the queries use. */
export interface Landmarks {
  readonly rows: number;
  /** The busiest sender. */
  readonly biggest: string;
  readonly biggestRows: number;
  /** A sender of average activity. */
  readonly middle: string;
  /** The instants of the row at nine tenths, and of the row after the first 10,000. */
  readonly since: string;
  readonly exportUntil: string;
}

/** Read from SQLite itself, not from the service. */
export function landmarksOf(databasePath: string): Landmarks {
  const db = new DatabaseSync(databasePath, { readOnly: true });
  try {
    const one = (sql: string, ...parameters: readonly (string | number)[]) =>
      Object.values(db.prepare(sql).get(...parameters) ?? {})[0];
    const rows = Number(one("SELECT count(*) FROM lyftr_messages"));
    const instant = (at: number) =>
      String(one("SELECT instant FROM lyftr_messages ORDER BY instant LIMIT 1 OFFSET ?", at));
    const biggest = senderNumber(0);
    return {
      rows,
      biggest,
      middle: senderNumber(Math.floor(Math.sqrt(sendersOf(rows)))),
      biggestRows: Number(
        one("SELECT count(*) FROM lyftr_messages WHERE from_msisdn = ?", biggest),
      ),
      since: instant(Math.floor(DEEP * rows)),
      exportUntil: instant(Math.min(EXPORTED_ROWS, rows - 1)),
    };
  } finally {
    db.close();
  }
}

type Filters = Omit<Extract<ScanQuery, { readonly kind: "messages" }>, "kind" | "limit">;

/** All queries for a database. The position of the cursor comes from the service. */
export async function readFigures(
  marks: Landmarks,
  service: ClosedLoop,
): Promise<readonly ReadFigure[]> {
  const { biggest, middle, since } = marks;
  const list = (
    name: string,
    { goalMs = 10, ...filters }: Filters & { readonly goalMs?: number },
  ): ReadFigure => ({
    name,
    path: listPath(filters),
    goalMs,
    old: wasKnown(filters),
    query: { kind: "messages", limit: LIMIT, ...filters },
  });
  const limit = LIMIT;
  return [
    list("first page", {}),
    list("first page, the newest first", { order: "desc" }),
    list("`from`, a sender in the middle", { from: middle }),
    list("`from`, the biggest sender", { from: biggest }),
    list("`since`, a tenth left", { since }),
    list("`from` and `since`", { from: biggest, since }),
    list("offset, 90 % in", { offset: Math.floor(DEEP * marks.rows) }),
    list("offset, 90 % in, the biggest sender", {
      from: biggest,
      offset: Math.floor(DEEP * marks.biggestRows),
    }),
    await cursorFigure(marks, service),
    list("`q`, a rare word", { q: RARE_WORD, goalMs: 20 }),
    list("`q`, a word in 1 %", { q: COMMON_WORD, goalMs: 300 }),
    list("`q`, Greek in another case", { q: "ΟΔΌΣ ή ΟΔΌΣ", goalMs: 300 }),
    list("`to`", { to: RECEIVERS[0] as string }),
    { name: "`/stats`", path: "/stats", query: { kind: "stats" }, old: true, goalMs: 5 },
    {
      name: "`/senders`",
      path: `/senders?limit=${limit}`,
      query: { kind: "senders", limit },
      old: false,
    },
    {
      name: "`/stats/timeline`, days",
      path: "/stats/timeline?bucket=day",
      old: false,
      query: { kind: "timeline", characters: 10 },
    },
    exportFigure(marks),
  ];
}

/** SQLite, and so the first design, knows the case of ASCII only. */
function wasKnown({ to, order, q = "" }: Filters): boolean {
  return to === undefined && order === undefined && isAscii(q);
}

export function isAscii(text: string): boolean {
  return Buffer.byteLength(text) === text.length;
}

function exportFigure({ exportUntil: until, rows }: Landmarks): ReadFigure {
  return {
    name: "export of the first 10,000 rows",
    path: `/messages/export?${parameters({ until: `${until}Z` })}`,
    query: { kind: "messages", until, limit: rows },
    old: false,
  };
}

async function cursorFigure(marks: Landmarks, service: ClosedLoop): Promise<ReadFigure> {
  const { body } = await service.get(listPath({ offset: Math.floor(marks.rows / 2) }));
  const page = JSON.parse(body) as {
    next_cursor: string;
    data: readonly { ts: string; message_id: string }[];
  };
  const last = page.data.at(-1);
  if (last === undefined) throw new Error("the page before the cursor's is empty");
  return {
    name: "cursor, in the middle",
    path: `/messages?${parameters({ limit: LIMIT, cursor: page.next_cursor })}`,
    query: {
      kind: "messages",
      limit: LIMIT,
      after: [instantOf(last.ts), last.message_id, "native"],
    },
    old: false,
    goalMs: 10,
  };
}

function listPath({ since, ...others }: Filters): string {
  return `/messages?${parameters({ limit: LIMIT, ...others, ...(since === undefined ? {} : { since: `${since}Z` }) })}`;
}

function parameters(values: Readonly<Record<string, unknown>>): string {
  return new URLSearchParams(
    Object.entries(values).map(([name, value]) => [name, String(value)]),
  ).toString();
}
