import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

// The records of recorder.c.

/** Their kinds, in the order of their numbers. */
const KINDS = [
  "write",
  "resize",
  "sync begins",
  "synced",
  "sync failed",
  "created",
  "removed",
  "renamed",
] as const;

const HEADER_BYTES = 32;

/** One change that a process made or asked for. */
export interface DiskRecord {
  readonly ns: bigint;
  readonly kind: (typeof KINDS)[number];
  readonly inode: number;
  /** The offset, the size, or when the fsync began; for something new, 1 when it is a folder. */
  readonly at: bigint;
  readonly content: Buffer;
}

/** The records of all processes, in the order of their times. */
export function readRecords(folder: string): readonly DiskRecord[] {
  const records = readdirSync(folder).flatMap((name) => parse(readFileSync(join(folder, name))));
  return records.sort((a, b) => (a.ns < b.ns ? -1 : a.ns > b.ns ? 1 : 0));
}

/** A record that was being appended when its process was killed is left out. */
function parse(bytes: Buffer): DiskRecord[] {
  const records: DiskRecord[] = [];
  for (let at = 0; at + HEADER_BYTES <= bytes.length; ) {
    const begin = at + HEADER_BYTES;
    const end = begin + bytes.readUInt32LE(at + 28);
    if (end > bytes.length) break;
    const kind = KINDS[bytes.readUInt32LE(at + 24)];
    if (kind === undefined) throw new Error(`an unknown record at byte ${at}`);
    records.push({
      ns: bytes.readBigUInt64LE(at),
      kind,
      inode: Number(bytes.readBigUInt64LE(at + 8)),
      at: bytes.readBigUInt64LE(at + 16),
      content: bytes.subarray(begin, end),
    });
    at = end;
  }
  return records;
}
