/** How long a process that says nothing more is believed. It spans a restart: the next process says the same again if it still holds. */
export const VOTE_SECONDS = 60;
/** After so long without a word another process may tell in its place. */
export const LEADER_SECONDS = 20;

/** That a rule fires, as one process sees it. */
export interface AlertVote {
  readonly rule: string;
  /** What is wrong and where, in a sentence. */
  readonly summary: string;
  /** When it began, as `2025-01-15T10:00:00.000Z`. */
  readonly since: string;
}

/** What somebody outside was told of a rule last. */
export interface AlertNotice {
  readonly rule: string;
  readonly target: string;
  /** Whether they were told that it fires, or that it does no more. */
  readonly firing: boolean;
  readonly at: string;
}

export interface AlertReport {
  /** Which process reports. */
  readonly holder: string;
  /** When, of its clock. */
  readonly nowMs: number;
  /** Whether it may be the one that tells. */
  readonly mayLead: boolean;
  /** Everything that fires there: what it voted before and is not among these is taken back. */
  readonly votes: readonly AlertVote[];
  /** What it has told since it reported last. Of two about the same, the newer is kept. */
  readonly notices: readonly AlertNotice[];
}

export interface AlertState {
  /** Whether this process is the one of all that tells. */
  readonly leads: boolean;
  /** Of all processes, the oldest first. */
  readonly votes: readonly AlertVote[];
  readonly notices: readonly AlertNotice[];
}

/** What the processes of one database know of alerts together, and what outlives them. Rejections are those of the store. */
export interface AlertStore {
  /** Brings in what this process found and told, and resolves with what all did: one transaction. */
  exchange(report: AlertReport): Promise<AlertState>;
  /** Another process may tell from now on. The votes stay until they end by themselves. */
  stepDown(holder: string): Promise<void>;
}
