/**
 * The votes of a process count this long after its last report. It covers a restart, after which
 * the next process votes again.
 */
export const VOTE_SECONDS = 60;
/** Without a report of the leader for this long, another process may lead. */
export const LEADER_SECONDS = 20;

/** One process's vote that an alert fires. */
export interface AlertVote {
  readonly rule: string;
  /** What is wrong and where, as a sentence. */
  readonly summary: string;
  /** When it began, as `2025-01-15T10:00:00.000Z`. */
  readonly since: string;
}

/** The last message about an alert that a target got. */
export interface AlertNotice {
  readonly rule: string;
  readonly target: string;
  /** Whether that message announced the start of the alert or its end. */
  readonly firing: boolean;
  readonly at: string;
}

export interface AlertReport {
  /** The process that reports. */
  readonly holder: string;
  /** The time, by its clock. */
  readonly nowMs: number;
  /** Whether the process may take or renew the lease. Otherwise it releases the lease. */
  readonly mayLead: boolean;
  /** All alerts that fire in the process. Earlier votes that are missing here are withdrawn. */
  readonly votes: readonly AlertVote[];
  /**
   * The notices since its last report. Of two notices about the same alert and target, the newer
   * one is kept.
   */
  readonly notices: readonly AlertNotice[];
}

export interface AlertState {
  /** Whether this process holds the lease: only that process sends notifications. */
  readonly leads: boolean;
  /** The votes of all processes, the oldest first. */
  readonly votes: readonly AlertVote[];
  readonly notices: readonly AlertNotice[];
}

/** The alert state that the processes of one database share. It outlives them. */
export interface AlertStore {
  /**
   * Stores the votes and notices of this process and returns the state of all, in one transaction.
   */
  exchange(report: AlertReport): Promise<AlertState>;
  /** The votes of all processes that have not expired at `nowMs`, the oldest first. */
  votes(nowMs: number): Promise<readonly AlertVote[]>;
}
