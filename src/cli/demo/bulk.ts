import { systemClock } from "../../domain/clock.ts";
import { openStore } from "../../store/open.ts";
import { startProgressBar } from "../progress-bar.ts";
import { SPAN_MS_DEFAULT } from "../sending/message-generator.ts";
import { complain } from "../terminal.ts";
import { type LoadProgress, loadMessages } from "./loader.ts";

/** Another one than that of the messages that go over HTTP, whose ids are not to come twice by mistake. */
const SEED = 20_250_116;

export interface BulkOptions {
  readonly databaseUrl: string;
  readonly messages: number;
  readonly nowMs: number;
  readonly signal: AbortSignal;
}

/** Stores messages without the way over HTTP. Resolves with how fast it went, or undefined when it was interrupted. */
export async function bulk({ databaseUrl, messages, nowMs, signal }: BulkOptions): Promise<string | undefined> {
  complain(`Storing ${messages} messages before the service starts\n`);
  const bars = progressBars();
  const store = await openStore(databaseUrl);
  try {
    const { rows, storeSeconds, indexSeconds } = await loadMessages(store, {
      // Those that follow over HTTP are the youngest.
      seed: SEED,
      count: messages,
      nowMs: nowMs - SPAN_MS_DEFAULT,
      clock: systemClock,
      signal,
      progress: bars.update,
    });
    const perSecond = Math.round(rows / Math.max(0.001, storeSeconds));
    return `${rows} messages stored beforehand in ${storeSeconds.toFixed(1)} s, ${perSecond}/s, indexed in ${indexSeconds.toFixed(1)} s more`;
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  } finally {
    bars.stop();
    await store.close();
  }
}

/** One bar for each phase. */
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
