/** A limit was reached, and nothing was tried. The same call may succeed in a moment. */
export class Overloaded extends Error {
  override readonly name = "Overloaded";
}

/**
 * The database is unavailable now (locked, full, closing). The outcome is unknown to the caller:
 * send again.
 */
export class StoreUnavailable extends Error {
  override readonly name: string = "StoreUnavailable";
}

/** The read would take longer than a read may. A narrower query can be answered. */
export class QueryTooExpensive extends Error {
  override readonly name = "QueryTooExpensive";
}

/** The caller no longer waits, so no answer is needed. */
export class ReadCancelled extends Error {
  override readonly name = "ReadCancelled";

  constructor(message = "the caller no longer waits for it") {
    super(message);
  }
}

/**
 * The database can no longer be trusted (I/O error, dead writer). The process has to end, because a
 * failed fsync must not be retried.
 */
export class StoreBroken extends StoreUnavailable {
  override readonly name: string = "StoreBroken";
}

/** The read index did not follow a deletion. It is rebuilt, and then reads are correct again. */
export class ReadIndexBehind extends StoreUnavailable {
  override readonly name = "ReadIndexBehind";
}

/**
 * The data that was read is damaged on the disk. Other parts of the database may still be readable.
 */
export class StoreDamaged extends StoreUnavailable {
  override readonly name = "StoreDamaged";
}

/** The database cannot be opened or upgraded as it is. Only an operator can change that. */
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
