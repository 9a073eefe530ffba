import { deepEqual, equal, match, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { dashboardText } from "../../scripts/dashboard/dashboard.ts";
import { panelsOf, queriesOf, shippedDashboard } from "../support/grafana.ts";
import { metricNames } from "../support/metric-names.ts";

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const dashboard = shippedDashboard();

/** Metrics that no panel shows, and why. */
const NOT_SHOWN: Readonly<Record<string, string>> = {
  process_cpu_seconds_total: "the sum of user and system, which are shown",
  process_virtual_memory_bytes: "address space, which says little",
  process_heap_bytes: "address space, which says little",
  nodejs_eventloop_lag_seconds: "one sample a scrape; percentiles say more",
  nodejs_eventloop_lag_min_seconds: "percentiles say more",
  nodejs_eventloop_lag_max_seconds: "one pause since the last scrape; percentiles say more",
  nodejs_eventloop_lag_stddev_seconds: "percentiles say more",
  nodejs_eventloop_lag_p50_seconds: "about the mean, which is shown",
  nodejs_eventloop_lag_p90_seconds: "p99 and the mean are shown",
  nodejs_eventloop_utilization_summary:
    "its histogram is shown, which can be summed over processes",
  nodejs_active_resources: "for finding leaks",
  nodejs_active_resources_total: "for finding leaks",
  nodejs_active_handles: "for finding leaks; connections are shown",
  nodejs_active_handles_total: "for finding leaks; connections are shown",
  nodejs_active_requests: "for finding leaks",
  nodejs_active_requests_total: "for finding leaks",
  nodejs_heap_size_total_bytes: "its used part is shown",
  nodejs_heap_space_size_total_bytes: "for finding leaks",
  nodejs_heap_space_size_used_bytes: "for finding leaks",
  nodejs_heap_space_size_available_bytes: "for finding leaks",
  nodejs_version_info: "lyftr_build_info has it as a label",
};

/** What Prometheus itself makes. */
const OF_PROMETHEUS = ["up", "ALERTS"];

/** The metrics in queries, without the suffixes of histograms. */
function metricsIn(expressions: readonly string[]): ReadonlySet<string> {
  const names = expressions.flatMap((expr) =>
    Array.from(expr.matchAll(/([a-zA-Z_:][a-zA-Z0-9_:]*)\{/g), ([, name = ""]) => name),
  );
  return new Set(names.map((name) => name.replace(/_(bucket|sum|count)$/, "")));
}

/** The anchors of a document's headings. */
function anchorsOf(markdown: string): ReadonlySet<string> {
  const headings = Array.from(markdown.matchAll(/^#+ (.+)$/gm), ([, heading = ""]) => heading);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\w -]/g, "")
        .replaceAll(" ", "-"),
    ),
  );
}

test("the dashboard's file is what scripts/dashboard.ts generates from its tables", () => {
  ok(
    read("deploy/grafana/dashboards/lyftr.json") === dashboardText(),
    "run node scripts/dashboard.ts",
  );
});

test("every metric of the service is on the dashboard, or there is a reason why not; panels use only existing metrics", async () => {
  const names = await metricNames();
  const shown = metricsIn(
    [...queriesOf(dashboard), ...dashboard.annotations.list].map(({ expr }) => expr),
  );
  deepEqual(
    names.filter((name) => !shown.has(name) && NOT_SHOWN[name] === undefined),
    [],
  );
  deepEqual(
    [...shown].filter((name) => !names.includes(name) && !OF_PROMETHEUS.includes(name)),
    [],
  );
  deepEqual(
    Object.keys(NOT_SHOWN).filter((name) => !names.includes(name) || shown.has(name)),
    [],
  );
});

test("every panel says what it shows and what to do, and links to an existing page of docs/operations/", () => {
  for (const { title, description = "", fieldConfig, targets = [] } of panelsOf(dashboard)) {
    const [, about = "", page = "", anchor] =
      /^(.+)\n\n(docs\/operations\/[a-z-]+\.md)(?:#(.+))?$/.exec(description) ?? [];
    ok(about.length > 60, `${title}: ${description}`);
    const anchors = anchorsOf(read(page));
    ok(anchor === undefined || anchors.has(anchor), `${title}: ${page} has no heading ${anchor}`);
    ok(fieldConfig?.defaults.unit, `${title} has no unit`);
    ok(targets.length > 0, `${title} asks nothing`);
  }
});

test("every panel queries the selected Prometheus, for the selected service and instances", () => {
  for (const { title, datasource } of panelsOf(dashboard))
    equal(datasource?.uid, "$" + "{datasource}", title);
  for (const { expr, panel } of queriesOf(dashboard)) {
    const selectors = expr.match(/[a-zA-Z_][a-zA-Z0-9_]*\{[^}]*\}/g) ?? [];
    ok(selectors.length > 0, panel);
    for (const selector of selectors)
      match(selector, /^[a-z0-9_]+\{job=~"\$job", instance=~"\$instance"/, panel);
  }
});

test("panels have unique numbers, and none overlaps another or the edge", () => {
  const collapsed = dashboard.panels.flatMap(({ panels = [] }) => panels);
  const all = [...dashboard.panels, ...collapsed];
  equal(new Set(all.map(({ id }) => id)).size, all.length);
  for (const group of [
    dashboard.panels,
    ...dashboard.panels.flatMap(({ panels = [] }) => [panels]),
  ]) {
    const taken = new Set<string>();
    for (const {
      title,
      gridPos: { x, y, w, h },
    } of group) {
      ok(w > 0 && x + w <= 24, title);
      for (let cell = 0; cell < w * h; cell++) {
        const place = `${x + (cell % w)},${y + Math.floor(cell / w)}`;
        ok(!taken.has(place), `${title} lies upon another panel`);
        taken.add(place);
      }
    }
  }
});
