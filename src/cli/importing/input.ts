import { type FileHandle, open, stat } from "node:fs/promises";
import { CliError, EXIT_USAGE } from "../cli-error.ts";
import { fileProblem } from "../failures.ts";

const CHUNK_BYTES = 256 * 1024;

/** A file that is read from some position to its end. */
export interface InputFile {
  /** Undefined for anything but a regular file: the size of a pipe is unknown. */
  readonly bytes: number | undefined;
  readonly modifiedMs: number;
  /** Reads at most this many bytes from the beginning. */
  head(bytesMax: number): Promise<Buffer>;
  /** Ends early, without an error, when the signal is aborted. Closes the file. */
  chunks(signal: AbortSignal, offset?: number): AsyncGenerator<Buffer>;
  /** Needed if nothing was read. Safe to call twice. */
  close(): Promise<void>;
}

/** Opens a file for reading. Rejects with a sentence that names the file. */
export async function openInput(path: string): Promise<InputFile> {
  const { isDirectory } = await kindOf(path);
  if (isDirectory) unreadable({ code: "EISDIR" }, path);
  const handle = await open(path).catch((error: unknown) => unreadable(error, path));
  const about = await handle.stat();
  return {
    bytes: about.isFile() ? about.size : undefined,
    modifiedMs: about.mtimeMs,
    head: async (bytesMax) => {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(bytesMax), 0, bytesMax, 0);
      return buffer.subarray(0, bytesRead);
    },
    chunks: (signal, offset) => chunksOf(handle, signal, offset),
    close: () => handle.close(),
  };
}

/** Returns the kind of a file without opening it. Opening a pipe would wait for its writer. */
export async function kindOf(
  path: string,
): Promise<{ readonly isFile: boolean; readonly isDirectory: boolean }> {
  const about = await stat(path).catch((error: unknown) => unreadable(error, path));
  return { isFile: about.isFile(), isDirectory: about.isDirectory() };
}

function chunksOf(
  handle: FileHandle,
  signal: AbortSignal,
  offset?: number,
): AsyncGenerator<Buffer> {
  const from = offset === undefined ? {} : { start: offset };
  return untilAborted(handle.createReadStream({ highWaterMark: CHUNK_BYTES, ...from }), signal);
}

/** Standard input, whose size is unknown. */
export function standardInput(): InputFile {
  return {
    bytes: undefined,
    modifiedMs: 0,
    head: async () => Buffer.alloc(0),
    chunks: (signal) => untilAborted(process.stdin, signal),
    close: async () => undefined,
  };
}

/**
 * Yields what arrives until the end or until the signal is aborted. A terminal or a pipe may never
 * end.
 */
export async function* untilAborted(
  stream: NodeJS.ReadableStream & { destroy(): void },
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const stop = () => stream.destroy();
  signal.addEventListener("abort", stop);
  try {
    if (!signal.aborted) yield* stream as AsyncIterable<Buffer>;
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener("abort", stop);
    stream.destroy();
  }
}

function unreadable(error: unknown, path: string): never {
  throw new CliError(`The file cannot be read: ${fileProblem(error, path)}`, EXIT_USAGE);
}
