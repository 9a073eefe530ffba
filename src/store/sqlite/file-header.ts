import { closeSync, openSync, readSync } from "node:fs";

const HEADER_BYTES = 100;
const MAGIC = "SQLite format 3\0";
const PAGE_BYTES_AT = 16;
const WRITE_VERSION_AT = 18;
const WAL_VERSION = 2;

/** The first bytes of a database file: https://sqlite.org/fileformat2.html#the_database_header. */
export interface FileHeader {
  readonly pageBytes: number;
  /** Whether it was last used with a write-ahead log. */
  readonly isWal: boolean;
}

/** Reads the header of a file; undefined when the file is empty or not a SQLite database. */
export function readHeader(path: string): FileHeader | undefined {
  const header = readStart(path, HEADER_BYTES);
  if (header.toString("latin1", 0, MAGIC.length) !== MAGIC) return undefined;
  const pageBytes = header.readUInt16BE(PAGE_BYTES_AT);
  // The largest size does not fit into the two bytes.
  return {
    pageBytes: pageBytes === 1 ? 65_536 : pageBytes,
    isWal: header[WRITE_VERSION_AT] === WAL_VERSION,
  };
}

/** The first bytes of a file; zeros where it is shorter. */
export function readStart(path: string, bytes: number): Buffer {
  const file = openSync(path, "r");
  try {
    const start = Buffer.alloc(bytes);
    readSync(file, start, 0, bytes, 0);
    return start;
  } finally {
    closeSync(file);
  }
}
