// Turns a panel of the tables beside this file into the JSON of Grafana. What all panels have in
// common is here.

/** One PromQL query. */
export interface Query {
  readonly expr: string;
  /** The name of its series: text, or a template such as `{{path}}`. */
  readonly legend?: string;
  /** Queried once, for the end of the time range, instead of for every point of it. */
  readonly instant?: true;
}

/** This colour applies from this value on. */
export type Threshold = readonly [value: number, colour: "yellow" | "orange" | "red" | "green"];

export interface Panel {
  readonly type?: "timeseries" | "stat" | "heatmap" | "table";
  readonly title: string;
  /** What it shows, and what to do when it changes. */
  readonly about: string;
  /** The page of docs/operations/ that says more, with its heading if it has several. */
  readonly see: string;
  /** Grafana's name of the unit. */
  readonly unit: string;
  readonly queries: readonly Query[];
  /** In columns; a line has 24. */
  readonly width: number;
  readonly thresholds?: readonly Threshold[];
  readonly stacked?: true;
  /** The values may be negative: the axis begins at the lowest, instead of at 0. */
  readonly negative?: true;
  readonly max?: number;
  readonly decimals?: number;
  /** Shown instead of "No data" if the metric may be absent. */
  readonly noValue?: string;
  /** Words for values. */
  readonly words?: Readonly<Record<string, { readonly text: string; readonly color: string }>>;
  /** Colours of series, by their legends. */
  readonly colours?: Readonly<Record<string, string>>;
  /** A series with another unit, whose axis is on the right. */
  readonly right?: { readonly legend: string; readonly unit: string };
  /** The columns of a table in order, by label, with their headings. `Value` is the value. */
  readonly columns?: Readonly<Record<string, string>>;
}

/** Where a panel is on the grid. */
export interface Place {
  readonly h: number;
  readonly w: number;
  readonly x: number;
  readonly y: number;
}

export type Json = Readonly<Record<string, unknown>>;

export const DATASOURCE = { type: "prometheus", uid: "$" + "{datasource}" };

/** A metric of the selected processes, with optional further matchers. */
export function of(name: string, matchers?: string): string {
  const all = [
    `job=~"$job"`,
    `instance=~"$instance"`,
    ...(matchers === undefined ? [] : [matchers]),
  ];
  return `${name}{${all.join(", ")}}`;
}

/** The rate of a counter, a second. */
export function rate(name: string, matchers?: string): string {
  return `rate(${of(name, matchers)}[$__rate_interval])`;
}

/** A quantile of a histogram. */
export function quantile(
  share: number,
  name: string,
  { matchers, by }: { matchers?: string; by?: string } = {},
): string {
  const labels = by === undefined ? "le" : `le, ${by}`;
  return `histogram_quantile(${share}, sum by (${labels}) (${rate(`${name}_bucket`, matchers)}))`;
}

/** The mean of a histogram. */
export function mean(name: string, by = "instance"): string {
  return `sum by (${by}) (${rate(`${name}_sum`)}) / (sum by (${by}) (${rate(`${name}_count`)}) > 0)`;
}

/** A ratio that is 0 when the whole is 0, where division would give NaN. */
export function share(part: string, whole: string): string {
  return `${part} / clamp_min(${whole}, 1e-9)`;
}

export function panelJson(panel: Panel, id: number, gridPos: Place): Json {
  const type = panel.type ?? "timeseries";
  return {
    id,
    type,
    title: panel.title,
    description: `${panel.about}\n\ndocs/operations/${panel.see}`,
    datasource: DATASOURCE,
    gridPos,
    fieldConfig: { defaults: defaultsOf(panel, type), overrides: overridesOf(panel) },
    options: OPTIONS[type],
    targets: panel.queries.map((query, index) => targetOf(query, type, index)),
    ...(panel.columns && { transformations: [organize(panel.columns)] }),
  };
}

function targetOf({ expr, legend, instant }: Query, type: string, index: number): Json {
  return {
    refId: String.fromCharCode(65 + index),
    datasource: DATASOURCE,
    editorMode: "code",
    expr,
    ...(legend === undefined ? {} : { legendFormat: legend }),
    ...(instant ? { instant: true, range: false } : { instant: false, range: true }),
    format: type === "table" || type === "heatmap" ? type : "time_series",
  };
}

function defaultsOf(panel: Panel, type: string): Json {
  const { unit, max, decimals, noValue, words, negative, thresholds = [] } = panel;
  const steps = thresholds.map(([value, color]) => ({ value, color }));
  return {
    unit,
    ...(type === "timeseries" && !negative && { min: 0 }),
    ...(max === undefined ? {} : { max }),
    ...(decimals === undefined ? {} : { decimals }),
    ...(noValue === undefined ? {} : { noValue }),
    mappings: words === undefined ? [] : [{ type: "value", options: words }],
    color: { mode: type === "stat" ? "thresholds" : "palette-classic" },
    thresholds: { mode: "absolute", steps: [{ value: null, color: "green" }, ...steps] },
    ...(type === "timeseries" && { custom: lines(panel) }),
  };
}

function lines({ stacked, thresholds }: Panel): Json {
  return {
    drawStyle: "line",
    lineWidth: 1,
    fillOpacity: stacked ? 40 : 10,
    showPoints: "auto",
    spanNulls: false,
    stacking: { mode: stacked ? "normal" : "none", group: "A" },
    thresholdsStyle: { mode: thresholds === undefined ? "off" : "dashed" },
  };
}

function overridesOf({ colours = {}, right }: Panel): readonly Json[] {
  const override = (name: string, properties: readonly Json[]) => ({
    matcher: { id: "byName", options: name },
    properties,
  });
  const coloured = Object.entries(colours).map(([legend, fixedColor]) =>
    override(legend, [{ id: "color", value: { mode: "fixed", fixedColor } }]),
  );
  if (right === undefined) return coloured;
  const axis = { id: "custom.axisPlacement", value: "right" };
  return [...coloured, override(right.legend, [{ id: "unit", value: right.unit }, axis])];
}

/** Keeps the named columns, in that order. */
function organize(columns: Readonly<Record<string, string>>): Json {
  const names = Object.keys(columns);
  const options = {
    includeByName: Object.fromEntries(names.map((name) => [name, true])),
    indexByName: Object.fromEntries(names.map((name, index) => [name, index])),
    renameByName: columns,
  };
  return { id: "organize", options };
}

const OPTIONS: Readonly<Record<string, Json>> = {
  timeseries: {
    legend: { showLegend: true, displayMode: "list", placement: "bottom", calcs: [] },
    tooltip: { mode: "multi", sort: "desc" },
  },
  stat: {
    reduceOptions: { calcs: ["lastNotNull"], fields: "", values: false },
    colorMode: "value",
    graphMode: "area",
    justifyMode: "auto",
    orientation: "auto",
    textMode: "auto",
    wideLayout: true,
    showPercentChange: false,
    percentChangeColorMode: "standard",
  },
  heatmap: {
    calculate: false,
    color: {
      mode: "scheme",
      scheme: "Oranges",
      fill: "dark-orange",
      exponent: 0.5,
      reverse: false,
      steps: 64,
    },
    cellGap: 1,
    cellValues: { unit: "short" },
    filterValues: { le: 1e-9 },
    rowsFrame: { layout: "auto" },
    yAxis: { axisPlacement: "left", reverse: false, unit: "ms" },
    showValue: "never",
    legend: { show: true },
    exemplars: { color: "rgba(255,0,255,0.7)" },
    tooltip: { mode: "single", yHistogram: true, showColorScale: false },
  },
  table: { frameIndex: 0, showHeader: true, cellHeight: "sm" },
};
