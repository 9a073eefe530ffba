import { CAUSES } from "./causes.ts";
import { GLANCE } from "./glance.ts";
import { gridOf, type Row } from "./grid.ts";
import { IDENTITY } from "./identity.ts";
import { LASTING } from "./lasting.ts";
import { DATASOURCE, type Json, of } from "./panel.ts";
import { RECEIVING } from "./receiving.ts";
import { REFUSALS } from "./refusals.ts";
import { SLOWNESS } from "./slowness.ts";

/** In the order in which an operator asks. */
export const ROWS: readonly Row[] = [
  { panels: GLANCE },
  { title: "Is it receiving?", panels: RECEIVING },
  { title: "Is it slow?", panels: SLOWNESS },
  { title: "Why?", panels: CAUSES },
  { title: "What is refused?", panels: REFUSALS, collapsed: true },
  { title: "Will it last?", panels: LASTING, collapsed: true },
  { title: "Who is told, and whose secrets and versions?", panels: IDENTITY, collapsed: true },
];

/** The file for Grafana 12 and newer, which still takes this older, flat form of a dashboard; so does 11. */
export function dashboardText(): string {
  const dashboard: Json = {
    id: null,
    uid: "lyftr",
    title: "Lyftr",
    tags: ["lyftr"],
    schemaVersion: 42,
    version: 1,
    description:
      "One service: is it receiving, is it slow, why, what is refused, will it last. Made by scripts/dashboard.ts.",
    editable: true,
    fiscalYearStartMonth: 0,
    graphTooltip: 1,
    links: [],
    preload: false,
    refresh: "30s",
    time: { from: "now-3h", to: "now" },
    timepicker: {},
    timezone: "browser",
    weekStart: "",
    annotations: { list: [restarts(), alerts()] },
    templating: { list: variables() },
    panels: gridOf(ROWS),
  };
  return `${JSON.stringify(dashboard, null, 2)}\n`;
}

function variables(): readonly Json[] {
  const asked = (name: string, label: string, query: string) => ({
    name,
    label,
    type: "query",
    datasource: DATASOURCE,
    definition: query,
    query: { qryType: 1, query, refId: "PrometheusVariableQueryEditor-VariableQuery" },
    // Asked for again when the span changes, because processes come and go.
    refresh: 2,
    sort: 1,
    hide: 0,
    regex: "",
    options: [],
    skipUrlSync: false,
  });
  return [
    {
      name: "datasource",
      label: "Prometheus",
      type: "datasource",
      query: "prometheus",
      regex: "",
      refresh: 1,
      hide: 0,
      multi: false,
      includeAll: false,
      options: [],
      skipUrlSync: false,
    },
    { ...asked("job", "Service", "label_values(lyftr_build_info, job)"), multi: false, includeAll: false },
    {
      ...asked("instance", "Instance", `label_values(lyftr_build_info{job=~"$job"}, instance)`),
      multi: true,
      includeAll: true,
      allValue: ".+",
      current: { text: ["All"], value: ["$__all"] },
    },
  ];
}

/** A line through every graph where a process began. */
function restarts(): Json {
  return {
    name: "Starts",
    datasource: DATASOURCE,
    enable: true,
    hide: false,
    iconColor: "blue",
    expr: `changes(${of("process_start_time_seconds")}[2m]) > 0`,
    step: "60s",
    titleFormat: "Started",
    textFormat: "{{instance}}",
    tagKeys: "instance",
  };
}

/** Where alerts of deploy/prometheus/lyftr.rules.yml fire. */
function alerts(): Json {
  return {
    name: "Alerts",
    datasource: DATASOURCE,
    enable: true,
    hide: false,
    iconColor: "red",
    expr: `ALERTS{alertname=~"Lyftr.+", alertname!="LyftrWatchdog", alertstate="firing"}`,
    step: "60s",
    titleFormat: "{{alertname}}",
    textFormat: "{{severity}}",
    tagKeys: "severity",
  };
}
