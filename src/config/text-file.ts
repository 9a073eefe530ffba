import { closeSync, constants, fstatSync, openSync, readSync, type Stats, statSync } from "node:fs";

/** A value has a few bytes. A longer file is a mistake, and some files have no end. */
export const VALUE_FILE_BYTES_MAX = 65_536;
/** Large enough for the certificates of all public authorities, about 250 KB. */
export const CERTIFICATE_FILE_BYTES_MAX = 4 * 1_024 * 1_024;

/** The path exists, but is not a file that can be used. The message completes "the file …". */
export class UnfitFile extends Error {
  override readonly name = "UnfitFile";
}

/**
 * Reads a small regular file. It never waits: a pipe without a writer is refused. Throws the error
 * of the file system, or {@link UnfitFile}.
 */
export function readTextFile(path: string, bytesMax: number): string {
  // Checked before opening too, because opening a device may have an effect.
  requireRegular(statSync(path));
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    requireRegular(fstatSync(file));
    return textOf(readUpTo(file, bytesMax));
  } finally {
    closeSync(file);
  }
}

/** Why a file could not be read, as a clause: `ENOENT, it does not exist`. */
export function fileReason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (error instanceof UnfitFile || code === undefined) return `it ${message}`;
  const words = {
    ENOENT: "it does not exist",
    EACCES: "this user may not read it",
    ELOOP: "it is a link to itself",
  };
  const meaning = Object.entries(words).find(([known]) => known === code)?.[1];
  return meaning === undefined ? code : `${code}, ${meaning}`;
}

function requireRegular(stats: Stats): void {
  if (stats.isFile()) return;
  // The system's code for a folder, which callers check.
  if (stats.isDirectory())
    throw Object.assign(new UnfitFile("is a folder, not a regular file"), { code: "EISDIR" });
  throw new UnfitFile(`is ${kindOf(stats)}, not a regular file`);
}

function kindOf(stats: Stats): string {
  if (stats.isFIFO()) return "a pipe";
  return stats.isSocket() ? "a socket" : "a device";
}

function readUpTo(file: number, bytesMax: number): Buffer {
  // Reads one byte more than allowed: files of the kernel have no size, so only reading shows it.
  const bytes = Buffer.alloc(bytesMax + 1);
  let length = 0;
  for (let read = -1; read !== 0 && length < bytes.length; length += read)
    read = readSync(file, bytes, length, bytes.length - length, null);
  if (length > bytesMax) throw new UnfitFile(`has more than ${bytesMax} bytes`);
  return bytes.subarray(0, length);
}

function textOf(bytes: Buffer): string {
  if (bytes.subarray(0, 3).equals(Buffer.from([0xef, 0xbb, 0xbf])))
    throw new UnfitFile(
      "begins with a byte order mark, which would become a part of the value: save it without",
    );
  if (bytes.includes(0)) throw new UnfitFile("has a NUL byte in it, so it is not text");
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new UnfitFile("has bytes that are not UTF-8, so it is not text");
  }
}
