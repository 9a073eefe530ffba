/** A likely change of a body between the sender's signature and this file. */
export interface BodyVariant {
  /** For programs. */
  readonly change: string;
  /** Completes "The signature fits the body …". */
  readonly words: string;
  readonly bytes: Buffer;
}

const BYTE_ORDER_MARK = "\ufeff";

/**
 * The bodies that common mistakes could have changed into this one. Variants that equal the body
 * are omitted.
 */
export function bodyVariants(body: Buffer): readonly BodyVariant[] {
  const text = body.toString("utf8");
  const isUtf8 = Buffer.from(text).equals(body);
  const found = isUtf8 ? [...endVariants(text), ...jsonVariants(text)] : [];
  const seen = new Set([body.toString("latin1")]);
  return found
    .map(([change, words, variant]) => ({ change, words, bytes: Buffer.from(variant) }))
    .filter(({ bytes }) => {
      const key = bytes.toString("latin1");
      return !seen.has(key) && seen.add(key);
    });
}

type Variant = readonly [change: string, words: string, text: string];

function endVariants(text: string): readonly Variant[] {
  return [
    ["line_end_added", "without the line end at its end", text.replace(/\r?\n$/, "")],
    ["line_end_removed", "with a line end (LF) at its end", `${text}\n`],
    ["line_end_removed", "with a line end (CR LF) at its end", `${text}\r\n`],
    [
      "byte_order_mark_added",
      "without the byte order mark at its beginning",
      text.replace(BYTE_ORDER_MARK, ""),
    ],
    [
      "byte_order_mark_removed",
      "with a byte order mark at its beginning",
      `${BYTE_ORDER_MARK}${text}`,
    ],
    ["blanks_added", "without the blanks and line ends around it", text.trim()],
    ["line_ends_changed", "with LF line ends instead of CR LF", text.replaceAll("\r\n", "\n")],
    ["line_ends_changed", "with CR LF line ends instead of LF", text.replace(/\r?\n/g, "\r\n")],
  ];
}

function jsonVariants(text: string): readonly Variant[] {
  let value: unknown;
  try {
    value = JSON.parse(text.replace(BYTE_ORDER_MARK, ""));
  } catch {
    return [];
  }
  const forms: readonly (readonly [words: string, text: string])[] = [
    ["without blanks", JSON.stringify(value)],
    ["with an indentation of 2", JSON.stringify(value, null, 2)],
    ["with an indentation of 4", JSON.stringify(value, null, 4)],
    ["as Python's json.dumps writes it", spaced(value)],
    ["as Python's json.dumps writes it, with ASCII only", ascii(spaced(value))],
    ["without blanks, with ASCII only", ascii(JSON.stringify(value))],
    ["without blanks, with sorted keys", JSON.stringify(sorted(value))],
  ];
  return forms.flatMap(([words, form]) =>
    ["", "\n"].map((end) => {
      const withEnd = end === "" ? words : `${words}, and with a line end at its end`;
      return ["json_serialized_again", `as JSON that is written ${withEnd}`, form + end] as const;
    }),
  );
}

/** `{"a": 1, "b": [2, 3]}`: with a blank after each colon and comma. */
function spaced(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(spaced).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([name, field]) => `${JSON.stringify(name)}: ${spaced(field)}`)
    .join(", ")}}`;
}

function ascii(text: string): string {
  return text.replace(
    /[\u0080-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, field]) => [name, sorted(field)]));
}
