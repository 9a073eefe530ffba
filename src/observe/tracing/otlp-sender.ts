import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { JsonTraceSerializer, ProtobufTraceSerializer } from "@opentelemetry/otlp-transformer";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import type { Clock } from "../../domain/clock.ts";
import { codeInWords } from "../../domain/failure-words.ts";
import type { OtlpOptions } from "./options.ts";

const SERIALIZERS = { protobuf: ProtobufTraceSerializer, json: JsonTraceSerializer };
const CONTENT_TYPES = { protobuf: "application/x-protobuf", json: "application/json" };
/** What OTLP says may be tried again; everything else would be refused again. */
const TRY_AGAIN = new Set([429, 502, 503, 504]);
const BACK_OFF_MS_FIRST = 500;
const BACK_OFF_MS_MAX = 5_000;
/** A collector's answer has some bytes. */
const ANSWER_BYTES_MAX = 65_536;

export interface OtlpSenderOptions extends OtlpOptions {
  readonly version: string;
  readonly clock: Clock;
  readonly random: () => number;
}

/** How many of the spans are not taken, and why; undefined when all are. */
export interface Untaken {
  readonly spans: number;
  readonly reason: string;
}

interface Attempt {
  readonly untaken: Untaken | undefined;
  /** It may be tried again after so long; undefined when it may not. */
  readonly againMs?: number;
}

/**
 * Sends spans to a collector, by OTLP over HTTP. A request with all its attempts ends in its time whatever the collector does, and at once
 * when the process closes.
 */
export class OtlpSender {
  readonly #options: OtlpSenderOptions;
  readonly #closing = new AbortController();

  constructor(options: OtlpSenderOptions) {
    this.#options = options;
  }

  /** Never rejects. */
  async send(spans: readonly ReadableSpan[]): Promise<Untaken | undefined> {
    const { encoding, msMax, clock } = this.#options;
    const lost = (reason: string): Untaken => ({ spans: spans.length, reason });
    const deadlineMs = clock.monotonic() + msMax;
    const signal = AbortSignal.any([AbortSignal.timeout(msMax), this.#closing.signal]);
    try {
      const body = await this.#encoded(SERIALIZERS[encoding].serializeRequest([...spans]));
      for (let backOffMs = BACK_OFF_MS_FIRST; ; backOffMs = Math.min(BACK_OFF_MS_MAX, 2 * backOffMs)) {
        const { untaken, againMs } = await this.#attempt(body, { spans: spans.length, signal, backOffMs });
        if (untaken === undefined || againMs === undefined) return untaken;
        if (clock.monotonic() + againMs >= deadlineMs) return untaken;
        await clock.sleep(againMs, signal);
      }
    } catch (error) {
      return lost(this.#closing.signal.aborted ? "The service is closing." : reasonOf(error));
    }
  }

  /** Ends what is under way. */
  close(): void {
    this.#closing.abort();
  }

  async #encoded(bytes: Uint8Array | undefined): Promise<Uint8Array<ArrayBuffer>> {
    if (bytes === undefined) throw new Error("cannot be encoded");
    return new Uint8Array(this.#options.gzip ? await promisify(gzip)(bytes) : bytes);
  }

  async #attempt(
    body: Uint8Array<ArrayBuffer>,
    { spans, signal, backOffMs }: { readonly spans: number; readonly signal: AbortSignal; readonly backOffMs: number },
  ): Promise<Attempt> {
    const { url, headers, encoding, gzip: compressed, version, random } = this.#options;
    const jitteredMs = backOffMs * (0.5 + random());
    let response: Response;
    try {
      response = await fetch(url, {
        method: "POST",
        body,
        signal,
        // The headers may hold a key, which is for nobody but the collector.
        redirect: "manual",
        headers: {
          "user-agent": `lyftr/${version}`,
          ...headers,
          "content-type": CONTENT_TYPES[encoding],
          ...(compressed && { "content-encoding": "gzip" }),
        },
      });
    } catch (error) {
      if (signal.aborted) throw error;
      return { untaken: { spans, reason: reasonOf(error) }, againMs: jitteredMs };
    }
    if (response.ok) return { untaken: await this.#rejectedBy(response) };
    await response.body?.cancel();
    const untaken = { spans, reason: `The collector answered ${response.status}.` };
    if (!TRY_AGAIN.has(response.status)) return { untaken };
    return { untaken, againMs: retryAfterMs(response) ?? jitteredMs };
  }

  /** A collector that takes what it is sent may still reject some of it, and says so. */
  async #rejectedBy(response: Response): Promise<Untaken | undefined> {
    try {
      const answer = await boundedBody(response);
      const { partialSuccess } = SERIALIZERS[this.#options.encoding].deserializeResponse(answer);
      const spans = Number(partialSuccess?.rejectedSpans ?? 0);
      return spans > 0 ? { spans, reason: "The collector rejected them." } : undefined;
    } catch {
      // Whatever else is in the body: its status said that they are taken.
      return undefined;
    }
  }
}

async function boundedBody({ body }: Response): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
    bytes += chunk.length;
    // Leaving the loop closes the connection.
    if (bytes > ANSWER_BYTES_MAX) throw new Error("the answer is too long");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function retryAfterMs({ headers }: Response): number | undefined {
  const text = headers.get("retry-after") ?? "";
  return /^[0-9]{1,6}$/.test(text) ? Number(text) * 1_000 : undefined;
}

/** A sentence for the log: what fetch() says itself may have the URL in it. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "It failed for an unknown reason.";
  if (error.name === "TimeoutError") return codeInWords("timeout");
  const { cause } = error;
  const code = cause instanceof Error ? ((cause as NodeJS.ErrnoException).code ?? cause.name) : undefined;
  return codeInWords(code ?? (error instanceof TypeError ? error.name : error.message));
}
