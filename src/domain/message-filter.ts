import type { Instant } from "./timestamp.ts";

/** What narrows a list. Absent means: no filter. */
export interface MessageFilter {
  readonly from?: string;
  readonly to?: string;
  readonly source?: string;
  /** Inclusive. */
  readonly since?: Instant;
  /** Exclusive, so that one span ends where the next begins. */
  readonly until?: Instant;
  /** A literal substring of the text, without regard to case. */
  readonly q?: string;
}

/** Where a message stands in a list. Every list has this order: by instant, then id, then source, each by its bytes. */
export interface ListPosition {
  readonly instant: string;
  readonly messageId: string;
  readonly source: string;
}

/** A list of messages: which, and from which end. */
export interface MessageList {
  readonly filter: MessageFilter;
  /** `desc` is the same order from its end. */
  readonly order: "asc" | "desc";
}

/** A place between two messages of a list: behind or before the one at `position`, as seen along the list. */
export interface CursorPosition {
  readonly position: ListPosition;
  readonly side: "after" | "before";
}
