import { SingleBar } from "cli-progress";
import { complain } from "./terminal.ts";

const CLEAR_LINE = "\r\x1b[K";
/** The bar goes back to the saved place at its end; a note pushes that place down. */
const SAVE_CURSOR = "\x1b7";
const MIB = 1024 * 1024;

export interface ProgressBar {
  /** A `total` replaces the one given before. */
  update(value: number, total?: number): void;
  /** Puts a line above the bar. */
  note(line: string): void;
  /** Leaves the terminal as it was. Safe twice. */
  stop(): void;
}

export interface ProgressBarOptions {
  readonly label: string;
  /** Undefined when nobody knows where the end is. */
  readonly total: number | undefined;
  readonly unit: "bytes" | "messages" | "pages" | "blocks";
  /** No bar, because somebody types on the same terminal. */
  readonly hidden?: boolean;
}

/** A progress bar on standard error while something goes on; nothing at all when that is no terminal, or there is but one step. */
export function startProgressBar({ label, total, unit, hidden = false }: ProgressBarOptions): ProgressBar {
  if (!process.stderr.isTTY || total === 1 || hidden)
    return { update: () => undefined, note: (line) => complain(`${line}\n`), stop: () => undefined };
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
    // A note overwrites the bar, which has to come back even when nothing moved.
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
    note: (line) => complain(`${CLEAR_LINE}${line}\n${SAVE_CURSOR}`),
    stop: () => bar.stop(),
  };
}
