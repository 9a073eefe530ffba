/** The maximum number of reported differences. More are of no use. */
export const DIFFERENCES_MAX = 20;

/** The result of recounting everything. */
export interface VerifyReport {
  /** The number of messages that were counted again. */
  readonly messages: number;
  /** The number of messages that are stored but not counted yet. */
  readonly backlog: number;
  /**
   * Where the counts differ from the messages, a sentence each; at most {@link DIFFERENCES_MAX}.
   */
  readonly differences: readonly string[];
  /** The damage of stored data, a sentence each. If there is any, nothing is recounted. */
  readonly damage?: readonly string[];
}

export interface VerifyOptions {
  /** Called with the progress and the total. */
  readonly progress: (done: number, total: number) => void;
  readonly signal: AbortSignal;
  /** Called with the current phase. */
  readonly phase?: (label: string) => void;
}
