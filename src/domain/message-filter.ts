import type { Instant } from "./timestamp.ts";

/** What narrows a list. A missing field does not filter. */
export interface MessageFilter {
  readonly from?: string;
  readonly to?: string;
  readonly source?: string;
  /** Inclusive. */
  readonly since?: Instant;
  /** Exclusive, so that one span ends where the next begins. */
  readonly until?: Instant;
  /** A literal substring of the text, compared without regard to case. */
  readonly q?: string;
}

/**
 * Where a message stands in a list. Every list has this order: by instant, then id, then source,
 * each by its bytes.
 */
export interface ListPosition {
  readonly instant: string;
  readonly messageId: string;
  readonly source: string;
}

/** A list of messages: its filter and its order. */
export interface MessageList {
  readonly filter: MessageFilter;
  /** `desc` is the same order from its end. */
  readonly order: "asc" | "desc";
}

/** What a cursor stands for: the position after or before a message, as seen along the list. */
export interface CursorPosition {
  readonly position: ListPosition;
  readonly side: "after" | "before";
}
