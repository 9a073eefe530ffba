const GAP = "  ";

/** Lines of cells, each column as wide as its widest; for people, not for programs. */
export function tableOf(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(GAP);
  return rows.map((row) => `${line(row).trimEnd()}\n`).join("");
}
