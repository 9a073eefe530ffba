import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { scrape, series } from "../../test/support/client.ts";
import { body } from "../../test/support/service.ts";
import type { RoundContext } from "../fault.ts";
import type { Inbox } from "../support/inbox.ts";
import { mustSucceed } from "./during-work.ts";

const SENDERS = 50;
const INDEX_MS_MAX = 60_000;
const LOOK_EVERY_MS = 20;

export interface PlainMessage {
  readonly id: string;
  /** The fields as JSON. */
  readonly payload: string;
}

/** Messages whose texts contain their ids, for the search. */
export function messages(
  count: number,
  prefix: string,
  fields: Readonly<Record<string, unknown>> = {},
): readonly PlainMessage[] {
  return Array.from({ length: count }, (_, n) => {
    const id = `${prefix}-${n}`;
    const from = `+${1_000_000 + (n % SENDERS)}`;
    return { id, payload: body({ message_id: id, from, text: `message ${id}`, ...fields }) };
  });
}

/** Writes a file for an import, and returns its path. */
export function importFile(
  { folder }: RoundContext,
  name: string,
  lines: readonly PlainMessage[],
): string {
  const path = join(folder, name);
  writeFileSync(path, lines.map(({ payload }) => `${payload}\n`).join(""));
  return path;
}

/** Stores messages, and indexes them. */
export async function fill(
  inbox: Inbox,
  context: RoundContext,
  lines: readonly PlainMessage[],
): Promise<void> {
  await mustSucceed(inbox, ["import", importFile(context, "fill.ndjson", lines)]);
  await inbox.start();
  await indexed(inbox);
  await inbox.stop();
}

/** Resolves when the running service has indexed every message. */
export async function indexed({ service }: Inbox): Promise<void> {
  const deadline = performance.now() + INDEX_MS_MAX;
  while (series(await scrape(service)).get("read_index_backlog_rows") !== 0) {
    if (performance.now() > deadline) throw new Error("the messages are never indexed");
    await setTimeout(LOOK_EVERY_MS);
  }
}
