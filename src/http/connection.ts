import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/**
 * The maximum number of requests of one connection that are handled at the same time. The next ones
 * wait, in order.
 */
export const HANDLED_AT_ONCE_MAX = 16;
/**
 * The maximum number of unanswered requests of one connection. A client that sends more does not
 * read its answers.
 */
export const UNANSWERED_MAX = 256;
/**
 * Time for the client to read the last answer and to close its side. Then the connection is
 * destroyed.
 */
export const LINGER_MS_MAX = 1_000;

/**
 * The outcome for a request: it is handled when it is its turn, or refused because its connection
 * has too many.
 */
export interface Admission {
  readonly handle: () => void;
  readonly refuse: () => void;
}

/** The waiting requests of all connections. */
export interface WaitingRequests {
  count: number;
  readonly countMax: number;
}

export interface ConnectionOptions {
  readonly socket: Socket;
  /** The address of the peer, in the form that limits count. */
  readonly network: string;
  readonly openedMs: number;
  readonly waitingOfAll: WaitingRequests;
}

/** One TCP connection of a client: its requests that are under way, and how it ends. */
export class Connection {
  readonly socket: Socket;
  readonly network: string;
  readonly openedMs: number;
  readonly #waitingOfAll: WaitingRequests;
  /** The requests without an answer, in order. */
  readonly #unanswered = new Map<ServerResponse, IncomingMessage>();
  readonly #handled = new Set<ServerResponse>();
  readonly #waiting = new Map<ServerResponse, Admission>();
  /** Whether further data on the connection is ignored. */
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

  /**
   * Takes a request whose headers have arrived. `answered` is called when its answer is sent or its
   * connection is closed.
   */
  admit(
    request: IncomingMessage,
    response: ServerResponse,
    admission: Admission,
    answered: () => void,
  ): void {
    if (this.#ending) return;
    this.#unanswered.set(response, request);
    response.once("close", () => {
      this.#settle(response);
      answered();
    });
    const isTooMany =
      this.#unanswered.size > UNANSWERED_MAX ||
      this.#waitingOfAll.count >= this.#waitingOfAll.countMax;
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

  /** Whether a request has arrived completely and has no answer yet. */
  isBusy(): boolean {
    for (const request of this.#unanswered.values()) if (request.complete) return true;
    return false;
  }

  /** Whether the body of its only request has not arrived completely. */
  isUploading(): boolean {
    return this.#unanswered.size > 0 && !this.isBusy();
  }

  /** Whether no part of an unanswered request has arrived. */
  isIdle(): boolean {
    return this.#unanswered.size === 0 && this.socket.bytesRead === this.#bytesReadWhenAnswered;
  }

  /**
   * Ignores further data on the connection. `then` runs once the complete requests before are
   * answered. It gets the response of a handled request whose body did not arrive completely: that
   * response will not be sent.
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

  /**
   * Sends the last bytes, closes this side, and destroys the connection soon after, whether or not
   * the client closes its side.
   */
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

  /**
   * Called when the connection is closed. Node reports that only to the response being sent, not to
   * later ones.
   */
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

  /**
   * Discards further data. The broken request stays broken, and unread bytes would turn the end
   * into a reset.
   */
  #discard(): void {
    this.#ending = true;
    // Node's HTTP parser releases a socket when it gets a listener for data.
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
    const others =
      this.#unanswered.size -
      (this.#broken !== undefined && this.#unanswered.has(this.#broken) ? 1 : 0);
    if (this.#whenAnswered === undefined || others > 0) return;
    const then = this.#whenAnswered;
    this.#whenAnswered = undefined;
    then(this.#broken !== undefined && this.#handled.has(this.#broken) ? this.#broken : undefined);
  }
}

function ignore(): void {}
