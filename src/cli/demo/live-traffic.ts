import type { Clock } from "../../domain/clock.ts";
import { generateMessages } from "../sending/message-generator.ts";
import { seededRandom } from "../sending/seeded-random.ts";
import type { Outgoing } from "../sending/send-all.ts";

/** Enough for two hours. The demo is not a load test, and may be forgotten on a laptop. */
export const LIVE_MESSAGES_MAX = 10_000;
/** One or two messages a second. */
const PAUSE_MS_MIN = 500;
const PAUSE_MS_MAX = 1_000;
/** How long a message has been on its way. */
const UNDER_WAY_MS_MAX = 1_000;
/** Another seed than those of the other messages, so that no id occurs twice. */
const SEED = 20_250_117;

export interface LiveTrafficOptions {
  readonly clock: Clock;
  /** Aborted to end it. */
  readonly signal: AbortSignal;
}

/** Messages of now, so that a page that is open shows something new. */
export async function* liveTraffic({
  clock,
  signal,
}: LiveTrafficOptions): AsyncGenerator<Outgoing> {
  const random = seededRandom(SEED);
  const messages = generateMessages({
    seed: SEED,
    count: LIVE_MESSAGES_MAX,
    nowMs: clock.now(),
  });
  let line = 0;
  for (const message of messages) {
    const pauseMs = PAUSE_MS_MIN + random() * (PAUSE_MS_MAX - PAUSE_MS_MIN);
    await clock.sleep(pauseMs, signal).catch(() => undefined);
    if (signal.aborted) return;
    const ts = new Date(clock.now() - random() * UNDER_WAY_MS_MAX).toISOString();
    yield { line: ++line, body: Buffer.from(JSON.stringify({ ...message, ts })) };
  }
}
