import { systemClock } from "../../domain/clock.ts";
import { openStore } from "../../store/open.ts";
import { startProgressBar } from "../progress-bar.ts";
import { SPAN_MS_DEFAULT } from "../sending/message-generator.ts";
import { writeStderr } from "../terminal.ts";
import { type LoadProgress, loadMessages, MS_PER_MESSAGE } from "./loader.ts";

/**
 * Differs from the seed of the messages that are sent over HTTP, so that no id occurs twice by
 * accident.
 */
const SEED = 20_250_116;

export interface BulkOptions {
  readonly databaseUrl: string;
  readonly messages: number;
  /** The newest timestamp. */
  readonly nowMs: number;
  readonly signal: AbortSignal;
}

/**
 * Stores messages directly, without HTTP. Resolves with the speed, or undefined when it was
 * interrupted.
 */
export async function bulk({
  databaseUrl,
  messages,
  nowMs,
  signal,
}: BulkOptions): Promise<string | undefined> {
  writeStderr(`Storing ${messages} messages before the service starts\n`);
  const bars = progressBars();
  const store = await openStore(databaseUrl);
  try {
    const { rows, storeSeconds, indexSeconds } = await loadMessages(store, {
      seed: SEED,
      count: messages,
      nowMs,
      spanMs: Math.max(SPAN_MS_DEFAULT, messages * MS_PER_MESSAGE),
      clock: systemClock,
      signal,
      progress: bars.update,
    });
    const perSecond = Math.round(rows / Math.max(0.001, storeSeconds));
    return `${rows} messages stored before the start in ${storeSeconds.toFixed(1)} s, ${perSecond}/s, indexed in ${indexSeconds.toFixed(1)} s more`;
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  } finally {
    bars.stop();
    await store.close();
  }
}

/** Shows one progress bar for each phase. */
function progressBars() {
  let phase: LoadProgress["phase"] | undefined;
  let bar: ReturnType<typeof startProgressBar> | undefined;
  return {
    update: (progress: LoadProgress) => {
      if (progress.phase !== phase) {
        bar?.stop();
        phase = progress.phase;
        bar = startProgressBar({ label: phase, total: progress.total, unit: "messages" });
      }
      bar?.update(progress.done);
    },
    stop: () => bar?.stop(),
  };
}
