import { QueryTooExpensive } from "../domain/errors.ts";
import type { MessageFilter } from "../domain/message-filter.ts";

/** How many rows one read may scan. */
export interface ScanLimits {
  /**
   * Rows whose texts are compared one by one: about two seconds. A read that needs more is refused.
   */
  readonly scannedTextsMax: number;
  /** The same for rows of which only numbers are compared, and not texts. */
  readonly scannedRowsMax: number;
  /**
   * Rows that a page without a total scans. Then it is returned as it is, and the client continues
   * it by its cursor.
   */
  readonly walkedRowsMax: number;
}

export const SCAN_LIMITS: ScanLimits = {
  scannedTextsMax: 1_000_000,
  scannedRowsMax: 4_000_000,
  walkedRowsMax: 500_000,
};

/** Rejects a read that would have to scan this many rows of a filter. */
export function requireScannable(rows: number, filter: MessageFilter, limits: ScanLimits): void {
  const rowsMax = filter.q === undefined ? limits.scannedRowsMax : limits.scannedTextsMax;
  if (rows > rowsMax) throw tooManyRows(rows, filter, rowsMax);
}

export function tooManyRows(
  rows: number,
  { q }: MessageFilter,
  rowsMax: number,
): QueryTooExpensive {
  const what = q === undefined ? "These filters" : "This search";
  const longer = q === undefined ? "" : "Search for something longer, or ";
  return new QueryTooExpensive(
    `${what} would have to look at ${rows} messages one by one, more than ${rowsMax}. ${longer}narrow it by from, since or until`,
  );
}

export function tooSlow(ms: number): QueryTooExpensive {
  return new QueryTooExpensive(
    `This took longer than ${ms / 1_000} seconds. Narrow it by from, since, until or a longer search`,
  );
}
