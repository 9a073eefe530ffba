import { useCallback } from "preact/hooks";
import { countMessages, readMessages } from "../../api/messages.ts";
import type { Outcome } from "../../api/request.ts";
import { readStats } from "../../api/stats.ts";
import { readTimeline } from "../../api/timeline.ts";
import { type Bar, barsOf, type Span, type Unit } from "../../live/bars.ts";
import { type Lag, lagOf } from "../../live/lag.ts";
import {
  countsWeekBefore,
  spanOf,
  spanWeekBefore,
  unitOfSpan,
  weekBefore,
} from "../../live/spans.ts";
import type { ChartSpan } from "../../route.ts";
import { serviceNow, useEachMinute } from "../../state/clock.ts";
import { type Resource, useResource } from "../../state/resource.ts";
import { instantOfText } from "../../text/moments.ts";
import { startOfDay, toUtcText } from "../../text/zones.ts";

// What the Overview asks for, and how often.

const MINUTE_MS = 60_000;
const TOTALS_MS = 30_000;
/** The newest messages, of which the lag is taken. */
const LAG_MESSAGES = 100;

export interface Timeline {
  readonly span: Span;
  readonly unit: Unit;
  readonly bars: readonly Bar[];
}

/** The bars of a chart. They are asked for after each whole minute. */
export function useTimeline(span: ChartSpan | undefined, zone: string): Resource<Timeline> {
  const key = span === undefined ? undefined : `timeline ${span} ${zone}`;
  const resource = useResource(key, (signal) => readBars(span ?? "hour", zone, signal), MINUTE_MS);
  const { reload, failure } = resource;
  // After a failure the resource asks by itself, when the service wants to be asked.
  const isAsked = key !== undefined && failure === undefined;
  useEachMinute(useCallback(() => isAsked && reload(), [isAsked, reload]));
  return resource;
}

async function readBars(
  name: ChartSpan,
  zone: string,
  signal: AbortSignal,
): Promise<Outcome<Timeline>> {
  const unit = unitOfSpan(name);
  const span = spanOf(name, serviceNow(), zone);
  const outcome = await readTimeline(queryOf(span, unit, zone), signal);
  if (outcome.kind !== "ok") return outcome;
  return { ...outcome, value: { span, unit, bars: barsOf(span, zone, outcome.value.data) } };
}

/** The counts of the time of bars, a week before. Nothing is asked while there are no bars. */
export function useWeekBefore(timeline: Timeline | undefined, zone: string) {
  const span = timeline && spanWeekBefore(timeline.bars, timeline.unit, zone);
  const key = span && `before ${timeline.unit} ${zone} ${span.since} ${span.until}`;
  return useResource(key, async (signal): Promise<Outcome<readonly number[]>> => {
    if (timeline === undefined || span === undefined) return { kind: "aborted" };
    const outcome = await readTimeline(queryOf(span, timeline.unit, zone), signal);
    if (outcome.kind !== "ok") return outcome;
    return { ...outcome, value: countsWeekBefore(timeline.bars, zone, outcome.value.data) };
  });
}

function queryOf({ since, until }: Span, unit: Unit, zone: string) {
  return {
    bucket: unit,
    since: toUtcText(since),
    until: toUtcText(until),
    zone: unit === "minute" ? undefined : zone,
  };
}

export function useStats() {
  return useResource("stats", readStats, TOTALS_MS);
}

export interface Today {
  readonly since: number;
  readonly until: number;
  readonly count: number;
  /** The same hours a week before. Undefined if there is less than a week of messages. */
  readonly before: { readonly until: number; readonly count: number } | undefined;
}

/** The messages since midnight, and of the same hours a week before. */
export function useToday(firstTs: string | undefined, zone: string): Resource<Today> {
  const first = firstTs === undefined ? undefined : instantOfText(firstTs);
  const hasWeek = first !== undefined && first <= weekBefore(startOfDay(serviceNow(), zone), zone);
  const key = `today ${zone} ${hasWeek}`;
  return useResource(key, (signal) => readToday(zone, hasWeek, signal), TOTALS_MS);
}

async function readToday(
  zone: string,
  hasWeek: boolean,
  signal: AbortSignal,
): Promise<Outcome<Today>> {
  const until = serviceNow();
  const since = startOfDay(until, zone);
  const now = await countMessages(filterOf({ since, until }), signal);
  if (now.kind !== "ok") return now;
  const today = { since, until, count: now.value, before: undefined };
  if (!hasWeek) return { ...now, value: today };
  const earlier = { since: weekBefore(since, zone), until: weekBefore(until, zone) };
  const then = await countMessages(filterOf(earlier), signal);
  if (then.kind !== "ok") return then;
  return { ...then, value: { ...today, before: { until: earlier.until, count: then.value } } };
}

export function filterOf({ since, until }: Span) {
  return { since: toUtcText(since), until: toUtcText(until) };
}

/** How long the newest messages were on their way. */
export function useLag(): Resource<Lag | undefined> {
  return useResource(
    "lag",
    async (signal) => {
      const query = { filter: {}, limit: LAG_MESSAGES, count: "none" } as const;
      const outcome = await readMessages(query, { signal });
      return outcome.kind === "ok" ? { ...outcome, value: lagOf(outcome.value.data) } : outcome;
    },
    TOTALS_MS,
  );
}
