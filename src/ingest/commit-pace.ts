/** The rows of a transaction take no more than this each, on a busy machine too. The rest is the fsync, a lock or the network. */
const ROW_MS = 0.1;
/** A commit that takes longer than its rows do by so much is slow; below it, batches need no more than what comes by itself. */
const SLOW_MS = 25;
/** This many commits must all be slow: a single one may be a checkpoint or a pause of the machine. */
const COMMITS = 4;
/** The share of a slow commit that the next batch may wait for company. */
const GATHER_SHARE = 0.8;
const QUIET_SHARE = 0.1;
/** After a batch that gathered in vain, this many commits do not gather. Each further time it is twice as many. */
const COMMITS_AFTER_VAIN_MIN = 16;
const COMMITS_AFTER_VAIN_MAX = 512;
const ROWS_MAX = 512;
const ROWS_MAX_SLOW = 4_096;
/** Rows that take as long as the fsync they share, at most. */
const ROWS_PER_SLOW_MS = 20;

/** How large batches should be and how long they should gather, as the disk is quick or slow. */
export class CommitPace {
  #waits: readonly number[] = [];
  #commitsWithoutGathering = 0;
  #commitsAfterVain = COMMITS_AFTER_VAIN_MIN;

  /** Records the duration of a commit and its number of rows. */
  note(rows: number, ms: number): void {
    this.#waits = [...this.#waits, ms - rows * ROW_MS].slice(-COMMITS);
    if (this.#commitsWithoutGathering > 0) this.#commitsWithoutGathering--;
  }

  /**
   * Records that a batch has gathered, and whether it did so in vain: senders were still coming back when its time was up.
   * Such a batch is as small as one that did not wait, and later. So the next batches do not wait: they gather during the commit before.
   */
  noteGathered(inVain: boolean): void {
    if (!inVain) {
      this.#commitsAfterVain = COMMITS_AFTER_VAIN_MIN;
      return;
    }
    this.#commitsWithoutGathering = this.#commitsAfterVain;
    this.#commitsAfterVain = Math.min(2 * this.#commitsAfterVain, COMMITS_AFTER_VAIN_MAX);
  }

  /** Whether the next batch waits for senders to come back. */
  get gathers(): boolean {
    return this.slowMs > 0 && this.#commitsWithoutGathering === 0;
  }

  /** What every commit takes whatever its rows, when that is long; 0 on a quick disk. */
  get slowMs(): number {
    const least = this.#waits.length < COMMITS ? 0 : Math.min(...this.#waits);
    return least < SLOW_MS ? 0 : least;
  }

  /** What one transaction may hold: past a few hundred rows a quick fsync is shared well enough, and everything in it waits for all. */
  get rowsMax(): number {
    return Math.max(ROWS_MAX, Math.min(ROWS_MAX_SLOW, Math.round(this.slowMs * ROWS_PER_SLOW_MS)));
  }

  /** How long a batch may gather. */
  get gatherMs(): number {
    return this.slowMs * GATHER_SHARE;
  }

  /** How often a batch that gathers looks whether senders still come back. */
  get quietMs(): number {
    return this.slowMs * QUIET_SHARE;
  }
}
