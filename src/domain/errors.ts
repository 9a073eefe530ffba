/** A bound was reached: nothing was tried, the same call may succeed in a moment. */
export class Overloaded extends Error {
  override readonly name = "Overloaded";
}

/** The database did not do it now (locked, full, closing). What it did is unknown to the caller: send again. */
export class StoreUnavailable extends Error {
  override readonly name: string = "StoreUnavailable";
}

/** A read would take longer than any one may. The same question, narrowed, can be answered. */
export class QueryTooExpensive extends Error {
  override readonly name = "QueryTooExpensive";
}

/** Whoever asked has gone away, so nobody is owed an answer. */
export class ReadCancelled extends Error {
  override readonly name = "ReadCancelled";

  constructor(message = "the caller no longer waits for it") {
    super(message);
  }
}

/** The database can no longer be trusted (I/O error, dead writer). The process has to end: a failed fsync may not be retried. */
export class StoreBroken extends StoreUnavailable {
  override readonly name: string = "StoreBroken";
}

/** What reads need beside the messages has not followed a deletion. It is made anew, and reads are right again. */
export class ReadIndexBehind extends StoreUnavailable {
  override readonly name = "ReadIndexBehind";
}

/** What was read is damaged on the disk. Other parts of the database may answer all the same. */
export class StoreDamaged extends StoreUnavailable {
  override readonly name = "StoreDamaged";
}

/** The database cannot be opened or upgraded as it is; only a person can change that. */
export class StoreRefused extends Error {
  override readonly name = "StoreRefused";
}

/** Everything that is wrong with the configuration, one sentence each. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.problems = problems;
  }
}
