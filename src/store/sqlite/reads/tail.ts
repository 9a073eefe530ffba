import type { MessageFilter } from "../../../domain/message-filter.ts";
import { ASCENDING, ENTRY, type Entry, IN_RANGE, type Range, rangeValues } from "../key.ts";
import { conditionsOf } from "./conditions.ts";
import type { Snapshot } from "./snapshot.ts";

/** The messages of a filter that are not in the read index yet, ascending. */
export function tailOf({ statements, foldedSeq }: Snapshot, filter: MessageFilter, range: Range): readonly Entry[] {
  const { sql, values } = conditionsOf(filter);
  return statements.all<Entry>(
    `SELECT ${ENTRY} FROM messages NOT INDEXED WHERE seq > ? AND ${IN_RANGE} AND ${sql} ORDER BY ${ASCENDING}`,
    [foldedSeq, ...rangeValues(range), ...values],
  );
}
