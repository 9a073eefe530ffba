import { createHash } from "node:crypto";
import type { MessageId } from "./message.ts";
import type { MessageFilter, Position } from "./message-filter.ts";
import type { Instant } from "./timestamp.ts";

const CHECKSUM_BYTES = 9;

/**
 * An opaque place to go on from. It carries a checksum over itself and its filters, so that a typo, a cut or other filters are noticed.
 * It is not a secret: whoever forges one reads only what a plain list would show them.
 */
export function encodeCursor(position: Position, filter: MessageFilter): string {
  const place = Buffer.from(JSON.stringify([position.instant, position.messageId, position.source]));
  return Buffer.concat([checksum(place, filter), place]).toString("base64url");
}

/** The place, or undefined when the text was altered or belongs to other filters. */
export function decodeCursor(text: string, filter: MessageFilter): Position | undefined {
  const bytes = Buffer.from(text, "base64url");
  // Base64 has several spellings of the same bytes; only the one we gave out counts.
  if (bytes.toString("base64url") !== text) return undefined;
  const place = bytes.subarray(CHECKSUM_BYTES);
  if (!checksum(place, filter).equals(bytes.subarray(0, CHECKSUM_BYTES))) return undefined;
  const [instant, messageId, source] = parts(place);
  if (instant === undefined || messageId === undefined || source === undefined) return undefined;
  return { instant: instant as Instant, messageId: messageId as MessageId, source };
}

/** The checksum keeps no forger out, so what is inside is looked at as any other input. */
function parts(place: Buffer): readonly string[] {
  try {
    const value: unknown = JSON.parse(place.toString());
    return Array.isArray(value) && value.every((part) => typeof part === "string") ? value : [];
  } catch {
    return [];
  }
}

function checksum(place: Buffer, filter: MessageFilter): Buffer {
  const filters = JSON.stringify([filter.from ?? null, filter.since ?? null, filter.q ?? null]);
  return createHash("sha256").update(filters).update("\0").update(place).digest().subarray(0, CHECKSUM_BYTES);
}
