import type { Clock } from "../../domain/clock.ts";
import { NATIVE_SOURCE, type NewMessage, parseMessage } from "../../domain/message.ts";
import type { Store } from "../../store/store.ts";
import {
  type GeneratedMessage,
  type GeneratorOptions,
  generateMessages,
} from "../sending/message-generator.ts";

const ROWS_PER_BATCH = 5_000;
const POLL_MS = 100;
const MESSAGES_PER_SENDER = 100;
const SENDERS_MIN = 60;
const SENDERS_MAX = 100_000;
export const MS_PER_MESSAGE = 1_000;

export interface LoadProgress {
  readonly phase: "storing" | "indexing";
  /** The rows to store; those stored but not yet indexed when the last was stored. */
  readonly done: number;
  readonly total: number;
}

export interface LoadOptions extends Pick<GeneratorOptions, "seed" | "count" | "ids"> {
  /** The newest timestamp. */
  readonly nowMs: number;
  /** The time span before it that contains all timestamps. Default: a second for each message. */
  readonly spanMs?: number;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
  readonly progress?: (progress: LoadProgress) => void;
}

export interface LoadResult {
  readonly rows: number;
  /** The time until every row was durable. */
  readonly storeSeconds: number;
  /** The time from then until every row was in the read index. */
  readonly indexSeconds: number;
}

/** The number of senders for this number of messages. */
export function sendersOf(count: number): number {
  return Math.min(SENDERS_MAX, Math.max(SENDERS_MIN, Math.ceil(count / MESSAGES_PER_SENDER)));
}

/**
 * Fills a store with generated messages, without HTTP. Rejects with the signal's reason when
 * aborted; what is stored by then stays.
 */
export async function loadMessages(
  store: Pick<Store, "insertMessages" | "backlogRows">,
  options: LoadOptions,
): Promise<LoadResult> {
  const { clock } = options;
  const startMs = clock.monotonic();
  const rows = await storeRows(store, options);
  const storedMs = clock.monotonic();
  await untilIndexed(store, options);
  return {
    rows,
    storeSeconds: (storedMs - startMs) / 1_000,
    indexSeconds: (clock.monotonic() - storedMs) / 1_000,
  };
}

async function storeRows(
  store: Pick<Store, "insertMessages">,
  options: LoadOptions,
): Promise<number> {
  const { seed, count, ids = "random", nowMs, signal, progress } = options;
  const { spanMs = count * MS_PER_MESSAGE } = options;
  const messages = generateMessages({ seed, count, ids, nowMs, spanMs, senders: sendersOf(count) });
  let stored = 0;
  let inFlight: Promise<unknown> = Promise.resolve();
  for (let batch = nextBatch(messages); batch.length > 0; batch = nextBatch(messages)) {
    // While the writer thread stores one batch, this thread generates the next. At most two are in
    // memory.
    await inFlight;
    signal?.throwIfAborted();
    inFlight = store.insertMessages(batch);
    stored += batch.length;
    progress?.({ phase: "storing", done: stored, total: count });
  }
  await inFlight;
  return stored;
}

async function untilIndexed(
  store: Pick<Store, "backlogRows">,
  { clock, signal, progress }: LoadOptions,
): Promise<void> {
  const total = store.backlogRows();
  for (let left = total; left > 0; left = store.backlogRows()) {
    progress?.({ phase: "indexing", done: Math.max(0, total - left), total });
    await clock.sleep(POLL_MS, signal);
  }
}

function nextBatch(messages: Iterator<GeneratedMessage>): readonly NewMessage[] {
  const batch: NewMessage[] = [];
  while (batch.length < ROWS_PER_BATCH) {
    const { value, done } = messages.next();
    if (done) return batch;
    const parsed = parseMessage(value);
    if (!parsed.ok) throw new Error(`a generated message is invalid: ${JSON.stringify(value)}`);
    batch.push({
      ...parsed.message,
      source: NATIVE_SOURCE,
      createdAt: receivedAt(parsed.message.ts),
    });
  }
  return batch;
}

/**
 * A generated message counts as received when it was sent: in UTC with milliseconds, like every
 * time of receipt.
 */
function receivedAt(ts: string): string {
  const milliseconds = ts.slice(20, -1).padEnd(3, "0").slice(0, 3);
  return `${ts.slice(0, 19)}.${milliseconds}Z`;
}
