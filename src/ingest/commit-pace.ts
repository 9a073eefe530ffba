/**
 * The maximum time of one row, even on a busy machine. The rest of a commit is the fsync, a lock or
 * the network.
 */
const ROW_MS = 0.1;
/**
 * A commit is slow if it takes this much longer than its rows. On a quick disk, batches need not
 * gather.
 */
const SLOW_MS = 25;
/**
 * This many commits in a row must be slow: a single one may be a checkpoint or a pause of the
 * machine.
 */
const COMMITS = 4;
/** The share of a slow commit that the next batch may gather. */
const GATHER_SHARE = 0.8;
const QUIET_SHARE = 0.1;
/** The number of commits without gathering after a batch gathered in vain. It doubles each time. */
const COMMITS_AFTER_VAIN_MIN = 16;
const COMMITS_AFTER_VAIN_MAX = 512;
const ROWS_MAX = 512;
const ROWS_MAX_SLOW = 4_096;
/** The rows of a batch take at most as long as the fsync that they share. */
const ROWS_PER_SLOW_MS = 20;

/** Decides how large batches are and how long they gather, from the speed of the disk. */
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
   * Records whether a batch gathered in vain, which means that its time ended while senders were
   * still coming back. Such a batch is as small as one that did not wait, and later. So the next
   * batches do not wait. They gather during the previous commit.
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

  /** The fixed cost of every commit if the disk is slow; 0 on a quick disk. */
  get slowMs(): number {
    const least = this.#waits.length < COMMITS ? 0 : Math.min(...this.#waits);
    return least < SLOW_MS ? 0 : least;
  }

  /**
   * The maximum number of rows in a transaction. A few hundred rows are enough to share a quick
   * fsync, and each row waits for all the others.
   */
  get rowsMax(): number {
    return Math.max(ROWS_MAX, Math.min(ROWS_MAX_SLOW, Math.round(this.slowMs * ROWS_PER_SLOW_MS)));
  }

  /** How long a batch may gather. */
  get gatherMs(): number {
    return this.slowMs * GATHER_SHARE;
  }

  /** How often a gathering batch checks whether senders still come back. */
  get quietMs(): number {
    return this.slowMs * QUIET_SHARE;
  }
}
