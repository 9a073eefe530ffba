const guarded = new WeakSet<NodeJS.WriteStream>();
let lastWrite: Promise<void> | undefined;
let problem: string | undefined;

/** Writes to standard output: results, and nothing else. */
export function writeStdout(text: string): void {
  const { promise, resolve } = Promise.withResolvers<void>();
  guard(process.stdout).write(text, (error?: NodeJS.ErrnoException | null) => {
    // EPIPE: the reader has stopped reading, as `| head` does. Any other error is a failure.
    if (error && error.code !== "EPIPE") problem = error.code ?? error.message;
    resolve();
  });
  lastWrite = promise;
}

/** Resolves when all results are written, with the error code if a write failed. */
export async function flushOutput(): Promise<string | undefined> {
  await lastWrite;
  return problem;
}

/** Writes to standard error: errors and notes for people. */
export function writeStderr(text: string): void {
  guard(process.stderr).write(text);
}

/** Without a listener a failed write ends the process with a stack trace. */
function guard(stream: NodeJS.WriteStream): NodeJS.WriteStream {
  if (guarded.has(stream)) return stream;
  guarded.add(stream);
  return stream.on("error", () => undefined);
}
