// Which page of the senders is shown. A cursor leads only forward, so the way is kept.

export const PAGE_ROWS = 50;

/** The cursors of the pages up to the shown one. The first page has none. */
export interface Place {
  readonly prefix: string;
  readonly cursors: readonly string[];
}

export function firstPlace(prefix: string): Place {
  return { prefix, cursors: [] };
}

export function placeAfter({ prefix, cursors }: Place, cursor: string): Place {
  return { prefix, cursors: [...cursors, cursor] };
}

export function placeBefore({ prefix, cursors }: Place): Place {
  return { prefix, cursors: cursors.slice(0, -1) };
}

/** The numbers of the first and last row of a page that has `rows` rows. */
export function rangeOf({ cursors }: Place, rows: number) {
  const from = cursors.length * PAGE_ROWS + 1;
  return { from, to: from + rows - 1 };
}

/** `+91 90-` is `+9190`. Undefined for what no number begins with. */
export function prefixOf(text: string): string | undefined {
  if (!/^\+?[\d\s().\-/]*$/.test(text.trim())) return undefined;
  const digits = text.replace(/\D/g, "");
  return digits === "" ? "" : `+${digits}`;
}
