import { closeSync, openSync, writeSync } from "node:fs";
import { sign } from "../../src/providers/signature.ts";

export const SECRET = "bench-secret";
const SENDERS = 1_000;
const FIRST_TS_MS = Date.UTC(2025, 0, 15);
const LINES_PER_WRITE = 4_096;

/** The body of message `index`, about 160 bytes. `run` keeps the ids of two files apart. */
export function messageBody(run: string, index: number): string {
  // An odd factor makes a permutation: ids are unique, but scattered over the index of the key like
  // real ones.
  const scattered = Math.imul(index, 0x9e3779b1) >>> 0;
  return JSON.stringify({
    message_id: `${scattered.toString(16).padStart(8, "0")}-${run}`,
    from: `+9198765${String(scattered % SENDERS).padStart(5, "0")}`,
    to: "+14155550100",
    ts: new Date(FIRST_TS_MS + index * 1_000).toISOString().replace(".000Z", "Z"),
    text: `Message ${index}: see you at the station at ten`,
  });
}

/**
 * Writes a file of `count` lines, each with a signature, a space and the signed body. Signing
 * during the run would be measured too.
 */
export function writeSignedMessages(path: string, run: string, count: number): void {
  const file = openSync(path, "w");
  for (let from = 0; from < count; from += LINES_PER_WRITE) {
    let lines = "";
    for (let index = from; index < Math.min(from + LINES_PER_WRITE, count); index++) {
      const body = messageBody(run, index);
      lines += `${sign(SECRET, body)} ${body}\n`;
    }
    writeSync(file, lines);
  }
  closeSync(file);
}
