import type { RefObject } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Bar, Span } from "../live/bars.ts";
import { chart as t } from "../text/en/chart.ts";
import { boxOf, type Figures, indexAt, type Layout, layoutOf, type Size } from "./chart.ts";
import { Drawing } from "./chart-drawing.tsx";
import "./bar-chart.css";

interface BarChartProps extends Figures {
  readonly label: string;
  /** What a bar says, in one sentence; without its index, what several say together. */
  readonly textOf: (bar: Bar, at: number | undefined) => string;
  readonly onOpen: (span: Span) => void;
}

/**
 * Bars over time. Arrow keys read them, Enter or a click opens one, dragging opens several. The
 * drawing says nothing to a screen reader, so the box is a slider whose value is a sentence.
 */
export function BarChart({ label, bars, unit, line, textOf, onOpen }: BarChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const size = useSize(box);
  const layout = size && layoutOf({ bars, unit, line }, size);
  const [at, setAt] = useState<number | undefined>(undefined);
  const [begin, setBegin] = useState<number | undefined>(undefined);
  const current = at === undefined ? undefined : bars[at];
  const open = (a: number, b: number) => {
    const [first, last] = [bars[Math.min(a, b)], bars[Math.max(a, b)]];
    if (first && last) onOpen({ since: first.since, until: last.until });
  };
  const barAt = ({ clientX }: PointerEvent) => {
    const left = box.current?.getBoundingClientRect().left ?? 0;
    return layout === undefined ? 0 : indexAt(layout, clientX - left, bars.length);
  };
  return (
    <div
      ref={box}
      class="chart"
      role="slider"
      tabIndex={0}
      aria-label={label}
      aria-description={t.hint}
      aria-valuemin={0}
      aria-valuemax={Math.max(0, bars.length - 1)}
      aria-valuenow={at ?? bars.length - 1}
      aria-valuetext={sentence(current ?? bars.at(-1), at ?? bars.length - 1, textOf)}
      onBlur={() => setAt(undefined)}
      onKeyDown={(event) => {
        const next = nextIndex(event.key, at ?? bars.length, bars.length);
        if (next !== undefined) setAt(next);
        if (event.key === "Enter" && at !== undefined) open(at, at);
        if (next !== undefined || event.key === "Enter") event.preventDefault();
      }}
      onPointerDown={(event) => {
        if (event.button !== 0) return;
        box.current?.setPointerCapture(event.pointerId);
        setBegin(barAt(event));
        setAt(barAt(event));
      }}
      onPointerMove={(event) => setAt(barAt(event))}
      onPointerLeave={() => begin === undefined && setAt(undefined)}
      onPointerCancel={() => {
        setBegin(undefined);
        setAt(undefined);
      }}
      onPointerUp={(event) => {
        if (begin !== undefined) open(begin, barAt(event));
        setBegin(undefined);
      }}
    >
      {size === undefined || layout === undefined ? null : <Drawing layout={layout} size={size} />}
      {layout === undefined || at === undefined || current === undefined ? null : (
        <Marked
          layout={layout}
          count={bars.length}
          at={at}
          begin={begin}
          text={
            begin === undefined
              ? sentence(current, at, textOf)
              : sentenceOf(bars, begin, at, textOf)
          }
        />
      )}
    </div>
  );
}

interface MarkedProps {
  readonly layout: Layout;
  readonly count: number;
  readonly at: number;
  /** Where dragging began. */
  readonly begin: number | undefined;
  readonly text: string;
}

/** The bar under the pointer or the focus, and what it says. */
function Marked({ layout, count, at, begin = at, text }: MarkedProps) {
  const { start, width } = boxOf(layout, Math.min(begin, at), Math.max(begin, at), count);
  const one = boxOf(layout, at, at, count);
  const middle = one.start + one.width / 2;
  const share = middle / (layout.area.left + layout.area.width);
  return (
    <>
      <div class="chart-marked" style={{ left: `${start}px`, width: `${width}px` }} />
      <div
        class="chart-text"
        aria-hidden="true"
        style={{ left: `${middle}px`, transform: `translateX(${-100 * share}%)` }}
      >
        {text}
      </div>
    </>
  );
}

/** The size of an element, and of each later one. */
function useSize(element: RefObject<HTMLElement | null>): Size | undefined {
  const [size, setSize] = useState<Size | undefined>(undefined);
  useLayoutEffect(() => {
    const { current } = element;
    if (current === null) return;
    const measure = () => setSize({ width: current.clientWidth, height: current.clientHeight });
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(current);
    return () => observer.disconnect();
  }, []);
  return size;
}

/** The bars from one to another together, while they are dragged over. */
function sentenceOf(
  bars: readonly Bar[],
  a: number,
  b: number,
  textOf: BarChartProps["textOf"],
): string {
  const chosen = bars.slice(Math.min(a, b), Math.max(a, b) + 1);
  const [first, last] = [chosen[0], chosen.at(-1)];
  if (first === undefined || last === undefined) return "";
  const count = chosen.reduce((sum, bar) => sum + bar.count, 0);
  const at = chosen.length === 1 ? a : undefined;
  return textOf({ since: first.since, until: last.until, count }, at);
}

function sentence(bar: Bar | undefined, at: number, textOf: BarChartProps["textOf"]): string {
  return bar === undefined ? "" : textOf(bar, at);
}

function nextIndex(key: string, at: number, count: number): number | undefined {
  if (key === "ArrowLeft" || key === "ArrowDown") return Math.max(0, at - 1);
  if (key === "ArrowRight" || key === "ArrowUp") return Math.min(count - 1, at + 1);
  if (key === "Home") return 0;
  return key === "End" ? count - 1 : undefined;
}
