import { connect, type Socket } from "node:net";

// A client of HTTP/1.1 that is faster than Node's own, and sees every byte. Requests are bytes that
// are sent as they are.

/** One answer on the wire. */
export interface WireAnswer {
  readonly status: number;
  /** Names in lower case. Of repeated headers, the last one. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Reads the answers out of the bytes of one connection. */
export class AnswerReader {
  #bytes: Buffer = Buffer.alloc(0);

  add(chunk: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
  }

  /** The number of bytes that are not part of an answer that was returned. */
  get rest(): number {
    return this.#bytes.length;
  }

  /** The next complete answer. Throws when the bytes are not one. */
  next(isHead: boolean): WireAnswer | undefined {
    const headEnd = this.#bytes.indexOf("\r\n\r\n");
    if (headEnd < 0) return undefined;
    const [first = "", ...lines] = this.#bytes.toString("latin1", 0, headEnd).split("\r\n");
    const status = Number(/^HTTP\/1\.[01] ([1-5][0-9]{2}) /.exec(first)?.[1]);
    if (!status) throw new Error(`not a status line: ${first}`);
    const headers: Record<string, string> = {};
    for (const line of lines) {
      const colon = line.indexOf(":");
      if (colon < 1) throw new Error(`not a header of an answer: ${line}`);
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
    }
    const hasBody = !isHead && status >= 200 && status !== 204 && status !== 304;
    const from = headEnd + 4;
    const body = hasBody ? bodyAt(this.#bytes, from, headers) : { bytes: NOTHING, end: from };
    if (body === undefined) return undefined;
    this.#bytes = this.#bytes.subarray(body.end);
    return { status, headers, body: body.bytes };
  }
}

const NOTHING = Buffer.alloc(0);

function bodyAt(
  bytes: Buffer,
  from: number,
  headers: Readonly<Record<string, string>>,
): { readonly bytes: Buffer; readonly end: number } | undefined {
  const length = headers["content-length"];
  if (length !== undefined) {
    const end = from + Number(length);
    return end > bytes.length ? undefined : { bytes: bytes.subarray(from, end), end };
  }
  if (headers["transfer-encoding"] !== "chunked") throw new Error("an answer without a length");
  const parts: Buffer[] = [];
  for (let at = from; ; ) {
    const lineEnd = bytes.indexOf("\r\n", at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(bytes.toString("latin1", at, lineEnd), 16);
    const end = lineEnd + 2 + size + 2;
    if (Number.isNaN(size)) throw new Error("not a chunk size");
    if (end > bytes.length) return undefined;
    if (size === 0) return { bytes: Buffer.concat(parts), end };
    parts.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = end;
  }
}

interface Waiting {
  readonly isHead: boolean;
  readonly resolve: (answer: WireAnswer | undefined) => void;
}

const ANSWER_MS_MAX = 20_000;

/** One connection on which requests are sent without waiting for earlier answers. */
export class PipelinedConnection {
  readonly #socket: Socket;
  readonly #reader = new AnswerReader();
  #waiting: Waiting[] = [];
  #failure: Error | undefined;

  constructor(port: number) {
    this.#socket = connect({ port, host: "127.0.0.1", noDelay: true });
    this.#socket.setTimeout(ANSWER_MS_MAX, () => {
      if (this.#waiting.length > 0) this.#failure ??= new Error("no answer");
      this.#socket.destroy();
    });
    this.#socket.on("data", (chunk: Buffer) => this.#take(chunk));
    this.#socket.on("error", () => this.#socket.destroy());
    this.#socket.on("close", () => this.#end());
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed;
  }

  /** Resolves with undefined when the connection was closed before the answer. */
  send(bytes: Buffer, isHead = false): Promise<WireAnswer | undefined> {
    if (!this.isOpen) return Promise.resolve(undefined);
    const answered = new Promise<WireAnswer | undefined>((resolve) => {
      this.#waiting.push({ isHead, resolve });
    });
    this.#socket.write(bytes);
    return answered;
  }

  /** What was wrong with the answers, if anything. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    this.#reader.add(chunk);
    try {
      for (let [first] = this.#waiting; first !== undefined; [first] = this.#waiting) {
        const answer = this.#reader.next(first.isHead);
        if (answer === undefined) return;
        if (answer.status >= 200) {
          this.#waiting.shift();
          first.resolve(answer);
        }
        if (answer.headers.connection === "close") this.#socket.destroy();
      }
      if (this.#reader.rest > 0) throw new Error("bytes that no request asked for");
    } catch (error) {
      this.#failure = error as Error;
      this.#socket.destroy();
    }
  }

  #end(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { resolve } of waiting) resolve(undefined);
  }
}
