import { oneLine } from "../domain/json.ts";
import type { StoredMessage } from "../store/store.ts";
import { messageBody } from "./schemas.ts";

/** How a list is written to a file. */
export interface ExportFormat {
  readonly contentType: string;
  readonly fileName: string;
  /** The text before the first message. */
  readonly head: string;
  readonly line: (message: StoredMessage) => string;
}

const CSV_COLUMNS = ["message_id", "from", "to", "ts", "text", "created_at"] as const;
const CSV_MUST_BE_QUOTED = /[",\r\n]/;
/**
 * A spreadsheet treats a cell that begins like this as a formula, and senders control the content
 * of messages. The apostrophe is included, so that a guarded cell can be distinguished: if a cell
 * begins with one, the first apostrophe is the guard.
 */
const GUARDED = /^['=+\-@\t\r\n]/;

export const EXPORT_FORMATS: Readonly<Record<"ndjson" | "csv", ExportFormat>> = {
  ndjson: {
    contentType: "application/x-ndjson",
    fileName: "messages.ndjson",
    head: "",
    line: (message) => `${oneLine(JSON.stringify(messageBody(message)))}\n`,
  },
  csv: {
    contentType: "text/csv; charset=utf-8",
    fileName: "messages.csv",
    head: csvLine(CSV_COLUMNS),
    line: (message) => {
      const body = messageBody(message);
      return csvLine(CSV_COLUMNS.map((column) => body[column]));
    },
  },
};

function csvLine(cells: readonly (string | null)[]): string {
  return `${cells.map(csvCell).join(",")}\r\n`;
}

/** RFC 4180. A missing text is an empty cell; an empty text is a quoted one. */
function csvCell(value: string | null): string {
  if (value === null) return "";
  const harmless = GUARDED.test(value) ? `'${value}` : value;
  return harmless === "" || CSV_MUST_BE_QUOTED.test(harmless)
    ? `"${harmless.replaceAll('"', '""')}"`
    : harmless;
}
