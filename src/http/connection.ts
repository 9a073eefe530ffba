import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** Requests of one connection that are handled at the same time; the next ones wait, in their order. */
export const HANDLED_AT_ONCE_MAX = 16;
/** Requests of one connection without an answer. A client that sends more does not read its answers. */
export const UNANSWERED_MAX = 256;
/** Time for the client to read the last answer and to close its side; then the connection is destroyed. */
export const LINGER_MS_MAX = 1_000;

/** What happens to a request: it is handled in its turn, or refused because its connection has too many. */
export interface Admission {
  readonly handle: () => void;
  readonly refuse: () => void;
}

/** The requests that wait on all connections together. */
export interface WaitingRequests {
  count: number;
  readonly countMax: number;
}

export interface ConnectionOptions {
  readonly socket: Socket;
  /** The address of the peer, as limits count it. */
  readonly network: string;
  readonly openedMs: number;
  readonly waitingOfAll: WaitingRequests;
}

/** One TCP connection of a client: which of its requests are under way, and how it ends. */
export class Connection {
  readonly socket: Socket;
  readonly network: string;
  readonly openedMs: number;
  readonly #waitingOfAll: WaitingRequests;
  /** Without an answer, in the order of their requests. */
  readonly #unanswered = new Map<ServerResponse, IncomingMessage>();
  readonly #handled = new Set<ServerResponse>();
  readonly #waiting = new Map<ServerResponse, Admission>();
  /** What follows on the connection is not looked at. */
  #ending = false;
  #whenAnswered: ((broken: ServerResponse | undefined) => void) | undefined;
  #broken: ServerResponse | undefined;
  #bytesReadWhenAnswered = 0;

  constructor({ socket, network, openedMs, waitingOfAll }: ConnectionOptions) {
    this.socket = socket;
    this.network = network;
    this.openedMs = openedMs;
    this.#waitingOfAll = waitingOfAll;
  }

  /** Takes a request whose headers have come. `answered` is called when its answer is out or its connection is gone. */
  admit(request: IncomingMessage, response: ServerResponse, admission: Admission, answered: () => void): void {
    if (this.#ending) return;
    this.#unanswered.set(response, request);
    response.once("close", () => {
      this.#settle(response);
      answered();
    });
    const isTooMany = this.#unanswered.size > UNANSWERED_MAX || this.#waitingOfAll.count >= this.#waitingOfAll.countMax;
    if (this.#handled.size < HANDLED_AT_ONCE_MAX) {
      this.#handle(response, admission);
    } else if (isTooMany) {
      this.#ending = true;
      admission.refuse();
    } else {
      this.#waiting.set(response, admission);
      this.#waitingOfAll.count++;
    }
  }

  get isEnding(): boolean {
    return this.#ending;
  }

  /** Whether a request has come as a whole and has no answer yet. */
  isBusy(): boolean {
    for (const request of this.#unanswered.values()) if (request.complete) return true;
    return false;
  }

  /** Whether the body of its only request has not come as a whole. */
  isUploading(): boolean {
    return this.#unanswered.size > 0 && !this.isBusy();
  }

  /** Whether nothing of a request has come that has no answer yet. */
  isIdle(): boolean {
    return this.#unanswered.size === 0 && this.socket.bytesRead === this.#bytesReadWhenAnswered;
  }

  /**
   * What comes next on the connection is not looked at. `then` runs once the whole requests before are answered. It gets the answer to a
   * request that is handled and whose body did not come as a whole: it is not going to be sent.
   */
  endAfterAnswers(then: (broken: ServerResponse | undefined) => void): void {
    this.#discard();
    const last = [...this.#unanswered].at(-1);
    if (last !== undefined && !last[1].complete && !last[0].writableEnded) {
      this.#broken = last[0];
      this.#forget(last[0]);
    }
    this.#whenAnswered = then;
    this.#answeredAll();
  }

  /** Sends the last bytes, closes this side, and destroys the connection soon after, whether the client closes its side or not. */
  end(bytes: string | undefined): void {
    const { socket } = this;
    if (socket.destroyed) return;
    this.#discard();
    const timer = setTimeout(() => socket.destroy(), LINGER_MS_MAX);
    socket.once("close", () => clearTimeout(timer));
    if (!socket.writable) return;
    if (bytes === undefined) socket.end();
    else socket.end(bytes);
  }

  /** The connection is gone. Node tells that to the answer that is being sent, not to those behind it. */
  gone(): void {
    this.#ending = true;
    for (const [response, { refuse }] of [...this.#waiting]) {
      this.#forget(response);
      refuse();
    }
    for (const response of [...this.#unanswered.keys()]) {
      if (response.socket === null && !response.writableFinished) response.destroy().emit("close");
    }
  }

  /** What still comes is thrown away: nothing makes a broken request whole, and no unread byte turns the end into a reset. */
  #discard(): void {
    this.#ending = true;
    // Node's HTTP parser lets go of a socket when it gets a listener for data.
    this.socket.on("data", ignore).removeAllListeners("data");
    this.socket.on("data", ignore).resume();
  }

  #handle(response: ServerResponse, { handle }: Admission): void {
    this.#handled.add(response);
    handle();
  }

  #forget(response: ServerResponse): void {
    if (this.#waiting.delete(response)) this.#waitingOfAll.count--;
  }

  #settle(response: ServerResponse): void {
    this.#unanswered.delete(response);
    this.#bytesReadWhenAnswered = this.socket.bytesRead;
    this.#handled.delete(response);
    this.#forget(response);
    const [next] = this.#waiting;
    if (next !== undefined && this.#handled.size < HANDLED_AT_ONCE_MAX) {
      this.#forget(next[0]);
      this.#handle(...next);
    }
    this.#answeredAll();
  }

  #answeredAll(): void {
    const others = this.#unanswered.size - (this.#broken !== undefined && this.#unanswered.has(this.#broken) ? 1 : 0);
    if (this.#whenAnswered === undefined || others > 0) return;
    const then = this.#whenAnswered;
    this.#whenAnswered = undefined;
    then(this.#broken !== undefined && this.#handled.has(this.#broken) ? this.#broken : undefined);
  }
}

function ignore(): void {}
