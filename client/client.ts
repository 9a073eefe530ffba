import { expected, isAccepted, isPage, isStats, isStoredMessage } from "./answers.ts";
import { LyftrError } from "./errors.ts";
import { Gate } from "./gate.ts";
import {
  encoded,
  type Message,
  type MessageFilter,
  type Stats,
  type StoredMessage,
} from "./message.ts";
import {
  type ClientSettings,
  concurrencyOf,
  type LyftrClientOptions,
  milliseconds,
  settingsOf,
  traceHeader,
} from "./options.ts";
import { readPages } from "./pages.ts";
import { type HttpAnswer, type HttpRequest, request } from "./request.ts";
import { withRetries } from "./retry.ts";
import { type SendManyOptions, type SendManyResult, SendManyRun } from "./send-many.ts";
import { signatureOf } from "./signature.ts";

export type { Clock } from "./clock.ts";
export { type Issue, LyftrError, type LyftrErrorKind } from "./errors.ts";
export type { Message, MessageFilter, Stats, StoredMessage } from "./message.ts";
export { type NodeFetch, type NodeFetchOptions, nodeFetch } from "./node-fetch.ts";
export type { LyftrClientOptions } from "./options.ts";
export { Outbox, type OutboxOptions } from "./outbox.ts";
export type { Fetch, FetchAnswer, FetchInit } from "./request.ts";
export type { Failure, Progress, SendManyOptions, SendManyResult } from "./send-many.ts";
export { signatureOf } from "./signature.ts";

/** Answers to a message are short, even if they report many problems. */
const SEND_ANSWER_BYTES_MAX = 65_536;
/**
 * A page of a hundred messages, each of maximum length with every character escaped, is some 3 MB.
 */
const READ_ANSWER_BYTES_MAX = 8_388_608;
/**
 * Ids that cannot be part of a path: `export` is the path of the export, and URLs drop the others.
 */
const UNNAMEABLE = ["", ".", "..", "export"];

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** For this call with all its attempts. Replaces the client's deadline. */
  readonly deadlineMs?: number;
  /**
   * The traceparent of your trace, as W3C Trace Context defines it. The service continues the
   * trace. Every attempt sends the same one.
   */
  readonly traceparent?: string;
}

export interface SendResult {
  readonly status: "ok";
  /** 1 unless the request was retried. */
  readonly attempts: number;
}

type ReadAnswer<T> = (answer: HttpAnswer, nowMs: number) => T;

/**
 * Sends messages to Lyftr and reads them. Every call ends with a value or a LyftrError before its
 * deadline. Nothing has to be closed: connections are managed by the platform, are kept for the
 * next request, and do not keep a process alive.
 */
export class LyftrClient {
  readonly #settings: ClientSettings;
  readonly #gate: Gate;

  constructor(options: LyftrClientOptions) {
    this.#settings = settingsOf(options);
    this.#gate = new Gate(this.#settings.concurrency);
  }

  /** Resolves when the message is stored, by this call or an earlier one. */
  async send(message: Message, options: CallOptions = {}): Promise<SendResult> {
    return this.sendBytes(encoded(message), options);
  }

  /** Sends a message that is already JSON. Exactly these bytes are signed and sent. */
  async sendBytes(body: Uint8Array<ArrayBuffer>, options: CallOptions = {}): Promise<SendResult> {
    const { secret } = this.#settings;
    if (secret === undefined) throw new LyftrError("usage", "sending needs `secret`");
    const headers = {
      "content-type": "application/json",
      "x-signature": signatureOf(secret, body),
    };
    const { value, attempts } = await this.#ask(
      { path: "/webhook", method: "POST", headers, body, bytesMax: SEND_ANSWER_BYTES_MAX },
      (answer, nowMs) => expected(answer, nowMs, isAccepted),
      options,
    );
    return { status: value.status, attempts };
  }

  /**
   * Sends all messages, a bounded number at once, and takes them from the source no faster than
   * that. A refused message does not stop the others.
   */
  async sendMany(
    messages: Iterable<Message> | AsyncIterable<Message>,
    options: SendManyOptions = {},
  ): Promise<SendManyResult> {
    const { signal, deadlineMs, traceparent } = options;
    const concurrency = concurrencyOf(options.concurrency ?? this.#settings.concurrency);
    const call = {
      ...(signal && { signal }),
      ...(deadlineMs && { deadlineMs }),
      ...(traceparent && { traceparent }),
    };
    return new SendManyRun((message) => this.send(message, call), messages, {
      ...options,
      concurrency,
    }).run();
  }

  /** Every message that matches, however many there are. The deadline is for each page. */
  messages(
    filter: MessageFilter = {},
    options: CallOptions = {},
  ): AsyncGenerator<StoredMessage, void, undefined> {
    return readPages(filter, (query) =>
      this.#read(`/messages${query}`, (...answer) => expected(...answer, isPage), options),
    );
  }

  /** One message, or undefined. Give `source` if two sources use the id. */
  async message(
    id: string,
    { source, ...options }: CallOptions & { readonly source?: string } = {},
  ): Promise<StoredMessage | undefined> {
    if (UNNAMEABLE.includes(id) || !isWellFormed(id))
      throw new LyftrError(
        "usage",
        `the id ${JSON.stringify(id)} cannot be part of a URL; messages() finds it`,
      );
    const query = source === undefined ? "" : `?${new URLSearchParams({ source })}`;
    const read = (answer: HttpAnswer, nowMs: number) =>
      isNotFound(answer) ? undefined : expected(answer, nowMs, isStoredMessage);
    return this.#read(`/messages/${encodeURIComponent(id)}${query}`, read, options);
  }

  async stats(options: CallOptions = {}): Promise<Stats> {
    return this.#read("/stats", (...answer) => expected(...answer, isStats), options);
  }

  async #read<T>(path: string, read: ReadAnswer<T>, options: CallOptions): Promise<T> {
    const wanted = { path, method: "GET", headers: {}, bytesMax: READ_ANSWER_BYTES_MAX } as const;
    return (await this.#ask(wanted, read, options)).value;
  }

  #ask<T>(
    { path, headers, ...wanted }: Omit<HttpRequest, "url"> & { readonly path: string },
    read: ReadAnswer<T>,
    { signal, deadlineMs, traceparent }: CallOptions,
  ): Promise<{ readonly value: T; readonly attempts: number }> {
    const { baseUrl, fetch, attemptMs, attemptsMax, random, clock } = this.#settings;
    const sent = {
      ...wanted,
      url: `${baseUrl}${path}`,
      // Answers are short, and the length of a compressed answer cannot be trusted.
      headers: {
        accept: "application/json",
        "accept-encoding": "identity",
        ...this.#settings.headers,
        ...headers,
        ...traceHeader(traceparent),
      },
    };
    const attempt = async (leftMs: () => number) => {
      await this.#gate.enter(leftMs(), signal);
      try {
        const answer = await request(fetch, sent, {
          msMax: Math.max(1, Math.min(attemptMs, leftMs())),
          signal,
        });
        return read(answer, clock.now());
      } finally {
        this.#gate.leave();
      }
    };
    const limitMs =
      deadlineMs === undefined ? this.#settings.deadlineMs : milliseconds("deadlineMs", deadlineMs);
    return withRetries(attempt, { deadlineMs: limitMs, attemptsMax, clock, random, signal });
  }
}

/** The service's own 404; another 404 means that the URL is wrong. */
function isNotFound({ status, text }: HttpAnswer): boolean {
  return status === 404 && text === '{"detail":"Not Found"}';
}

function isWellFormed(text: string): boolean {
  return !/[\ud800-\udfff]/u.test(text);
}
