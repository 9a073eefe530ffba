import { closeSync, openSync, readSync, statSync } from "node:fs";
import { endianness } from "node:os";

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const FRAMES_PER_READ = 256;
/** The lowest bit says which byte order the checksums use. */
const MAGIC = 0x377f0682;
const BIG_ENDIAN_BIT = 1;

/** What a recovery by SQLite would take from a write-ahead log: https://sqlite.org/fileformat2.html#walformat. */
export interface CommittedWal {
  readonly pageBytes: number;
  /** Numbers of the pages that are in it. */
  readonly pages: ReadonlySet<number>;
  /** How many pages the database has with it. */
  readonly databasePages: number;
}

/** Reads a write-ahead log; undefined when there is none, or nothing in it that was committed. */
export function readWal(path: string): CommittedWal | undefined {
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) < HEADER_BYTES) return undefined;
  const file = openSync(path, "r");
  try {
    return committedIn(file);
  } finally {
    closeSync(file);
  }
}

function committedIn(file: number): CommittedWal | undefined {
  const header = Buffer.alloc(HEADER_BYTES);
  readSync(file, header, 0, HEADER_BYTES, 0);
  const magic = header.readUInt32BE(0);
  if ((magic & ~BIG_ENDIAN_BIT) !== MAGIC) return undefined;
  const sum = new Checksum((magic & BIG_ENDIAN_BIT) === BIG_ENDIAN_BIT);
  sum.add(header.subarray(0, HEADER_BYTES - 8));
  if (!sum.equals(header, HEADER_BYTES - 8)) return undefined;
  const pageBytes = header.readUInt32BE(8);
  const pages = new Set<number>();
  let uncommitted: number[] = [];
  let databasePages = 0;
  for (const frame of framesOf(file, pageBytes)) {
    if (!frame.subarray(8, 16).equals(header.subarray(16, 24))) break;
    sum.add(frame.subarray(0, 8));
    sum.add(frame.subarray(FRAME_HEADER_BYTES));
    if (!sum.equals(frame, 16)) break;
    uncommitted.push(frame.readUInt32BE(0));
    const size = frame.readUInt32BE(4);
    if (size === 0) continue;
    databasePages = size;
    for (const page of uncommitted) pages.add(page);
    uncommitted = [];
  }
  return databasePages === 0 ? undefined : { pageBytes, pages, databasePages };
}

function* framesOf(file: number, pageBytes: number): Generator<Buffer> {
  const frameBytes = FRAME_HEADER_BYTES + pageBytes;
  const chunk = Buffer.alloc(frameBytes * FRAMES_PER_READ);
  for (let at = HEADER_BYTES; ; at += chunk.length) {
    const bytes = readSync(file, chunk, 0, chunk.length, at);
    const frames = Math.floor(bytes / frameBytes);
    for (let frame = 0; frame < frames; frame++) yield chunk.subarray(frame * frameBytes, (frame + 1) * frameBytes);
    if (frames < FRAMES_PER_READ) return;
  }
}

/** SQLite's running checksum of a write-ahead log. */
class Checksum {
  readonly #swap: boolean;
  #a = 0;
  #b = 0;

  constructor(bigEndian: boolean) {
    this.#swap = bigEndian !== (endianness() === "BE");
  }

  add(bytes: Buffer): void {
    // A copy, because a view of 32-bit words must begin at a multiple of four.
    const copy = Buffer.from(bytes);
    if (this.#swap) copy.swap32();
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
