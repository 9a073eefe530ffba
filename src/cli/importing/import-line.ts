import { isUtf8 } from "node:buffer";
import { type NewMessage, parseMessage } from "../../domain/message.ts";
import { isCalendarDate, UTC_TIMESTAMP_PATTERN } from "../../domain/timestamp.ts";
import { issueInWords } from "../failures.ts";
import { LINE_BYTES_MAX } from "./ndjson.ts";

const UTC_TIMESTAMP = new RegExp(UTC_TIMESTAMP_PATTERN);

export type ImportLine =
  | { readonly ok: true; readonly row: NewMessage }
  | { readonly ok: false; readonly problem: string };

/** Parses one line into a row. A time of receipt in the line, as in a list of messages, is kept. */
export function parseImportLine(
  bytes: Buffer | undefined,
  source: string,
  now: () => number,
): ImportLine {
  if (bytes === undefined) return { ok: false, problem: `longer than ${LINE_BYTES_MAX} bytes` };
  if (!isUtf8(bytes)) return { ok: false, problem: "not UTF-8" };
  let body: unknown;
  try {
    body = JSON.parse(bytes.toString());
  } catch {
    return { ok: false, problem: "not JSON" };
  }
  const parsed = parseMessage(body);
  if (!parsed.ok) {
    const [first] = parsed.issues;
    return { ok: false, problem: first === undefined ? "not a message" : issueInWords(first) };
  }
  return {
    ok: true,
    row: { ...parsed.message, source, createdAt: createdAt(body) ?? new Date(now()).toISOString() },
  };
}

function createdAt(body: unknown): string | undefined {
  const { created_at: given } = body as { created_at?: unknown };
  if (typeof given !== "string" || !UTC_TIMESTAMP.test(given) || !isCalendarDate(given))
    return undefined;
  // Retention compares this text, so it must include seconds.
  return given.length === "2025-01-15T10:00Z".length ? given.replace("Z", ":00Z") : given;
}
