import { createHash } from "node:crypto";

// The file consists of lines. The first line names the format. Then there is one line for each
// message, `CHECKSUM + NUMBER JSON`, and one for each finished message, `CHECKSUM - NUMBER`. The
// checksum covers the rest of the line.

export const HEADER = Buffer.from("lyftr-outbox 1\n");
const CHECKSUM_CHARACTERS = 8;
const NEWLINE = 10;

/** A message as JSON, byte for byte. */
export type Body = Uint8Array<ArrayBuffer>;

/**
 * The content of a file. `damagedLine` is the first invalid line before a valid one. A crash cannot
 * cause that; only a damaged disk or a manual change can.
 */
export interface OutboxContent {
  readonly pending: Map<number, Body>;
  readonly lastNumber: number;
  readonly damagedLine: number | undefined;
}

export function messageLine(number: number, body: Body): Buffer {
  return line(Buffer.concat([Buffer.from(`+ ${number} `), body]));
}

export function doneLine(number: number): Buffer {
  return line(Buffer.from(`- ${number}`));
}

/** Reads a whole file. An incomplete end was never acknowledged, and is left out. */
export function readRecords(bytes: Buffer): OutboxContent {
  const pending = new Map<number, Body>();
  let lastNumber = 0;
  let firstBad: number | undefined;
  const isOutbox = bytes.length === 0 || bytes.subarray(0, HEADER.length).equals(HEADER);
  if (!isOutbox) return { pending, lastNumber, damagedLine: 1 };
  for (let start = HEADER.length, number = 2; start < bytes.length; number++) {
    const newline = bytes.indexOf(NEWLINE, start);
    const end = newline === -1 ? bytes.length : newline;
    const record = newline === -1 ? undefined : readLine(bytes.subarray(start, end));
    if (record === undefined) firstBad ??= number;
    else if (firstBad !== undefined) return { pending, lastNumber, damagedLine: firstBad };
    else {
      lastNumber = Math.max(lastNumber, record.number);
      // A copy. Otherwise one waiting message would keep the whole file in memory.
      if (record.body === undefined) pending.delete(record.number);
      else pending.set(record.number, new Uint8Array(record.body));
    }
    start = end + 1;
  }
  return { pending, lastNumber, damagedLine: undefined };
}

function line(content: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${checksumOf(content)} `), content, Buffer.from("\n")]);
}

function readLine(
  bytes: Buffer,
): { readonly number: number; readonly body: Buffer | undefined } | undefined {
  const content = bytes.subarray(CHECKSUM_CHARACTERS + 1);
  if (bytes.toString("latin1", 0, CHECKSUM_CHARACTERS + 1) !== `${checksumOf(content)} `)
    return undefined;
  const sign = content.toString("latin1", 0, 2);
  const end = content.indexOf(" ", 2);
  const number = Number(content.toString("latin1", 2, end === -1 ? content.length : end));
  return { number, body: sign === "+ " ? content.subarray(end + 1) : undefined };
}

function checksumOf(content: Buffer): string {
  return createHash("sha256").update(content).digest("hex").slice(0, CHECKSUM_CHARACTERS);
}
