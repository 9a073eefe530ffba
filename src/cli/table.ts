import { wrapped } from "./wrap.ts";

/** Separates the columns of a table. */
const GAP = "  ";
/** A narrower column makes texts hard to read. */
const COLUMN_WIDTH_MIN = 8;

/**
 * The width of the terminal. Undefined when standard output is not a terminal, so that programs get
 * one line a row.
 */
export function terminalWidth(): number | undefined {
  return process.stdout.isTTY ? process.stdout.columns : undefined;
}

/**
 * Formats rows as lines, for people. With a `width`, long cells are broken between words. If the
 * rows still do not fit, each row becomes a block with one line for each cell, under its heading.
 */
export function tableOf(
  rows: readonly (readonly string[])[],
  width: number | undefined = terminalWidth(),
): string {
  const widths = columnWidths(rows);
  if (width === undefined || total(widths) <= width)
    return rows.map((row) => lineOf(row, widths)).join("");
  const narrowed = narrow(rows, widths, width);
  if (narrowed !== undefined) return rows.map((row) => linesOf(row, narrowed)).join("");
  const [headings = [], ...others] = rows;
  return others.map((row) => blockOf(headings, row, width)).join("\n");
}

/** A line for each name and value. */
export function factsTable(
  facts: readonly (readonly [name: string, value: string | number])[],
  width: number | undefined = terminalWidth(),
): string {
  const rows = facts.map(([name, value]) => [name, `${value}`]);
  const [margin = 0, ...others] = columnWidths(rows);
  const widest = Math.max(
    COLUMN_WIDTH_MIN,
    (width ?? Number.POSITIVE_INFINITY) - margin - GAP.length,
  );
  return rows
    .map((row) => linesOf(row, [margin, ...others.map((each) => Math.min(each, widest))]))
    .join("");
}

function columnWidths(rows: readonly (readonly string[])[]): readonly number[] {
  return (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
}

function total(widths: readonly number[]): number {
  return (
    widths.reduce((sum, width) => sum + width, 0) + GAP.length * Math.max(0, widths.length - 1)
  );
}

/** Column widths that fit, with the widest columns narrowed; undefined when a word does not fit. */
function narrow(
  rows: readonly (readonly string[])[],
  widths: readonly number[],
  width: number,
): readonly number[] | undefined {
  const narrowest = widths.map((_, column) =>
    Math.max(
      ...rows.map((row) =>
        Math.max(0, ...(row[column] ?? "").split(" ").map((word) => word.length)),
      ),
    ),
  );
  const result = [...widths];
  while (total(result) > width) {
    const slack = result.map(
      (each, column) => each - Math.max(narrowest[column] ?? 0, COLUMN_WIDTH_MIN),
    );
    const widest = Math.max(...result.filter((_, column) => (slack[column] ?? 0) > 0));
    const column = result.findIndex((each, at) => each === widest && (slack[at] ?? 0) > 0);
    if (column === -1) return undefined;
    result[column] = widest - 1;
  }
  return result;
}

function lineOf(row: readonly string[], widths: readonly number[]): string {
  const cells = row.map((cell, column) => cell.padEnd(widths[column] ?? 0));
  return `${cells.join(GAP).trimEnd()}\n`;
}

/** A row whose cells may take several lines. */
function linesOf(row: readonly string[], widths: readonly number[]): string {
  const cells = row.map((cell, column) =>
    cell.length <= (widths[column] ?? 0) ? [cell] : wrapped(cell, widths[column] ?? 0),
  );
  const height = Math.max(1, ...cells.map((lines) => lines.length));
  return Array.from({ length: height }, (_, at) =>
    lineOf(
      cells.map((lines) => lines[at] ?? ""),
      widths,
    ),
  ).join("");
}

function blockOf(headings: readonly string[], row: readonly string[], width: number): string {
  const margin = Math.max(...headings.map((heading) => heading.length));
  const facts = row.map((cell, column) => [(headings[column] ?? "").padEnd(margin), cell] as const);
  return factsTable(facts, width);
}
