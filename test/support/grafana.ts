import { readFileSync } from "node:fs";

const ANSWER_MS_MAX = 20_000;

/** A query before its variables have values. */
export interface DashboardQuery {
  readonly panel: string;
  readonly expr: string;
  /** Evaluated only for the end of the time span. */
  readonly instant: boolean;
  /** Whether the panel says in words that there is no data. */
  readonly mayBeEmpty: boolean;
}

/** The values of the dashboard's variables. */
export interface Chosen {
  readonly job: string;
  /** Some instances, or all of them without naming them. */
  readonly instances: readonly string[] | "all";
  readonly fromMs: number;
  readonly toMs: number;
  /** The scrape interval of Grafana's data source. */
  readonly scrapeSeconds: number;
}

/** One series of an answer. */
export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  /** Without NaN. */
  readonly values: readonly number[];
}

/** The fields of a panel that are tested here. */
export interface DashboardPanel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
  };
  readonly datasource?: { readonly uid: string };
  readonly fieldConfig?: {
    readonly defaults: { readonly unit?: string; readonly noValue?: string };
  };
  readonly targets?: readonly { readonly expr: string; readonly instant: boolean }[];
  /** The panels of a collapsed row. */
  readonly panels?: readonly DashboardPanel[];
}

export interface Dashboard {
  readonly uid: string;
  readonly panels: readonly DashboardPanel[];
  readonly templating: { readonly list: readonly Variable[] };
  readonly annotations: {
    readonly list: readonly { readonly name: string; readonly expr: string }[];
  };
}

interface Variable {
  readonly name: string;
  readonly definition?: string;
  readonly allValue?: string;
}

/** The shipped dashboard, read from its file like Grafana does. */
export function shippedDashboard(): Dashboard {
  return JSON.parse(
    readFileSync(new URL("../../deploy/grafana/dashboards/lyftr.json", import.meta.url), "utf8"),
  );
}

/** Every panel that shows something, collapsed or not. */
export function panelsOf({ panels }: Pick<Dashboard, "panels">): readonly DashboardPanel[] {
  return panels
    .flatMap((panel) => [panel, ...(panel.panels ?? [])])
    .filter(({ type }) => type !== "row");
}

export function queriesOf(dashboard: Pick<Dashboard, "panels">): readonly DashboardQuery[] {
  return panelsOf(dashboard).flatMap(({ title, targets = [], fieldConfig }) =>
    targets.map(({ expr, instant }) => ({
      panel: title,
      expr,
      instant,
      mayBeEmpty: fieldConfig?.defaults.noValue !== undefined,
    })),
  );
}

/**
 * The expression with the values of its variables, in the form of Grafana's Prometheus data source.
 * Throws when a variable is left.
 */
export function interpolate(
  expr: string,
  { job, instances, fromMs, toMs, scrapeSeconds }: Chosen,
): string {
  const rangeSeconds = Math.round((toMs - fromMs) / 1_000);
  const values: Readonly<Record<string, string>> = {
    // Four scrapes, so that it contains two samples even when one is late.
    __rate_interval: `${4 * scrapeSeconds}s`,
    __interval: `${scrapeSeconds}s`,
    __range: `${rangeSeconds}s`,
    // A variable with one value is in a string; one that may have several is in a regular
    // expression in a string.
    job: job.replaceAll("\\", "\\\\").replaceAll('"', '\\"'),
    instance: instances === "all" ? ".+" : `(${instances.map(escapedForRegex).join("|")})`,
  };
  // `$1` is a group of label_replace, not a variable.
  return expr.replace(/\$(?:\{(\w+)\}|([a-z_]\w*))/g, (found, inBraces?: string, bare?: string) => {
    const value = values[inBraces ?? bare ?? ""];
    if (value === undefined) throw new Error(`no value for ${found}: ${expr}`);
    return value;
  });
}

/** Like Grafana, which escapes twice: for the regular expression and for its string. */
function escapedForRegex(value: string): string {
  return value.replaceAll("\\", "\\\\\\\\").replace(/[$^*{}[\]'+?.()|]/g, "\\\\$&");
}

/**
 * Queries Prometheus over its HTTP API. Rejects with its message for a wrong query. Series without
 * a number are left out.
 */
export async function ask(
  url: string,
  query: DashboardQuery,
  chosen: Chosen,
): Promise<readonly Series[]> {
  const [from, to] = [chosen.fromMs / 1_000, chosen.toMs / 1_000];
  const expr = interpolate(query.expr, chosen);
  const parameters: Readonly<Record<string, string>> = query.instant
    ? { query: expr, time: String(to) }
    : { query: expr, start: String(from), end: String(to), step: String(chosen.scrapeSeconds) };
  const answer = await fetch(`${url}/api/v1/${query.instant ? "query" : "query_range"}`, {
    method: "POST",
    body: new URLSearchParams(parameters),
    signal: AbortSignal.timeout(ANSWER_MS_MAX),
  });
  const { error, data } = (await answer.json()) as Answer;
  if (data === undefined) throw new Error(`${query.panel}: ${expr}: ${error}`);
  const series = data.result.map(({ metric, value, values }) => ({
    labels: metric,
    values: (values ?? (value ? [value] : []))
      .map(([, text]) => Number(text))
      .filter((each) => !Number.isNaN(each)),
  }));
  return series.filter(({ values }) => values.length > 0);
}

interface Answer {
  readonly error?: string;
  readonly data?: { readonly result: readonly AnsweredSeries[] };
}

interface AnsweredSeries {
  readonly metric: Readonly<Record<string, string>>;
  readonly value?: readonly [seconds: number, value: string];
  readonly values?: readonly (readonly [seconds: number, value: string])[];
}
