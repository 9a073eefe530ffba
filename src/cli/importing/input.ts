import { type FileHandle, open, stat } from "node:fs/promises";
import { CliError, EXIT_USAGE } from "../cli-error.ts";
import { fileProblem } from "../failures.ts";

const CHUNK_BYTES = 256 * 1024;

/** A file that is read from some place to its end. */
export interface InputFile {
  /** Undefined when it is no regular file: a pipe has no end that could be known. */
  readonly bytes: number | undefined;
  readonly modifiedMs: number;
  /** The first bytes, up to a number. */
  head(bytesMax: number): Promise<Buffer>;
  /** Ends early, without an error, when the signal is aborted. Closes the file. */
  chunks(signal: AbortSignal, offset?: number): AsyncGenerator<Buffer>;
  /** For when nothing was read. Safe twice. */
  close(): Promise<void>;
}

/** Opens a file for reading, or fails with a sentence that names it. */
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

/** What a path names, without opening it: that would wait for the writer of a pipe. */
export async function kindOf(path: string): Promise<{ readonly isFile: boolean; readonly isDirectory: boolean }> {
  const about = await stat(path).catch((error: unknown) => unreadable(error, path));
  return { isFile: about.isFile(), isDirectory: about.isDirectory() };
}

function chunksOf(handle: FileHandle, signal: AbortSignal, offset?: number): AsyncGenerator<Buffer> {
  const from = offset === undefined ? {} : { start: offset };
  return untilAborted(handle.createReadStream({ highWaterMark: CHUNK_BYTES, ...from }), signal);
}

/** Standard input. Nothing is known of it before it is read. */
export function standardInput(): InputFile {
  return {
    bytes: undefined,
    modifiedMs: 0,
    head: async () => Buffer.alloc(0),
    chunks: (signal) => untilAborted(process.stdin, signal),
    close: async () => undefined,
  };
}

/** What comes in until its end, or until the signal is aborted; a terminal or a pipe may never end. */
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
