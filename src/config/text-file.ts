import { closeSync, constants, fstatSync, openSync, readSync, type Stats, statSync } from "node:fs";

/** A value has a few bytes. More is a mistake, and some files have no end. */
export const VALUE_FILE_BYTES_MAX = 65_536;
/** The certificates of all public authorities together have about 250 KB. */
export const CERTIFICATE_FILE_BYTES_MAX = 4 * 1_024 * 1_024;

/** It is there, but not what it should be. The message completes "the file …". */
export class UnfitFile extends Error {
  override readonly name = "UnfitFile";
}

/**
 * The text of a small regular file. Never waits: a pipe that no process writes to is refused, not read.
 * Throws what the file system says, or {@link UnfitFile}.
 */
export function readTextFile(path: string, bytesMax: number): string {
  // Looked at before it is opened too: opening a device may already do something.
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
  const words = { ENOENT: "it does not exist", EACCES: "this user may not read it", ELOOP: "it is a link to itself" };
  const meaning = Object.entries(words).find(([known]) => known === code)?.[1];
  return meaning === undefined ? code : `${code}, ${meaning}`;
}

function requireRegular(stats: Stats): void {
  if (stats.isFile()) return;
  // The word of the system for a folder, so that callers tell it from the others as they always did.
  if (stats.isDirectory()) throw Object.assign(new UnfitFile("is a folder, not a regular file"), { code: "EISDIR" });
  throw new UnfitFile(`is ${kindOf(stats)}, not a regular file`);
}

function kindOf(stats: Stats): string {
  if (stats.isFIFO()) return "a pipe";
  return stats.isSocket() ? "a socket" : "a device";
}

function readUpTo(file: number, bytesMax: number): Buffer {
  // One more than allowed: files of the kernel state no size, so only reading tells.
  const bytes = Buffer.alloc(bytesMax + 1);
  let length = 0;
  for (let read = -1; read !== 0 && length < bytes.length; length += read)
    read = readSync(file, bytes, length, bytes.length - length, null);
  if (length > bytesMax) throw new UnfitFile(`has more than ${bytesMax} bytes`);
  return bytes.subarray(0, length);
}

function textOf(bytes: Buffer): string {
  if (bytes.subarray(0, 3).equals(Buffer.from([0xef, 0xbb, 0xbf])))
    throw new UnfitFile("begins with a byte order mark, which would become a part of the value: save it without");
  if (bytes.includes(0)) throw new UnfitFile("has a NUL byte in it, so it is not text");
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new UnfitFile("has bytes that are not UTF-8, so it is not text");
  }
}
