import type { NewMessage } from "../../domain/message.ts";

/** Rows one behind the other in one flat array: on the way to the writer's thread that costs little more than half of what objects do. */
export type PackedRows = readonly (string | null)[];

export const COLUMNS_PER_ROW = 7;

export function packRows(rows: readonly NewMessage[]): PackedRows {
  const packed: (string | null)[] = [];
  for (const row of rows) packed.push(row.source, row.messageId, row.from, row.to, row.ts, row.text, row.createdAt);
  return packed;
}
