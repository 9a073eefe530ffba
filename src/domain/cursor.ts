import { createHash } from "node:crypto";
import type { MessageId } from "./message.ts";
import type { CursorPosition, MessageList } from "./message-filter.ts";
import type { Instant } from "./timestamp.ts";

const CHECKSUM_BYTES = 9;
const SENDERS = "senders";

/**
 * The opaque text of a position in a list. It carries a checksum over itself and its list, so that
 * typos, truncation and other filters are noticed. It is not secret: a forged cursor shows only
 * what a plain list would show.
 */
export function encodeCursor({ position, side }: CursorPosition, list: MessageList): string {
  const parts = [
    position.instant,
    position.messageId,
    position.source,
    ...(side === "before" ? [side] : []),
  ];
  return sealed(parts, nameOf(list));
}

/** The position, or undefined when the text was altered or belongs to another list. */
export function decodeCursor(text: string, list: MessageList): CursorPosition | undefined {
  const [instant, messageId, source, side = "after"] = opened(text, nameOf(list));
  // The parts are in order: if there is a source, there are the two before it.
  if (source === undefined) return undefined;
  if (side !== "after" && side !== "before") return undefined;
  return {
    position: { instant: instant as Instant, messageId: messageId as MessageId, source },
    side,
  };
}

/** The position after a sender in the list of all senders. */
export function encodeSenderCursor(from: string): string {
  return sealed([from], SENDERS);
}

/** The sender, or undefined when the text was altered or belongs to another list. */
export function decodeSenderCursor(text: string): string | undefined {
  return opened(text, SENDERS)[0];
}

/** A name that distinguishes the list from all others. */
function nameOf({ filter, order }: MessageList): string {
  const { from, to, source, since, until, q } = filter;
  return JSON.stringify([from, to, source, since, until, q, order].map((part) => part ?? null));
}

function sealed(parts: readonly string[], list: string): string {
  const place = Buffer.from(JSON.stringify(parts));
  return Buffer.concat([checksum(place, list), place]).toString("base64url");
}

/**
 * Decodes what was encoded for this list; empty when the text was altered. The checksum does not
 * stop a forger, so the content is handled like any other input.
 */
function opened(text: string, list: string): readonly string[] {
  const bytes = Buffer.from(text, "base64url");
  // Base64 has several spellings of the same bytes. Only the one that was issued is accepted.
  if (bytes.toString("base64url") !== text) return [];
  const place = bytes.subarray(CHECKSUM_BYTES);
  if (!checksum(place, list).equals(bytes.subarray(0, CHECKSUM_BYTES))) return [];
  try {
    const value: unknown = JSON.parse(place.toString());
    return Array.isArray(value) && value.every((part) => typeof part === "string") ? value : [];
  } catch {
    return [];
  }
}

function checksum(place: Buffer, list: string): Buffer {
  return createHash("sha256")
    .update(list)
    .update("\0")
    .update(place)
    .digest()
    .subarray(0, CHECKSUM_BYTES);
}
