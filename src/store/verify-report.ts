/** Whoever has so many differences needs no more of them. */
export const DIFFERENCES_MAX = 20;

/** What came of counting everything again. */
export interface VerifyReport {
  /** Messages that were counted again. */
  readonly messages: number;
  /** Messages that are stored but not counted yet. */
  readonly backlog: number;
  /** What the counts say otherwise than the messages, a sentence each; at most {@link DIFFERENCES_MAX}. */
  readonly differences: readonly string[];
  /** What is wrong with the messages or whatever else is stored, a sentence each; then nothing is counted again. */
  readonly damage?: readonly string[];
}

export interface VerifyOptions {
  /** Told how much has been looked at, and of how much. */
  readonly progress: (done: number, total: number) => void;
  readonly signal: AbortSignal;
  /** Told what is done now. */
  readonly phase?: (label: string) => void;
}
