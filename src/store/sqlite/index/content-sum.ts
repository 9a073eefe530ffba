import { crc32 } from "node:zlib";

/** Columns of a message that nothing else in the read index holds to the byte. */
export interface Content {
  readonly ts: string;
  readonly createdAt: string;
  readonly text: string | null;
}

/** What those are called in the table. */
export const CONTENT = "ts, created_at, text";

/** The sum of `fold_state.content_sum` is kept below this. */
export const CONTENT_SUM_MASK = 0xff_ff_ff_ff;

/** The checksum of one message. A changed byte changes it. */
export function contentSum({ ts, createdAt, text }: Content): number {
  // A missing text is not an empty one. No text begins with NUL: it is refused.
  return crc32(`${ts}\n${createdAt}\n${text ?? "\0"}`);
}
