import { isUtf8 } from "node:buffer";
import type { Issue } from "./issue.ts";

export type ParsedJson =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly issue: Issue };

/** The value of a JSON body; undefined when it is empty. A byte order mark is ignored. */
export function parseJson(body: Buffer): ParsedJson {
  if (body.length === 0) return { ok: true, value: undefined };
  if (!isUtf8(body)) return { ok: false, issue: invalidJson(0, "not UTF-8") };
  const text = body.toString();
  const json = text.startsWith("\ufeff") ? text.slice(1) : text;
  try {
    return { ok: true, value: JSON.parse(json) };
  } catch (error) {
    return { ok: false, issue: invalidJson(positionOf(error, json), "not JSON") };
  }
}

/**
 * DEL, the C1 controls and the line ends of Unicode. JSON may contain them, but some line readers
 * break lines at them.
 */
const BREAKS_LINES = /[\x7f-\x9f\u2028\u2029]/g;

/**
 * Escapes characters that a line reader might take for a line end. The text must be JSON, where
 * such characters occur only in strings.
 */
export function oneLine(json: string): string {
  return json.replace(
    BREAKS_LINES,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function invalidJson(position: number, error: string): Issue {
  return {
    type: "json_invalid",
    loc: ["body", position],
    msg: "JSON decode error",
    ctx: { error },
  };
}

/**
 * The position where the parser stopped. Its own message is not used, because it quotes the text.
 */
function positionOf(error: unknown, json: string): number {
  const message = String(error);
  const position = /at position ([0-9]+)/.exec(message)?.[1];
  if (position !== undefined) return Number(position);
  return message.includes("end of JSON") ? json.length : 0;
}
