import type { ListPosition } from "../../../domain/message-filter.ts";
import { positionAfter } from "../../list-position.ts";
import type { Database } from "../database.ts";
import {
  type Condition,
  every,
  inList,
  inRange,
  type List,
  POSITION_COLUMNS,
  POSITION_FIELDS,
  Values,
} from "../sql.ts";

/** The position of an erasure: in the messages from the number, or in those to it. */
export interface ErasurePosition {
  readonly kind: "from" | "to";
  /** The first position that was not scanned yet. */
  readonly lo?: ListPosition;
}

export interface Found {
  readonly chosen: Condition;
  readonly rows: number;
  /** Where to continue; undefined when everything was scanned. */
  readonly position: ErasurePosition | undefined;
}

interface ErasureSearch {
  readonly msisdn: string;
  readonly rowsMax: number;
}

/** Finds messages from a number and, after those, messages to it from others. */
export async function findOf(
  database: Database,
  { kind, lo }: ErasurePosition,
  look: ErasureSearch,
): Promise<Found> {
  const { msisdn, rowsMax } = look;
  const list: List = { kind, name: msisdn };
  const values = new Values();
  const others = kind === "to" ? [`from_msisdn <> ${values.add(msisdn)}`] : [];
  const where = every([...inList(list, values), ...others, ...inRange({ lo }, values)]);
  const rows = await database.all<ListPosition & { stream: number; seq: number }>(
    `SELECT ${POSITION_FIELDS}, stream, seq FROM messages WHERE ${where} ORDER BY ${POSITION_COLUMNS} LIMIT ${values.add(rowsMax)}`,
    values.list,
  );
  const last = rows.at(-1);
  const onward = kind === "from" ? ({ kind: "to" } as const) : undefined;
  return {
    chosen: theseOf(rows),
    rows: rows.length,
    position:
      last === undefined || rows.length < rowsMax ? onward : { kind, lo: positionAfter(last) },
  };
}

/** Selects rows by their stream and number, which no other row ever gets. */
function theseOf(rows: readonly { readonly stream: number; readonly seq: number }[]): Condition {
  return (values) => {
    const [streams, seqs] = [rows.map(({ stream }) => stream), rows.map(({ seq }) => seq)];
    return `(stream, seq) IN (SELECT stream, seq FROM unnest(${values.add(streams)}::bigint[], ${values.add(seqs)}::bigint[]) AS these (stream, seq))`;
  };
}

/** Whether any message from or to a number exists. */
export async function hasAny(database: Database, msisdn: string): Promise<boolean> {
  const any = (kind: string) => `EXISTS (SELECT 1 FROM messages WHERE ${kind}_msisdn = $1)`;
  const [row] = await database.all<{ any: boolean }>(
    `SELECT ${any("from")} OR ${any("to")} AS any`,
    [msisdn],
  );
  return row?.any === true;
}
