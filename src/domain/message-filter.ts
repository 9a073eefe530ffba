import type { MessageId } from "./message.ts";
import type { Instant } from "./timestamp.ts";

/** What narrows a list. Absent means: no filter. */
export interface MessageFilter {
  readonly from?: string;
  /** Inclusive. */
  readonly since?: Instant;
  /** A literal substring of the text, without regard to case. */
  readonly q?: string;
}

/** Where a message stands in the order of lists: by instant, then id by bytes, then source. */
export interface Position {
  readonly instant: Instant;
  readonly messageId: MessageId;
  readonly source: string;
}
