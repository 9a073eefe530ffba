import type { DatabaseSync } from "node:sqlite";
import { StoreRefused } from "../../../domain/errors.ts";
import { parseReceivedAt } from "../../../domain/received-at.ts";
import { instantOf } from "../../../domain/timestamp.ts";
import { isUsual, timeNow, WHOLE_SECOND } from "./created-at.ts";
import { KEPT_NAME, type OldTable, quoted } from "./old-table.ts";

/** SQLite keeps the arguments of a function until the statement ends, so a step must be small. */
const ROWS_PER_STEP = 10_000;
const ROWS_PER_REPORT = 100_000;
/** No spelling of a moment is longer, and a step must not contain long texts. */
const MOMENT_CHARACTERS_MAX = 64;
const COPY_NAME = "lyftr_old_rows";

/**
 * Takes the name `messages` from the table of the older service, so that the migrations can use it.
 * Foreign keys, triggers and views of a kept table continue to refer to that table.
 */
export function setOldTableAside(db: DatabaseSync, { name, unknown, indexes }: OldTable): void {
  const kept = unknown.length > 0;
  if (!kept) for (const index of indexes) db.exec(`DROP INDEX ${quoted(index)}`);
  try {
    db.exec(
      `PRAGMA legacy_alter_table = ${kept ? "OFF" : "ON"}; ALTER TABLE ${quoted(name)} RENAME TO ${KEPT_NAME}`,
    );
  } catch (error) {
    throw new StoreRefused(
      `its table "${name}" of the older service cannot be renamed to ${KEPT_NAME}: ${String((error as Error).message)}. ` +
        "Repair or drop what this names, then start again",
      { cause: error },
    );
  }
}

/**
 * Stores every row of the old table as a message. Returns what the operator must know, a sentence
 * each.
 */
export function takeOver(
  db: DatabaseSync,
  old: OldTable,
  report: (progress: string) => void,
): readonly string[] {
  const standIn = timeNow(db);
  let unreadable = 0;
  db.function("instant_of", { deterministic: true }, (ts) => instantOf(String(ts)));
  db.function("received_at", (text) => {
    const receivedAt = text === null ? undefined : parseReceivedAt(String(text));
    if (receivedAt === undefined) unreadable++;
    return receivedAt ?? standIn;
  });
  const rows = rowsOf(db, old);
  const copied = copyRows(db, rows, report);
  const kept = old.unknown.length > 0;
  // Its pages become free, and must not contain any of the messages.
  const dropped = [...(rows.name === KEPT_NAME ? [] : [rows.name]), ...(kept ? [] : [KEPT_NAME])];
  for (const name of dropped) {
    db.exec(`PRAGMA secure_delete = ON; DROP TABLE ${quoted(name)}; PRAGMA secure_delete = FAST`);
  }
  return [
    `took over ${copied} messages of the Python service`,
    ...(unreadable === 0 ? [] : [standInNote(unreadable, standIn)]),
    ...(kept ? [keptNote(old)] : []),
    ...(kept || old.indexes.length === 0 ? [] : [indexNote(old.indexes)]),
  ];
}

interface Rows {
  readonly name: string;
  readonly rowid: string;
}

/**
 * The rows with numbers to scan by. A table WITHOUT ROWID has none, so its rows are copied first.
 */
function rowsOf(db: DatabaseSync, { rowid }: OldTable): Rows {
  if (rowid !== undefined) return { name: KEPT_NAME, rowid };
  db.exec(
    `CREATE TABLE ${COPY_NAME} AS SELECT message_id, from_msisdn, to_msisdn, ts, text, created_at
     FROM ${KEPT_NAME} ORDER BY created_at, message_id`,
  );
  return { name: COPY_NAME, rowid: "rowid" };
}

/**
 * The usual spellings need no function call, which would cost more than everything else that is
 * done with a row.
 */
function copyOf({ name, rowid }: Rows): string {
  const text = (column: string) => `CAST(${column} AS TEXT)`;
  return `
    INSERT INTO lyftr_messages (source, message_id, from_msisdn, to_msisdn, ts, instant, text, created_at)
    SELECT 'native', ${text("message_id")}, ${text("from_msisdn")}, ${text("to_msisdn")}, ${text("ts")},
      CASE WHEN ts GLOB '${WHOLE_SECOND}' THEN substr(${text("ts")}, 1, 19)
        WHEN length(ts) > ${MOMENT_CHARACTERS_MAX} THEN ${text("ts")}
        ELSE instant_of(${text("ts")}) END,
      ${text("text")},
      CASE WHEN ${isUsual("created_at")} THEN ${text("created_at")}
        WHEN length(created_at) > ${MOMENT_CHARACTERS_MAX} THEN received_at(NULL)
        ELSE received_at(${text("created_at")}) END
    FROM ${quoted(name)} WHERE ${rowid} BETWEEN ? AND ? ORDER BY ${rowid}`;
}

function copyRows(db: DatabaseSync, rows: Rows, report: (progress: string) => void): number {
  const { name, rowid } = rows;
  const table = quoted(name);
  const total = Number(db.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n);
  // Row numbers have 64 bits, and gaps of any size.
  const bigint = (sql: string) => {
    const statement = db.prepare(sql);
    statement.setReadBigInts(true);
    return (...values: readonly bigint[]) => statement.get(...values)?.n as bigint | null;
  };
  const firstOf = bigint(`SELECT min(${rowid}) AS n FROM ${table}`);
  const nextOf = bigint(`SELECT min(${rowid}) AS n FROM ${table} WHERE ${rowid} > ?`);
  const lastOf = bigint(
    `SELECT max(n) AS n FROM (SELECT ${rowid} AS n FROM ${table} WHERE ${rowid} >= ? ORDER BY ${rowid} LIMIT ${ROWS_PER_STEP})`,
  );
  const copy = db.prepare(copyOf(rows));
  let copied = 0;
  for (let first = firstOf(); first !== null; ) {
    const last = lastOf(first) ?? first;
    copied += Number(copy.run(first, last).changes);
    if (total > ROWS_PER_REPORT && copied % ROWS_PER_REPORT === 0) {
      report(`took over ${copied} of ${total} messages of the Python service`);
    }
    first = nextOf(last);
  }
  if (copied !== total)
    throw new Error(`took over ${copied} of ${total} messages of the Python service`);
  return copied;
}

function standInNote(rows: number, standIn: string): string {
  return (
    `${rows} of these messages had no readable created_at: they count as received now, at ${standIn}, ` +
    "so that retention keeps them longest"
  );
}

function keptNote({ unknown }: OldTable): string {
  return (
    `kept the table of the Python service as ${KEPT_NAME}, because it has content that Lyftr does not know: ${unknown.join(", ")}. ` +
    "Retention and lyftr erase do not reach it. To drop it when you no longer need it: " +
    `stop Lyftr, then sqlite3 FILE 'DROP TABLE ${KEPT_NAME}'`
  );
}

function indexNote(indexes: readonly string[]): string {
  return `dropped the indexes of the Python service, which Lyftr does not need: ${indexes.join(", ")}`;
}
