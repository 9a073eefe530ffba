import { useRef, useState } from "preact/hooks";
import { readMessages } from "../../api/messages.ts";
import type { Outcome } from "../../api/request.ts";
import { readTimeline } from "../../api/timeline.ts";
import { type Bar, barsOf, beginOf, type Span, unitOf } from "../../live/bars.ts";
import { type Filter, inboxRoute } from "../../route.ts";
import { go } from "../../state/navigation.ts";
import { useResource } from "../../state/resource.ts";
import { inbox as t } from "../../text/en/inbox.ts";
import { counted, fill, moments, zone } from "../../text/format.ts";
import { instantOfText } from "../../text/moments.ts";
import { toUtcText } from "../../text/zones.ts";

const EVERY_MS = 60_000;
const DAY_MS = 24 * 60 * 60_000;
/** What is shown when the whole time has too many days. */
const FALLBACK_MS = 90 * DAY_MS;
const BAR_HEIGHT_MIN = 0.06;
const BAR_PX_MAX = 24;
/** At least this time is shown, unless the list begins at a moment. */
const SPAN_MS_MIN = 60 * 60_000;
/** The highest bar does not touch the line above. */
const HEADROOM = 1.15;

export interface StripData {
  readonly span: Span;
  readonly bars: readonly Bar[];
}

/** The bars of the time that is listed. They follow `from`, `since` and `until`. */
export function useStrip(filter: Filter) {
  const followed = { from: filter.from, since: filter.since, until: filter.until };
  const key = JSON.stringify([followed, zone()]);
  return useResource<StripData | undefined>(key, (signal) => readStrip(filter, signal), EVERY_MS);
}

async function readStrip(
  { from, since, until }: Filter,
  signal: AbortSignal,
): Promise<Outcome<StripData | undefined>> {
  const end = until === undefined ? Date.now() : Date.parse(until);
  let begin = since === undefined ? Number.NaN : Date.parse(since);
  if (Number.isNaN(begin)) {
    const filter = { ...(from && { from }), ...(until && { until }) };
    const query = { filter, order: "asc", limit: 1, count: "none" } as const;
    const oldest = await readMessages(query, { signal });
    if (oldest.kind !== "ok") return oldest;
    const first = instantOfText(oldest.value.data[0]?.ts ?? "") ?? Number.NaN;
    begin = Math.min(first, end - SPAN_MS_MIN);
  }
  if (Number.isNaN(begin) || begin >= end) return { kind: "ok", value: undefined, etag: undefined };
  const outcome = await readBars({ since: begin, until: end }, from, signal);
  const isTooBroad = outcome.kind === "refused";
  return isTooBroad ? readBars({ since: end - FALLBACK_MS, until: end }, from, signal) : outcome;
}

async function readBars(
  span: Span,
  from: string | undefined,
  signal: AbortSignal,
): Promise<Outcome<StripData>> {
  const unit = unitOf(span);
  const query = {
    bucket: unit,
    from,
    // The first bar is whole: its count is that of the bucket.
    since: toUtcText(beginOf(unit, span.since, zone())),
    until: toUtcText(span.until),
    zone: unit === "minute" ? undefined : zone(),
  };
  const outcome = await readTimeline(query, signal);
  if (outcome.kind !== "ok") return outcome;
  const value = { span, bars: barsOf(span, zone(), outcome.value.data) };
  return { ...outcome, value };
}

interface StripProps {
  readonly data: StripData;
  readonly filter: Filter;
  /** Other filters narrow the list, but not these bars. */
  readonly isOfAll: boolean;
}

/** Arrow keys read the bars, Enter or a click narrows the list to one, dragging to several. */
export function Strip({ data: { bars }, filter, isOfAll }: StripProps) {
  const [at, setAt] = useState<number | undefined>(undefined);
  const [begin, setBegin] = useState<number | undefined>(undefined);
  const box = useRef<HTMLDivElement>(null);
  const max = HEADROOM * Math.max(1, ...bars.map((bar) => bar.count));
  const indexAt = (event: PointerEvent) => {
    const { left, width } = box.current?.getBoundingClientRect() ?? { left: 0, width: 1 };
    const share = (event.clientX - left) / width;
    return Math.min(bars.length - 1, Math.max(0, Math.floor(share * bars.length)));
  };
  const narrow = (a: number, b: number) => {
    const [first, last] = [bars[Math.min(a, b)], bars[Math.max(a, b)]];
    if (first === undefined || last === undefined) return;
    const span = { since: toUtcText(first.since), until: toUtcText(last.until) };
    go(inboxRoute({ ...filter, ...span }));
  };
  const current = at === undefined ? undefined : bars[at];
  const chosen = begin !== undefined && at !== undefined ? [begin, at] : undefined;
  return (
    <div class="strip-box">
      <div
        ref={box}
        class={isOfAll ? "strip of-all" : "strip"}
        // Few bars would be blocks.
        style={{ maxWidth: `${bars.length * BAR_PX_MAX}px` }}
        role="slider"
        tabIndex={0}
        aria-label={t.strip}
        aria-description={t.stripHint}
        aria-valuemin={0}
        aria-valuemax={bars.length - 1}
        aria-valuenow={at ?? bars.length - 1}
        aria-valuetext={barText(current ?? bars.at(-1))}
        onBlur={() => setAt(undefined)}
        onKeyDown={(event) => {
          const next = nextIndex(event.key, at ?? bars.length, bars.length);
          if (next !== undefined) setAt(next);
          if (event.key === "Enter" && at !== undefined) narrow(at, at);
          if (next !== undefined || event.key === "Enter") event.preventDefault();
        }}
        onPointerDown={(event) => {
          box.current?.setPointerCapture(event.pointerId);
          setBegin(indexAt(event));
          setAt(indexAt(event));
        }}
        onPointerMove={(event) => setAt(indexAt(event))}
        onPointerLeave={() => begin === undefined && setAt(undefined)}
        onPointerCancel={() => setBegin(undefined)}
        onPointerUp={(event) => {
          if (begin !== undefined) narrow(begin, indexAt(event));
          setBegin(undefined);
        }}
      >
        <Bars bars={bars} max={max} at={at} chosen={chosen} />
      </div>
      <p class="strip-note" aria-hidden="true">
        {current === undefined ? (isOfAll ? t.stripAll : "") : barText(current)}
      </p>
    </div>
  );
}

interface BarsProps {
  readonly bars: readonly Bar[];
  readonly max: number;
  readonly at: number | undefined;
  readonly chosen: readonly number[] | undefined;
}

function Bars({ bars, max, at, chosen }: BarsProps) {
  const from = chosen === undefined ? at : Math.min(...chosen);
  const to = chosen === undefined ? at : Math.max(...chosen);
  return (
    <svg viewBox={`0 0 ${bars.length} 1`} preserveAspectRatio="none" aria-hidden="true">
      {from === undefined || to === undefined ? null : (
        <rect class="strip-chosen" x={from} y={0} width={to - from + 1} height={1} />
      )}
      {bars.map((bar, index) => {
        const height = bar.count === 0 ? 0 : Math.max(bar.count / max, BAR_HEIGHT_MIN);
        return (
          <rect
            key={bar.since}
            class="strip-bar"
            x={index + 0.15}
            y={1 - height}
            width={0.7}
            height={height}
          />
        );
      })}
    </svg>
  );
}

function nextIndex(key: string, at: number, count: number): number | undefined {
  if (key === "ArrowLeft" || key === "ArrowDown") return Math.max(0, at - 1);
  if (key === "ArrowRight" || key === "ArrowUp") return Math.min(count - 1, at + 1);
  if (key === "Home") return 0;
  return key === "End" ? count - 1 : undefined;
}

function barText(bar: Bar | undefined): string {
  if (bar === undefined) return "";
  const format = moments();
  const now = Date.now();
  const isDays = bar.until - bar.since >= DAY_MS;
  const from = isDays ? format.date(bar.since, now) : format.brief(bar.since, now);
  const to = isDays ? format.brief(bar.until, now) : format.time(bar.until);
  return fill(counted(t.stripBar, bar.count), { from, to });
}
