const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const BYTE_ORDER_MARK = Buffer.from("\ufeff");
/**
 * Four times the default limit of a webhook. A longer line is not a message, and would waste
 * memory.
 */
export const LINE_BYTES_MAX = 1024 * 1024;

/** One line of a file of JSON documents. */
export interface NdjsonLine {
  /** Counted from 1. */
  readonly number: number;
  /** Without the line end; undefined when it is longer than {@link LINE_BYTES_MAX}. */
  readonly bytes: Buffer | undefined;
  /** The position of the next line, in bytes from the beginning of the file. */
  readonly end: number;
}

/** A position between two lines. */
export interface NdjsonPlace {
  readonly offset: number;
  readonly line: number;
}

/**
 * Yields the lines of `chunks` without empty ones. `from` is where the chunks begin. It holds one
 * chunk and one line in memory.
 */
export async function* readNdjson(
  chunks: AsyncIterable<Buffer>,
  from: NdjsonPlace = { offset: 0, line: 0 },
): AsyncGenerator<NdjsonLine> {
  const open = new OpenLine();
  let number = from.line;
  let offset = from.offset;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      open.add(chunk.subarray(start, end));
      start = end + 1;
      number++;
      const bytes = open.take();
      if (bytes === undefined || !isBlank(bytes))
        yield { number, bytes: trimmed(bytes, number), end: offset + start };
    }
    open.add(chunk.subarray(start));
    offset += chunk.length;
  }
  const last = open.take();
  if (last === undefined || !isBlank(last))
    yield { number: number + 1, bytes: trimmed(last, number + 1), end: offset };
}

/** The line that is being read. */
class OpenLine {
  #parts: Buffer[] = [];
  #bytes = 0;

  add(part: Buffer): void {
    this.#bytes += part.length;
    if (this.#bytes > LINE_BYTES_MAX) this.#parts = [];
    else if (part.length > 0) this.#parts.push(part);
  }

  /** Returns the line, or undefined when it is too long, and starts the next one. */
  take(): Buffer | undefined {
    const [first] = this.#parts;
    const line =
      this.#parts.length === 1 && first !== undefined ? first : Buffer.concat(this.#parts);
    const tooLong = this.#bytes > LINE_BYTES_MAX;
    this.#parts = [];
    this.#bytes = 0;
    return tooLong ? undefined : line;
  }
}

function isBlank(bytes: Buffer): boolean {
  return bytes.length === 0 || (bytes.length === 1 && bytes[0] === CARRIAGE_RETURN);
}

/**
 * Removes what some editors add: a carriage return at the end, and a byte order mark at the
 * beginning of the file.
 */
function trimmed(bytes: Buffer | undefined, number: number): Buffer | undefined {
  const end = bytes?.at(-1) === CARRIAGE_RETURN ? -1 : undefined;
  const start =
    number === 1 && bytes?.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK)
      ? BYTE_ORDER_MARK.length
      : 0;
  return bytes?.subarray(start, end);
}
