import { SingleBar } from "cli-progress";
import { writeStderr } from "./terminal.ts";

const CLEAR_LINE = "\r\x1b[K";
/** At its end the bar moves the cursor to the saved position. A note moves that position down. */
const SAVE_CURSOR = "\x1b7";
const MIB = 1024 * 1024;

export interface ProgressBar {
  /** A `total` replaces the earlier one. */
  update(value: number, total?: number): void;
  /** Prints a line above the bar. */
  note(line: string): void;
  /** Restores the terminal. Safe to call twice. */
  stop(): void;
}

export interface ProgressBarOptions {
  readonly label: string;
  /** Undefined when the end is unknown. */
  readonly total: number | undefined;
  readonly unit: "bytes" | "messages" | "pages" | "blocks";
  /** Shows no bar, because the user types on the same terminal. */
  readonly hidden?: boolean;
}

/**
 * Shows a progress bar on standard error. It shows nothing when that is not a terminal, or when
 * there is only one step.
 */
export function startProgressBar({
  label,
  total,
  unit,
  hidden = false,
}: ProgressBarOptions): ProgressBar {
  if (!process.stderr.isTTY || total === 1 || hidden)
    return {
      update: () => undefined,
      note: (line) => writeStderr(`${line}\n`),
      stop: () => undefined,
    };
  const known = `${label} {bar} {percentage}% | {value} of {total} ${unit === "bytes" ? "MiB" : unit} | {eta_formatted} left`;
  const bar = new SingleBar({
    format: total === undefined ? `${label} | {value} ${unit}` : known,
    barCompleteChar: "█",
    barIncompleteChar: "░",
    barsize: 24,
    etaBuffer: 100,
    stream: process.stderr,
    gracefulExit: true,
    clearOnComplete: true,
    emptyOnZero: true,
    // A note overwrites the bar, which must be drawn again even without progress.
    forceRedraw: true,
    formatValue: (value, _options, type) =>
      unit === "bytes" && type !== "percentage" ? (value / MIB).toFixed(1) : String(value),
  });
  bar.start(total ?? 0, 0);
  return {
    update: (value, newTotal) => {
      if (newTotal !== undefined) bar.setTotal(newTotal);
      bar.update(value);
    },
    note: (line) => writeStderr(`${CLEAR_LINE}${line}\n${SAVE_CURSOR}`),
    stop: () => bar.stop(),
  };
}
