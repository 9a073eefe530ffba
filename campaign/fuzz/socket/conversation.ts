import { connect, type Socket } from "node:net";
import { LINGER_MS_MAX } from "../../../src/http/connection.ts";
import type { Random } from "../../support/random.ts";
import { AnswerReader, type WireAnswer } from "../wire.ts";
import {
  ambiguousRequest,
  brokenRequest,
  type SoundRequest,
  soundRequest,
  webhook,
} from "./pieces.ts";

/** What the service promises: it closes slow connections in 15 s, and looks every half second. */
const CLOSED_MS_MAX = 15_000 + 500 + 2_500;
const REQUESTS_MAX = 24;
/** Statuses of answers after which the service closes the connection. */
const CLOSING = [400, 413, 415];

/** What all conversations of a round have seen. */
export interface Seen {
  requests: number;
  refused: number;
  shed: number;
  connections: number;
  readonly broken: string[];
  /** Messages that were acknowledged: each must be stored. */
  readonly acked: Set<string>;
  /** Messages that may be stored, because their request was signed and may have been read. */
  readonly signed: Set<string>;
}

/** One connection: sound requests, perhaps a broken one, and an end. */
export class Conversation {
  readonly #name: string;
  readonly #seen: Seen;
  readonly #sound: readonly SoundRequest[];
  readonly #tail: Buffer;
  readonly #random: Random;
  readonly #reader = new AnswerReader();
  #answered = 0;
  /** Whether the last answer said that the connection will be closed. */
  #isClosing = false;
  #socket: Socket | undefined;

  constructor(name: string, random: Random, seen: Seen) {
    this.#name = name;
    this.#seen = seen;
    this.#random = random;
    const count = random.between(0, REQUESTS_MAX);
    const all = Array.from({ length: count }, (_, n) => soundRequest(random, `${name}-${n}`));
    const end = 1 + all.findIndex(({ isLast }) => isLast) || count;
    this.#sound = all.slice(0, end);
    // What is behind the last request must not be executed, so its ids are not among the signed.
    const behind = all.slice(end).map(({ bytes }) => bytes);
    this.#tail = Buffer.concat([...behind, this.#tailOf(random.next())]);
    for (const { messageId } of this.#sound)
      if (messageId !== undefined) seen.signed.add(messageId);
  }

  /** What follows the sound requests. */
  #tailOf(kind: number): Buffer {
    if (kind < 0.3) return Buffer.alloc(0);
    if (kind < 0.65) {
      // Nothing behind an ambiguous request may be executed, so its id is not among the signed.
      const behind = webhook(this.#random, `behind-${this.#name}`, true);
      return Buffer.concat([ambiguousRequest(this.#random), behind.bytes]);
    }
    const id = `${this.#name}-broken`;
    this.#seen.signed.add(id);
    return brokenRequest(this.#random, id);
  }

  async run(port: number): Promise<void> {
    this.#seen.connections++;
    const socket = connect({ port, host: "127.0.0.1", noDelay: true, allowHalfOpen: true });
    this.#socket = socket;
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    const startMs = performance.now();
    socket.on("error", ({ syscall }: NodeJS.ErrnoException) => {
      // On a busy machine this process may write after the service has answered, waited and closed
      // the connection. The answers that it has not read are lost with the connection.
      if (syscall === "write" && performance.now() - startMs > LINGER_MS_MAX) this.#hasLeft = true;
      socket.destroy();
    });
    socket.on("end", () => socket.end());
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    const timer = setTimeout(() => {
      this.#report(`it is still open after ${CLOSED_MS_MAX} ms`);
      socket.destroy();
    }, CLOSED_MS_MAX);
    await this.#send(socket);
    await closed;
    clearTimeout(timer);
    const isWhole = this.#answered >= this.#sound.length || this.#isClosing || this.#hasLeft;
    if (!isWhole)
      this.#report(
        `${this.#answered} of ${this.#sound.length} sound requests are answered, not ${this.#sound[this.#answered]?.id} after ${this.#sound[this.#answered - 1]?.bytes}`,
      );
  }

  /** The client leaves before it has its answers. */
  #hasLeft = false;

  async #send(socket: Socket): Promise<void> {
    const bytes = Buffer.concat([...this.#sound.map((one) => one.bytes), this.#tail]);
    const cuts = Array.from({ length: this.#random.between(0, 3) }, () =>
      this.#random.between(0, bytes.length),
    ).sort((one, other) => one - other);
    let from = 0;
    for (const to of [...cuts, bytes.length]) {
      socket.write(bytes.subarray(from, to));
      from = to;
      await new Promise((resolve) => setImmediate(resolve));
    }
    const leaves = this.#random.next();
    if (leaves < 0.05) {
      this.#hasLeft = true;
      socket.resetAndDestroy();
    } else if (this.#sound.length === 0 || leaves < 0.1) {
      this.#hasLeft = true;
      socket.end();
    } else if (this.#answered >= this.#sound.length) socket.end();
  }

  #take(chunk: Buffer): void {
    this.#reader.add(chunk);
    try {
      for (;;) {
        const sound = this.#sound[this.#answered];
        const answer = this.#reader.next(sound?.isHead === true);
        if (answer === undefined) break;
        if (answer.status >= 200) this.#check(answer, sound);
      }
    } catch (error) {
      this.#report(`the answers are out of step: ${(error as Error).message}`);
      this.#socket?.destroy();
    }
    if (this.#answered >= this.#sound.length) this.#socket?.end();
  }

  #check(answer: WireAnswer, sound: SoundRequest | undefined): void {
    const { status, headers } = answer;
    const id = headers["x-request-id"];
    if (this.#isClosing) this.#report(`an answer ${status} follows the last one`);
    this.#answered++;
    this.#seen.requests++;
    if (status >= 400 && status < 500) this.#seen.refused++;
    if (status === 503 && headers["retry-after"] !== undefined) this.#seen.shed++;
    else if (status >= 500) this.#report(`${status} ${answer.body} for ${sound?.bytes}`);
    if (id === "smuggled" && sound !== undefined) this.#report("a body was taken for a request");
    if (headers.connection === "close") this.#isClosing = true;
    if (sound === undefined) return;
    if (id !== sound.id && !(this.#isClosing && CLOSING.includes(status)))
      this.#report(`the answer ${status} to ${sound.id} is one to ${id}: ${sound.bytes}`);
    else if (sound.isLast && !this.#isClosing)
      this.#report(`the connection stays open after an upgrade: ${sound.bytes}`);
    else if (this.#isClosing && !sound.isLast && !CLOSING.includes(status) && status < 500)
      this.#report(`the connection is closed after ${status}: ${sound.bytes}`);
    if (status === 200 && sound.messageId !== undefined) this.#seen.acked.add(sound.messageId);
  }

  #report(what: string): void {
    this.#seen.broken.push(`${this.#name}: ${what.slice(0, 600)}`);
  }
}
