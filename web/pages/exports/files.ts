import type { Message } from "../../api/messages.ts";
import { type Filter, queryOf } from "../../route.ts";

// The file of an export: where it is, and about how large.

export type Format = "ndjson" | "csv";
const COLUMNS = ["message_id", "from", "to", "ts", "text", "created_at"] as const;
const encoder = new TextEncoder();

/** The path below the service. */
export function exportPath(filter: Filter, format: Format): string {
  return `messages/export${queryOf({ ...filter, format })}`;
}

/** About how many bytes the file has, from some of its messages. */
export function estimatedBytes(sample: readonly Message[], total: number, format: Format): number {
  if (sample.length === 0) return 0;
  const bytes = sample.reduce((sum, message) => sum + bytesOf(message, format), 0);
  return Math.round((bytes / sample.length) * total);
}

function bytesOf(message: Message, format: Format): number {
  const line =
    format === "ndjson"
      ? JSON.stringify(message)
      : COLUMNS.map((column) => message[column] ?? "").join(",");
  return encoder.encode(line).length + 1;
}

interface CommandOptions {
  readonly service: string;
  readonly filter: Filter;
  readonly format: Format;
  readonly needsKey: boolean;
}

/** A command that gets the file, with a variable in the place of the key. */
export function exportCommand({ service, filter, format, needsKey }: CommandOptions): string {
  const url = `${service}${exportPath(filter, format)}`.replaceAll("'", "%27");
  const command = `curl -sS --fail -o messages.${format} '${url}'`;
  return needsKey ? `${command} -H "Authorization: Bearer $LYFTR_KEY"` : command;
}
