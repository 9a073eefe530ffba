import { closeSync, openSync, readSync, statSync } from "node:fs";
import { endianness } from "node:os";
import { readStart } from "./file-header.ts";

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const FRAMES_PER_READ = 256;
/** The lowest bit gives the byte order of the checksums. */
const MAGIC = 0x377f0682;
const BIG_ENDIAN_BIT = 1;

/**
 * What a recovery by SQLite would take from a write-ahead log:
 * https://sqlite.org/fileformat2.html#walformat.
 */
export interface CommittedWal {
  readonly pageBytes: number;
  /** The numbers of its pages. */
  readonly pages: ReadonlySet<number>;
  /** The number of pages that the database has after it. */
  readonly databasePages: number;
}

/** The content of a write-ahead log. */
export interface WalContents {
  /** Undefined when a recovery would take nothing from it. */
  readonly committed: CommittedWal | undefined;
  /**
   * The position of damaged bytes that are followed by more committed data. A recovery would
   * silently leave that out.
   */
  readonly damagedAt: number | undefined;
}

/** Reads a write-ahead log. */
export function readWal(path: string): WalContents {
  const bytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (bytes < HEADER_BYTES) return { committed: undefined, damagedAt: undefined };
  const file = openSync(path, "r");
  try {
    return contentsOf(file, bytes);
  } finally {
    closeSync(file);
  }
}

function contentsOf(file: number, bytes: number): WalContents {
  const header = Buffer.alloc(HEADER_BYTES);
  readSync(file, header, 0, HEADER_BYTES, 0);
  const sum = sumOfHeader(header);
  if (sum === undefined) {
    const isDamaged = bytes > HEADER_BYTES && isWritten(header);
    return { committed: undefined, damagedAt: isDamaged ? 0 : undefined };
  }
  const pageBytes = header.readUInt32BE(8);
  const frames = framesOf(file, pageBytes);
  const { pages, databasePages, broken } = committedFrames(frames, header, sum);
  return {
    committed: databasePages === 0 ? undefined : { pageBytes, pages, databasePages },
    damagedAt:
      broken !== undefined && continuesAfter(broken, frames, header) ? broken.at : undefined,
  };
}

/** Whether SQLite cannot use a write-ahead log because its header is damaged. */
export function hasDamagedHeader(path: string): boolean {
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) <= HEADER_BYTES) return false;
  const header = readStart(path, HEADER_BYTES);
  return isWritten(header) && sumOfHeader(header) === undefined;
}

/**
 * A header is on disk before anything follows it. Zeros are a file that grew and was not written.
 */
function isWritten(header: Buffer): boolean {
  return header.some((byte) => byte !== 0);
}

/** The checksum on which the first frame is based; undefined when the header is invalid. */
function sumOfHeader(header: Buffer): Checksum | undefined {
  const magic = header.readUInt32BE(0);
  const sum = new Checksum((magic & BIG_ENDIAN_BIT) === BIG_ENDIAN_BIT);
  sum.add(header.subarray(0, HEADER_BYTES - 8));
  return (magic & ~BIG_ENDIAN_BIT) === MAGIC && sum.equals(header, HEADER_BYTES - 8)
    ? sum
    : undefined;
}

/** The first frame that a recovery would not take. */
interface BrokenFrame {
  readonly at: number;
  readonly isCommit: boolean;
  /** The checksums on which the next frame is based, if it belongs to the same log. */
  readonly bases: readonly Checksum[];
}

function committedFrames(
  frames: Generator<Buffer>,
  header: Buffer,
  sum: Checksum,
): Omit<CommittedWal, "pageBytes"> & { readonly broken: BrokenFrame | undefined } {
  const pages = new Set<number>();
  let uncommitted: number[] = [];
  let databasePages = 0;
  let at = HEADER_BYTES;
  for (let next = frames.next(); next.done !== true; next = frames.next()) {
    const frame = next.value;
    sum.addFrame(frame);
    if (!hasSaltsOf(header, frame) || !sum.equals(frame, 16)) {
      const bases = [sum, sum.storedIn(frame)];
      return { pages, databasePages, broken: { at, isCommit: isCommit(frame), bases } };
    }
    at += frame.length;
    uncommitted.push(frame.readUInt32BE(0));
    if (!isCommit(frame)) continue;
    databasePages = frame.readUInt32BE(4);
    for (const page of uncommitted) pages.add(page);
    uncommitted = [];
  }
  return { pages, databasePages, broken: undefined };
}

/**
 * Whether a committed transaction follows a broken frame. Each commit is on disk before the next
 * one begins, so a power cut breaks only the last one.
 */
function continuesAfter(broken: BrokenFrame, frames: Generator<Buffer>, header: Buffer): boolean {
  let { bases, isCommit: isBehindCommit } = broken;
  for (const frame of frames) {
    const isOfLog = hasSaltsOf(header, frame);
    if (isOfLog && isBehindCommit && bases.some((base) => base.isContinuedBy(frame))) return true;
    bases = bases.slice(0, 1).map((base) => base.storedIn(frame));
    isBehindCommit = isCommit(frame);
  }
  return false;
}

/** Frames of an earlier round of the log have other salts. */
function hasSaltsOf(header: Buffer, frame: Buffer): boolean {
  return frame.subarray(8, 16).equals(header.subarray(16, 24));
}

/** The last frame of a transaction has the number of pages of the database after it. */
function isCommit(frame: Buffer): boolean {
  return frame.readUInt32BE(4) !== 0;
}

function* framesOf(file: number, pageBytes: number): Generator<Buffer> {
  const frameBytes = FRAME_HEADER_BYTES + pageBytes;
  const chunk = Buffer.alloc(frameBytes * FRAMES_PER_READ);
  for (let at = HEADER_BYTES; ; at += chunk.length) {
    const bytes = readSync(file, chunk, 0, chunk.length, at);
    const frames = Math.floor(bytes / frameBytes);
    for (let frame = 0; frame < frames; frame++)
      yield chunk.subarray(frame * frameBytes, (frame + 1) * frameBytes);
    if (frames < FRAMES_PER_READ) return;
  }
}

/** SQLite's running checksum of a write-ahead log. */
class Checksum {
  readonly #bigEndian: boolean;
  #a: number;
  #b: number;

  constructor(bigEndian: boolean, a = 0, b = 0) {
    this.#bigEndian = bigEndian;
    this.#a = a;
    this.#b = b;
  }

  /** The checksum after a frame, as the frame stores it. */
  storedIn(frame: Buffer): Checksum {
    return new Checksum(this.#bigEndian, frame.readUInt32BE(16), frame.readUInt32BE(20));
  }

  isContinuedBy(frame: Buffer): boolean {
    const continued = new Checksum(this.#bigEndian, this.#a, this.#b);
    continued.addFrame(frame);
    return continued.equals(frame, 16);
  }

  addFrame(frame: Buffer): void {
    this.add(frame.subarray(0, 8));
    this.add(frame.subarray(FRAME_HEADER_BYTES));
  }

  add(bytes: Buffer): void {
    // A copy, because a view of 32-bit words must begin at a multiple of four.
    const copy = Buffer.from(bytes);
    if (this.#bigEndian !== (endianness() === "BE")) copy.swap32();
    const words = new Uint32Array(copy.buffer, copy.byteOffset, copy.length / 4);
    let [a, b] = [this.#a, this.#b];
    for (let at = 0; at < words.length; at += 2) {
      a = (a + (words[at] ?? 0) + b) >>> 0;
      b = (b + (words[at + 1] ?? 0) + a) >>> 0;
    }
    this.#a = a;
    this.#b = b;
  }

  equals(bytes: Buffer, at: number): boolean {
    return bytes.readUInt32BE(at) === this.#a && bytes.readUInt32BE(at + 4) === this.#b;
  }
}
