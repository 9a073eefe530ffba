import { signal } from "@preact/signals";
import { useCallback } from "preact/hooks";
import type { Bar, Span, Unit } from "../../live/bars.ts";
import { BarChart } from "../../parts/bar-chart.tsx";
import { Button } from "../../parts/button.tsx";
import { type Column, Table } from "../../parts/table.tsx";
import { Tabs } from "../../parts/tabs.tsx";
import { FailureNote, isPassing } from "../../parts/trouble.tsx";
import { addressOf, type ChartSpan, inboxRoute } from "../../route.ts";
import { go } from "../../state/navigation.ts";
import type { Resource } from "../../state/resource.ts";
import { overviewText as t } from "../../text/en/overview.ts";
import { counted, fill, moments, number, zone } from "../../text/format.ts";
import { filterOf, type Timeline, useTimeline, useWeekBefore } from "./sources.ts";

/** They stay while the reader is on another page. */
const isCompared = signal(false);
const isTable = signal(false);

const TITLES: Readonly<Record<Unit, string>> = {
  minute: t.perMinute,
  hour: t.perHour,
  day: t.perDay,
};
const UNITS: Readonly<Record<ChartSpan, Unit>> = {
  hour: "minute",
  "two-days": "hour",
  "ninety-days": "day",
};

interface ChartPanelProps {
  readonly span: ChartSpan;
  /** The last hour, which the figures have too. */
  readonly hour: Resource<Timeline>;
}

/** Messages over time, as a chart or as a table. */
export function ChartPanel({ span, hour }: ChartPanelProps) {
  const other = useTimeline(span === "hour" ? undefined : span, zone());
  const { value, failure } = span === "hour" ? hour : other;
  const before = useWeekBefore(isCompared.value ? value : undefined, zone()).value;
  return (
    <section class="panel chart-panel">
      <header class="panel-head">
        <h2>{TITLES[UNITS[span]]}</h2>
        <Controls span={span} />
      </header>
      {failure !== undefined && !isPassing(failure) ? <FailureNote failure={failure} /> : null}
      {isTable.value && value !== undefined ? (
        <Figures timeline={value} before={before} />
      ) : (
        <Drawing title={TITLES[UNITS[span]]} timeline={value} before={before} />
      )}
    </section>
  );
}

function Controls({ span }: { readonly span: ChartSpan }) {
  return (
    <div class="chart-controls">
      <Tabs
        label={t.span}
        value={span}
        tabs={[
          { value: "hour", text: t.spanHour },
          { value: "two-days", text: t.spanTwoDays },
          { value: "ninety-days", text: t.spanNinetyDays },
        ]}
        onChange={(chart) => go({ page: "overview", chart }, { replace: true })}
      />
      <label class="check">
        <input
          type="checkbox"
          checked={isCompared.value}
          onChange={(event) => {
            isCompared.value = event.currentTarget.checked;
          }}
        />
        <span class="line-sample" aria-hidden="true" />
        {t.lastWeek}
      </label>
      <Button
        kind="quiet"
        onClick={() => {
          isTable.value = !isTable.value;
        }}
      >
        {isTable.value ? t.asChart : t.asTable}
      </Button>
    </div>
  );
}

interface ShownProps {
  readonly timeline: Timeline;
  readonly before: readonly number[] | undefined;
}

interface DrawingProps extends Pick<ShownProps, "before"> {
  readonly title: string;
  readonly timeline: Timeline | undefined;
}

function Drawing({ title, timeline, before }: DrawingProps) {
  const unit = timeline?.unit ?? "minute";
  const lastAt = (timeline?.bars.length ?? 0) - 1;
  const textOf = (bar: Bar, at: number | undefined) =>
    barText({
      bar,
      unit,
      before: at === undefined ? undefined : before?.[at],
      isUnderWay: unit !== "minute" && at === lastAt,
    });
  const open = useCallback((span: Span) => go(inboxRoute(filterOf(span))), []);
  const isEmpty = timeline?.bars.every(({ count }) => count === 0);
  if (timeline === undefined) return <div class="chart" />;
  return (
    <div class="chart-frame">
      <BarChart
        label={title}
        bars={timeline.bars}
        unit={unit}
        line={before}
        textOf={textOf}
        onOpen={open}
      />
      {isEmpty ? <p class="chart-empty">{t.noneInSpan}</p> : null}
    </div>
  );
}

/** The same figures, the newest first. */
function Figures({ timeline: { bars, unit }, before }: ShownProps) {
  const rows = bars.map((bar, at) => ({ bar, before: before?.[at] })).reverse();
  type Row = (typeof rows)[number];
  const columns: Column<Row>[] = [
    {
      title: t.columnTime,
      cell: ({ bar }) => <a href={addressOf(inboxRoute(filterOf(bar)))}>{when(bar, unit)}</a>,
    },
    { title: t.columnCount, cell: ({ bar }) => number(bar.count), isNumber: true },
  ];
  if (before !== undefined)
    columns.push({
      title: t.columnBefore,
      cell: (row) => number(row.before ?? 0),
      isNumber: true,
    });
  return (
    <div class="chart-table">
      <Table
        caption={TITLES[unit]}
        columns={columns}
        rows={rows}
        keyOf={({ bar }) => String(bar.since)}
      />
    </div>
  );
}

interface BarText {
  readonly bar: Bar;
  readonly unit: Unit;
  readonly before: number | undefined;
  /** Its hour or day is not over. */
  readonly isUnderWay: boolean;
}

function barText({ bar, unit, before, isUnderWay }: BarText): string {
  const sentence = counted(isUnderWay ? t.barSoFar : t.bar, bar.count);
  const text = fill(sentence, { when: when(bar, unit) });
  return before === undefined ? text : fill(t.barBefore, { bar: text, n: before });
}

/** The time of one bar, or of several together. */
function when({ since, until }: Bar, unit: Unit): string {
  const format = moments();
  const now = Date.now();
  const isOneDay = format.dayKey(since) === format.dayKey(until - 1);
  if (unit === "day" && isOneDay) return format.day(since, now);
  if (unit === "day")
    return fill(t.between, { from: format.date(since, now), to: format.date(until - 1, now) });
  // Each with its date.
  if (!isOneDay)
    return fill(t.between, { from: format.brief(since, until), to: format.brief(until, since) });
  return fill(t.between, { from: format.brief(since, now), to: format.time(until) });
}
