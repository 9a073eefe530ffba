import { crc32 } from "node:zlib";

/** Columns of a message that no other part of the read index contains exactly. */
export interface Content {
  readonly ts: string;
  readonly createdAt: string;
  readonly text: string | null;
}

/** The columns in the table. */
export const CONTENT = "ts, created_at, text";

/** `index_state.content_sum` is kept below this. */
export const CONTENT_SUM_MASK = 0xff_ff_ff_ff;

/** The checksum of one message. A changed byte changes it. */
export function contentSum({ ts, createdAt, text }: Content): number {
  // A missing text differs from an empty one. No text begins with NUL: it is refused.
  return crc32(`${ts}\n${createdAt}\n${text ?? "\0"}`);
}
