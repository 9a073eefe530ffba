import { type Json, type Panel, type Place, panelJson } from "./panel.ts";

const COLUMNS = 24;
const LINES: Readonly<Record<string, number>> = { stat: 4, timeseries: 8, heatmap: 8, table: 8 };

/** Panels under a heading that can be collapsed. */
export interface Row {
  /** The first row has none, and is always visible. */
  readonly title?: string;
  readonly panels: readonly Panel[];
  /** Collapsed until an operator opens it. Until then Grafana sends none of its queries. */
  readonly collapsed?: true;
}

/** All rows, one below the other. Panels stand side by side while their line has room. */
export function gridOf(rows: readonly Row[]): readonly Json[] {
  const placed: Json[] = [];
  let y = 0;
  let id = 1;
  for (const { title, panels, collapsed } of rows) {
    const heading =
      title === undefined
        ? undefined
        : { id: id++, type: "row", title, gridPos: place(1, COLUMNS, 0, y++) };
    const places = placesOf(panels, y);
    const inside = panels.map((panel, index) => panelJson(panel, id++, places[index] as Place));
    if (heading)
      placed.push({ ...heading, collapsed: collapsed === true, panels: collapsed ? inside : [] });
    if (!collapsed) {
      placed.push(...inside);
      y = Math.max(y, ...places.map((each) => each.y + each.h));
    }
  }
  return placed;
}

function placesOf(panels: readonly Panel[], top: number): readonly Place[] {
  let [x, y, height] = [0, top, 0];
  return panels.map(({ type = "timeseries", width }) => {
    if (x + width > COLUMNS) [x, y, height] = [0, y + height, 0];
    const here = place(LINES[type] ?? 8, width, x, y);
    x += width;
    height = Math.max(height, here.h);
    return here;
  });
}

function place(h: number, w: number, x: number, y: number): Place {
  return { h, w, x, y };
}
