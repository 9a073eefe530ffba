export const EXIT_FAILED = 1;
/** Wrong arguments or a wrong configuration: trying again changes nothing. */
export const EXIT_USAGE = 2;

/**
 * A failure with a sentence for the person at the terminal: what went wrong and what to do about
 * it.
 */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly exitCode: number;

  constructor(message: string, exitCode = EXIT_FAILED) {
    super(message);
    this.exitCode = exitCode;
  }
}
