import { instantOfText } from "../text/moments.ts";

const DAY_MS = 24 * 60 * 60_000;
/** What was received later than this was imported, and says nothing about the sender. */
const IMPORTED_AFTER_MS = 7 * DAY_MS;
const MOST = 0.95;

export interface Lag {
  /** Half of the messages were received within this time, in milliseconds. */
  readonly half: number;
  /** 95 of 100 were. */
  readonly most: number;
}

/** How long messages were on their way. Undefined if none says so. */
export function lagOf(
  messages: readonly { readonly ts: string; readonly created_at: string }[],
): Lag | undefined {
  const lags = messages
    .flatMap(({ ts, created_at: received }) => {
      const [sentAt, receivedAt] = [instantOfText(ts), instantOfText(received)];
      if (sentAt === undefined || receivedAt === undefined) return [];
      // The sender's clock may be ahead.
      return [Math.max(0, receivedAt - sentAt)];
    })
    .filter((lag) => lag <= IMPORTED_AFTER_MS)
    .sort((a, b) => a - b);
  if (lags.length === 0) return undefined;
  return { half: shareOf(lags, 0.5), most: shareOf(lags, MOST) };
}

/** The least value that this share of the values does not exceed. */
function shareOf(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
}
