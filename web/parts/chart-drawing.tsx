import type { Layout, Size } from "./chart.ts";

const MARK_GAP = 4;
/** The lower edge of a mark below the bars, above that of the chart. */
const TEXT_RAISE = 6;

interface DrawingProps {
  readonly layout: Layout;
  readonly size: Size;
}

/** The bars and the axes of a chart. Colours are in bar-chart.css. */
export function Drawing({ layout, size }: DrawingProps) {
  const { area, levels, ticks, bars, line } = layout;
  const right = area.left + area.width;
  const bottom = area.top + area.height;
  return (
    <svg class="chart-drawing" width={size.width} height={size.height} aria-hidden="true">
      <rect class="chart-area" x={area.left} y={area.top} width={area.width} height={area.height} />
      {levels.map(({ at, text }) => (
        <g key={text}>
          <path class="chart-grid" d={`M${area.left} ${at}H${right}`} />
          <text class="chart-level" x={area.left - MARK_GAP} y={at}>
            {text}
          </text>
        </g>
      ))}
      <path class="chart-bars" d={bars} />
      {/* A wider line of the ground below the line keeps it apart from the bars. */}
      {line === undefined ? null : <path class="chart-line ground" d={line} />}
      {line === undefined ? null : <path class="chart-line" d={line} />}
      <path
        class="chart-axis"
        d={`M${area.left} ${bottom}H${right}${ticks.map(({ at }) => `M${at} ${bottom}v4`).join("")}`}
      />
      {ticks.map(({ at, text }) => (
        <text key={at} class="chart-tick" x={at} y={size.height - TEXT_RAISE}>
          {text}
        </text>
      ))}
    </svg>
  );
}
