import { DatabaseSync } from "node:sqlite";
import { instantOf } from "../../../domain/timestamp.ts";
import type { Statements } from "../statements.ts";
import { upgrade } from "../upgrade.ts";

const ROWS_PER_STEP = 20_000;
const TOMBSTONE_BYTES = 16;

/** Awaited between steps; rejects when the check is aborted. */
type Pause = (seqsDone: number, seqsTotal: number) => Promise<void>;

/**
 * Checks the stored data against its rules: the schema, the types of values, each `ts` against its
 * `instant`, and tables with exactly one row. Returns the damage, a sentence each.
 */
export async function findStoredDamage(
  statements: Statements,
  pause: Pause,
): Promise<readonly string[]> {
  const expected = expectedSchema();
  const schema = schemaDamage(statements, expected);
  // Without its tables no other check is possible.
  if (schema.length > 0) return schema;
  const damage = [...rowDamage(statements), ...singleRowDamage(statements)];
  for (const { name } of expected.filter(({ type }) => type === "table")) {
    damage.push(...typeDamage(statements, name));
    await pause(0, 1);
  }
  return [...damage, ...(await messageDamage(statements, pause))];
}

interface SchemaRow {
  readonly type: string;
  readonly name: string;
  readonly sql: string;
}

const SCHEMA =
  "SELECT type, name, sql FROM main.sqlite_schema WHERE sql IS NOT NULL ORDER BY type DESC, name";

/** The schema of a new database. */
function expectedSchema(): readonly SchemaRow[] {
  const empty = new DatabaseSync(":memory:");
  upgrade(empty, () => undefined);
  const rows = empty.prepare(SCHEMA).all() as unknown as readonly SchemaRow[];
  empty.close();
  return rows;
}

/** Tables and indexes that an operator has added are ignored. */
function schemaDamage(statements: Statements, expected: readonly SchemaRow[]): readonly string[] {
  const found = new Map(
    statements.all<SchemaRow>(SCHEMA).map((row) => [`${row.type} ${row.name}`, row.sql]),
  );
  return expected.flatMap(({ type, name, sql }) => {
    const there = found.get(`${type} ${name}`);
    if (there === undefined) return [`the ${type} ${name} is missing`];
    return there === sql ? [] : [`the ${type} ${name} is not defined as this version defines it`];
  });
}

interface Column {
  readonly name: string;
  readonly type: string;
  readonly notnull: number;
}

/** SQLite stores any type, so a damaged byte can turn a text into a number, or into nothing. */
function typeDamage(statements: Statements, table: string): readonly string[] {
  const columns = statements.all<Column>(`SELECT name, type, "notnull" FROM pragma_table_info(?)`, [
    table,
  ]);
  const counts = columns
    .filter(({ type }) => ["TEXT", "INTEGER", "BLOB"].includes(type))
    .map(({ name, type, notnull }) => {
      const kinds = [type.toLowerCase(), ...(notnull === 1 ? [] : ["null"])].map(
        (kind) => `'${kind}'`,
      );
      return `coalesce(sum(typeof("${name}") NOT IN (${kinds.join(", ")})), 0) AS "${name}"`;
    });
  const row =
    statements.get<Record<string, number>>(`SELECT ${counts.join(", ")} FROM main."${table}"`) ??
    {};
  return Object.entries(row)
    .filter(([, wrong]) => wrong > 0)
    .map(([name, wrong]) => `${table}: ${name} has a value of the wrong kind in ${wrong} rows`);
}

/** An ISO moment. Everything has this form except `ts` and an old `created_at`. */
const isMoment = (column: string) =>
  `${column} GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:*Z'`;

/** The rules for the rows of each table. Rows that break one are counted. */
const ROW_RULES: readonly (readonly [table: string, rule: string])[] = [
  ["tombstones", `length(hash) = ${TOMBSTONE_BYTES} AND ${isMoment("expires_at")}`],
  [
    "api_keys",
    `length(hash) = 64 AND hash NOT GLOB '*[^0-9a-f]*' AND scope IN ('read', 'admin') AND ${isMoment("created_at")}`,
  ],
  [
    "api_keys",
    ["expires_at", "retires_at", "revoked_at", "last_used_at"]
      .map((at) => `(${at} IS NULL OR ${isMoment(at)})`)
      .join(" AND "),
  ],
  [
    "webhook_secrets",
    `sealed <> '' AND ${isMoment("created_at")} AND (retires_at IS NULL OR ${isMoment("retires_at")})`,
  ],
  [
    "secret_uses",
    `${isMoment("seen_at")} AND (last_verified_at IS NULL OR ${isMoment("last_verified_at")})`,
  ],
  ["audit", `${isMoment("at")} AND json_valid(details)`],
];

function rowDamage(statements: Statements): readonly string[] {
  return ROW_RULES.flatMap(([table, rule]) => {
    const wrong = statements.number(`SELECT count(*) FROM main.${table} WHERE NOT (${rule})`);
    return wrong === 0 ? [] : [`${table}: ${wrong} rows hold a value that Lyftr never writes`];
  });
}

function singleRowDamage(statements: Statements): readonly string[] {
  const damage: string[] = [];
  if (statements.number("SELECT count(*) FROM lyftr_database WHERE length(id) = 32") !== 1)
    damage.push("lyftr_database does not have exactly one row, the identity of the database");
  const floor =
    "SELECT count(*) FROM deletions WHERE one = 1 AND generation >= 0 AND seq_floor >= 0";
  if (statements.number(floor) !== 1) damage.push("deletions does not have exactly one row");
  return damage;
}

interface Written {
  readonly seq: number;
  readonly ts: string;
  readonly instant: string;
  readonly createdAt: string;
}

/**
 * Checks each message's `ts` against its `instant`, which orders lists, and that `created_at` is a
 * moment.
 */
async function messageDamage(statements: Statements, pause: Pause): Promise<readonly string[]> {
  const newest = statements.number("SELECT max(seq) FROM lyftr_messages");
  const step = statements.db.prepare(
    `SELECT seq, ts, instant, created_at AS createdAt FROM lyftr_messages WHERE seq > ? ORDER BY seq LIMIT ${ROWS_PER_STEP}`,
  );
  const wrong = { instants: 0, moments: 0 };
  for (let [after, rows] = [0, ROWS_PER_STEP]; rows === ROWS_PER_STEP; ) {
    rows = 0;
    for (const row of step.iterate(after) as Iterable<unknown> as Iterable<Written>) {
      rows++;
      after = row.seq;
      if (!isOf(row.instant, String(row.ts))) wrong.instants++;
      if (Number.isNaN(Date.parse(row.createdAt))) wrong.moments++;
    }
    await pause(after, newest);
  }
  return [
    ...(wrong.instants === 0
      ? []
      : [`${wrong.instants} messages have a place in lists that does not match their ts`]),
    ...(wrong.moments === 0
      ? []
      : [`${wrong.moments} messages have a created_at that is not a timestamp`]),
  ];
}

/** A `ts` that is not understood today may have been understood when it was stored. */
function isOf(instant: string, ts: string): boolean {
  return instant === instantOf(ts) || (instant === ts && !COMMON.test(ts));
}

const COMMON = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z$/;
