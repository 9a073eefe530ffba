import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { JsonTraceSerializer, ProtobufTraceSerializer } from "@opentelemetry/otlp-transformer";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { codeInWords } from "../../domain/failure-words.ts";
import type { Runtime } from "../../runtime.ts";

const ENCODINGS = {
  protobuf: { serializer: ProtobufTraceSerializer, type: "application/x-protobuf" },
  json: { serializer: JsonTraceSerializer, type: "application/json" },
};
/** The statuses OTLP names as retryable. */
const RETRYABLE = new Set([429, 502, 503, 504]);
const BACK_OFF_MS_FIRST = 500;
const BACK_OFF_MS_MAX = 5_000;
const ANSWER_BYTES_MAX = 65_536;

/** Where spans are sent, and how. */
export interface OtlpOptions {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly encoding: keyof typeof ENCODINGS;
  readonly gzip: boolean;
  /** The longest time of one request with all its attempts. */
  readonly msMax: number;
}

export interface OtlpSenderOptions extends OtlpOptions, Pick<Runtime, "clock" | "random"> {
  readonly version: string;
}

/** Why the collector did not take spans. */
export interface Refusal {
  /** How many spans it did not take; all of them when this is missing. */
  readonly spans?: number;
  readonly reason: string;
  readonly isRetryable?: boolean;
  readonly retryAfterMs?: number | undefined;
}

/**
 * Sends spans to a collector by OTLP over HTTP. A request with all its attempts ends at its
 * deadline, whatever the collector does, and at once when the process ends.
 */
export class OtlpSender {
  readonly #options: OtlpSenderOptions;
  readonly #closing = new AbortController();

  constructor(options: OtlpSenderOptions) {
    this.#options = options;
  }

  /** Resolves with undefined when the collector took all spans. Never rejects. */
  async send(spans: ReadableSpan[]): Promise<Refusal | undefined> {
    const { encoding, msMax, clock, random } = this.#options;
    const deadlineMs = clock.monotonic() + msMax;
    const signal = AbortSignal.any([AbortSignal.timeout(msMax), this.#closing.signal]);
    try {
      const bytes = ENCODINGS[encoding].serializer.serializeRequest(spans);
      if (bytes === undefined) return { reason: "The spans cannot be encoded." };
      const body = new Uint8Array(this.#options.gzip ? await promisify(gzip)(bytes) : bytes);
      for (
        let backOffMs = BACK_OFF_MS_FIRST;
        ;
        backOffMs = Math.min(BACK_OFF_MS_MAX, 2 * backOffMs)
      ) {
        const refusal = await this.#attempt(body, signal);
        if (refusal === undefined) return undefined;
        const retryMs = refusal.retryAfterMs ?? backOffMs * (0.5 + random());
        if (!refusal.isRetryable || clock.monotonic() + retryMs >= deadlineMs) return refusal;
        await clock.sleep(retryMs, signal);
      }
    } catch (error) {
      return { reason: this.#closing.signal.aborted ? "The service is closing." : reasonOf(error) };
    }
  }

  /** Aborts the requests under way. */
  close(): void {
    this.#closing.abort();
  }

  async #attempt(body: Uint8Array<ArrayBuffer>, signal: AbortSignal): Promise<Refusal | undefined> {
    const { url, headers, encoding, gzip: isGzip, version } = this.#options;
    let response: Response;
    try {
      response = await fetch(url, {
        method: "POST",
        body,
        signal,
        // The headers may contain a key, and a redirect could take it to another host.
        redirect: "manual",
        headers: {
          "user-agent": `lyftr/${version}`,
          ...headers,
          "content-type": ENCODINGS[encoding].type,
          ...(isGzip && { "content-encoding": "gzip" }),
        },
      });
    } catch (error) {
      if (signal.aborted) throw error;
      return { reason: reasonOf(error), isRetryable: true };
    }
    const { ok, status } = response;
    if (ok) return this.#partialRefusal(response);
    await response.body?.cancel();
    const reason = `The collector answered ${status}.`;
    return { reason, isRetryable: RETRYABLE.has(status), retryAfterMs: retryAfterMs(response) };
  }

  /** A collector that answers 200 may still reject some spans, and then it says how many. */
  async #partialRefusal(response: Response): Promise<Refusal | undefined> {
    try {
      const answer = await readBounded(response);
      const { serializer } = ENCODINGS[this.#options.encoding];
      const spans = Number(
        serializer.deserializeResponse(answer).partialSuccess?.rejectedSpans ?? 0,
      );
      return spans > 0 ? { spans, reason: "The collector rejected them." } : undefined;
    } catch {
      // The rest of the body does not matter: the status said that the spans are taken.
      return undefined;
    }
  }
}

async function readBounded({ body }: Response): Promise<Uint8Array> {
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

/** A sentence for the log. The messages of fetch() are not repeated: they may contain the URL. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "It failed for an unknown reason.";
  if (error.name === "TimeoutError") return codeInWords("timeout");
  const { cause } = error;
  const code =
    cause instanceof Error ? ((cause as NodeJS.ErrnoException).code ?? cause.name) : undefined;
  return codeInWords(code ?? (error instanceof TypeError ? error.name : error.message));
}
