/** For so long the votes of a process count after its last report. It spans a restart: the next process votes again. */
export const VOTE_SECONDS = 60;
/** After so long without a report of the leader, another process may lead. */
export const LEADER_SECONDS = 20;

/** That an alert fires, as one process sees it. */
export interface AlertVote {
  readonly rule: string;
  /** What is wrong and where, in a sentence. */
  readonly summary: string;
  /** When it began, as `2025-01-15T10:00:00.000Z`. */
  readonly since: string;
}

/** What a target was told about an alert last. */
export interface AlertNotice {
  readonly rule: string;
  readonly target: string;
  /** Whether the target was told that it fires, or that it is over. */
  readonly firing: boolean;
  readonly at: string;
}

export interface AlertReport {
  /** Which process reports. */
  readonly holder: string;
  /** When, on its clock. */
  readonly nowMs: number;
  /** Whether the process takes or renews the lease, if it is free; otherwise it gives the lease back. */
  readonly mayLead: boolean;
  /** Everything that fires there. Earlier votes that are not among these are withdrawn. */
  readonly votes: readonly AlertVote[];
  /** What it has told since its last report. Of two notices about the same, the newer is kept. */
  readonly notices: readonly AlertNotice[];
}

export interface AlertState {
  /** Whether this process holds the lease: of all processes, the one that tells. */
  readonly leads: boolean;
  /** The votes of all processes, the oldest first. */
  readonly votes: readonly AlertVote[];
  readonly notices: readonly AlertNotice[];
}

/** What the processes of one database share about alerts. It outlives them. */
export interface AlertStore {
  /** Stores what this process found and told, and resolves with the state of all: one transaction. */
  exchange(report: AlertReport): Promise<AlertState>;
}
