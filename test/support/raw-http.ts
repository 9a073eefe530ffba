import { once } from "node:events";
import { connect, type Socket } from "node:net";

const WAIT_MS_MAX = 8_000;

/** One complete answer on the wire. */
export interface RawAnswer {
  readonly status: number;
  /** Lower-case names; repeated ones are kept apart. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
  readonly body: string;
}

/** How the server closed the connection. */
export type Ending = "closed" | "reset";

/**
 * One TCP connection that sends exactly the given bytes. Strings are sent as latin1, one byte a
 * character.
 */
export class RawConnection {
  readonly #socket: Socket;
  readonly #ending: Promise<Ending>;
  #received = Buffer.alloc(0);

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      socket.emit("progress");
    });
    this.#ending = new Promise((resolve) => {
      socket.on("end", () => resolve("closed"));
      socket.on("error", () => resolve("reset"));
      socket.on("close", () => resolve("closed"));
    });
    // A write into a closed connection is reported by the ending, not by a stray event.
    socket.on("error", () => socket.destroy());
  }

  /** `reading: false` leaves every answer in the kernel until `read()`. */
  static async open(
    port: number,
    options: { reading?: boolean; localAddress?: string } = {},
  ): Promise<RawConnection> {
    const { localAddress } = options;
    const socket = connect({
      port,
      host: "127.0.0.1",
      allowHalfOpen: true,
      noDelay: true,
      ...(localAddress === undefined ? {} : { localAddress }),
    });
    const connection = new RawConnection(socket);
    if (options.reading === false) socket.pause();
    await once(socket, "connect", { signal: AbortSignal.timeout(WAIT_MS_MAX) });
    return connection;
  }

  /** Resolves when the kernel has taken the bytes, or when the server has hung up. */
  write(data: string | Uint8Array): Promise<void> {
    const bytes = typeof data === "string" ? Buffer.from(data, "latin1") : data;
    const taken = new Promise<void>((resolve) => this.#socket.write(bytes, () => resolve()));
    return bounded(Promise.race([taken, this.#ending.then(() => {})]), "the bytes were not taken");
  }

  read(): void {
    this.#socket.resume();
  }

  /** Leaves further data in the kernel. */
  pause(): void {
    this.#socket.pause();
  }

  /** The first bytes of an answer, of which nothing more is read then. */
  async begun(): Promise<string> {
    const progress = once(this.#socket, "progress", { signal: AbortSignal.timeout(WAIT_MS_MAX) });
    this.#socket.resume();
    await progress;
    this.#socket.pause();
    return this.received();
  }

  /** Reads at most this many of the bytes that have arrived. */
  take(bytes: number): void {
    this.#socket.read(bytes);
  }

  /** Half-closes: nothing more will be sent. */
  end(): void {
    this.#socket.end();
  }

  /** Vanishes with a reset. */
  abort(): void {
    this.#socket.resetAndDestroy();
  }

  /** How the server ended the connection; rejects when it does not. */
  ending(): Promise<Ending> {
    return bounded(this.#ending, "the server kept the connection");
  }

  /** Everything received so far, one character a byte. */
  received(): string {
    return this.#received.toString("latin1");
  }

  /** All complete answers so far. Answers to HEAD have no body. */
  answers(options: { head?: boolean } = {}): readonly RawAnswer[] {
    const answers: RawAnswer[] = [];
    for (let rest = this.#received; ; ) {
      const parsed = parseAnswer(rest, options.head === true);
      if (parsed === undefined) return answers;
      answers.push(parsed.answer);
      rest = rest.subarray(parsed.bytes);
    }
  }

  /**
   * Resolves with the answers once there are `count` of them; rejects when the connection ends
   * before.
   */
  async answered(count: number, options: { head?: boolean } = {}): Promise<readonly RawAnswer[]> {
    const deadline = AbortSignal.timeout(WAIT_MS_MAX);
    for (;;) {
      const answers = this.answers(options);
      if (answers.length >= count) return answers;
      const progress = once(this.#socket, "progress", { signal: deadline }).then(() => "progress");
      if ((await Promise.race([progress, this.#ending])) === "progress") continue;
      progress.catch(() => {});
      const last = this.answers(options);
      if (last.length >= count) return last;
      throw new Error(
        `the connection ended after ${last.length} of ${count} answers: ${this.received()}`,
      );
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#socket.destroyed) return;
    const closed = once(this.#socket, "close");
    this.#socket.destroy();
    await closed;
  }
}

/**
 * Sends everything and resolves when the server has closed. So the last request should say
 * `Connection: close` or be one that ends the connection. `halfClose` closes the sending side,
 * which a server may treat as a client that left.
 */
export async function exchange(
  port: number,
  data: string | Uint8Array,
  options: { halfClose?: boolean } = {},
): Promise<{ readonly answers: readonly RawAnswer[]; readonly ending: Ending }> {
  await using connection = await send(port, data, options.halfClose === true);
  const ending = await connection.ending();
  return { answers: connection.answers(), ending };
}

/**
 * Like `exchange` with a half-close, for bytes with unknown answers: only the status lines are
 * read.
 */
export async function statusesOf(
  port: number,
  data: string | Uint8Array,
): Promise<readonly number[]> {
  await using connection = await send(port, data, true);
  await connection.ending();
  return Array.from(connection.received().matchAll(/HTTP\/1\.[01] ([0-9]{3}) /g), ([, status]) =>
    Number(status),
  );
}

async function send(
  port: number,
  data: string | Uint8Array,
  halfClose: boolean,
): Promise<RawConnection> {
  const connection = await RawConnection.open(port);
  await connection.write(data);
  if (halfClose) connection.end();
  return connection;
}

/** The bytes of a request. Header lines are used unchanged; only the empty line is added. */
export function rawRequest(
  requestLine: string,
  headers: readonly string[],
  payload: string | Uint8Array = "",
): Buffer {
  const head = `${[requestLine, ...headers].join("\r\n")}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head, "latin1"), Buffer.from(payload as string)]);
}

/** A payload in the chunked coding, in chunks of `size` bytes. */
export function chunked(payload: string | Uint8Array, size = 65_536): Buffer {
  const bytes = Buffer.from(payload as string);
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    const part = bytes.subarray(at, at + size);
    parts.push(Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from("\r\n"));
  }
  return Buffer.concat([...parts, Buffer.from("0\r\n\r\n")]);
}

function parseAnswer(
  bytes: Buffer,
  head: boolean,
): { answer: RawAnswer; bytes: number } | undefined {
  const headEnd = bytes.indexOf("\r\n\r\n");
  if (headEnd < 0) return undefined;
  const [statusLine = "", ...lines] = bytes.subarray(0, headEnd).toString("latin1").split("\r\n");
  const status = Number(/^HTTP\/1\.[01] ([0-9]{3})( |$)/.exec(statusLine)?.[1]);
  if (!status) throw new Error(`not a status line: ${statusLine}`);
  const headers = new Map<string, string[]>();
  for (const line of lines) {
    const name = line.slice(0, line.indexOf(":")).toLowerCase();
    headers.set(name, [...(headers.get(name) ?? []), line.slice(line.indexOf(":") + 1).trim()]);
  }
  const bodiless = head || status < 200 || status === 204 || status === 304;
  const body = bodiless ? { text: "", bytes: 0 } : parseBody(bytes.subarray(headEnd + 4), headers);
  if (body === undefined) return undefined;
  return { answer: { status, headers, body: body.text }, bytes: headEnd + 4 + body.bytes };
}

function parseBody(
  bytes: Buffer,
  headers: ReadonlyMap<string, readonly string[]>,
): { text: string; bytes: number } | undefined {
  if (headers.get("transfer-encoding")?.[0] !== "chunked") {
    const length = Number(headers.get("content-length")?.[0] ?? bytes.length);
    return bytes.length < length
      ? undefined
      : { text: bytes.subarray(0, length).toString(), bytes: length };
  }
  const parts: Buffer[] = [];
  for (let at = 0; ; ) {
    const lineEnd = bytes.indexOf("\r\n", at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(bytes.subarray(at, lineEnd).toString("latin1"), 16);
    if (bytes.length < lineEnd + size + 4) return undefined;
    if (size === 0) return { text: Buffer.concat(parts).toString(), bytes: lineEnd + 4 };
    parts.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = lineEnd + size + 4;
  }
}

async function bounded<T>(promise: Promise<T>, complaint: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`${complaint} within ${WAIT_MS_MAX} ms`)),
      WAIT_MS_MAX,
    );
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
