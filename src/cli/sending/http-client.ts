import { once } from "node:events";
import http, { type IncomingMessage } from "node:http";
import https from "node:https";

const ANSWER_BYTES_MAX = 4 * 1024 * 1024;

export interface HttpRequest {
  readonly method?: "GET" | "POST";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
  /** From the first byte of the request to the last of its answer. */
  readonly msMax: number;
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
  /** The header, when it is a number. */
  readonly retryAfterSeconds: number | undefined;
}

/** Requests over connections that are kept open, a bounded number of them. */
export class HttpClient {
  readonly #http: http.Agent;
  readonly #https: https.Agent;

  constructor({ connectionsMax }: { readonly connectionsMax: number }) {
    this.#http = new http.Agent({ keepAlive: true, maxSockets: connectionsMax });
    this.#https = new https.Agent({ keepAlive: true, maxSockets: connectionsMax });
  }

  /** Resolves with whatever was answered; rejects when nothing was. */
  async request(url: URL, { method = "GET", headers = {}, body, msMax }: HttpRequest): Promise<HttpAnswer> {
    const request =
      url.protocol === "https:"
        ? https.request(url, { method, headers, agent: this.#https })
        : http.request(url, { method, headers, agent: this.#http });
    const late = setTimeout(
      () => request.destroy(new Error(`no answer from ${url.origin} within ${msMax / 1_000} s`)),
      msMax,
    );
    // Once there is a response its own error says what happened; without a listener this one would end the process.
    request.on("error", () => undefined);
    try {
      request.end(body);
      const [response] = (await once(request, "response")) as [IncomingMessage];
      const retryAfter = Number(response.headers["retry-after"] ?? Number.NaN);
      return {
        status: response.statusCode ?? 0,
        body: await textOf(response),
        retryAfterSeconds: Number.isFinite(retryAfter) ? retryAfter : undefined,
      };
    } finally {
      clearTimeout(late);
    }
  }

  /** Closes the connections nobody uses any more. */
  close(): void {
    this.#http.destroy();
    this.#https.destroy();
  }
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) throw new Error(`the answer is larger than ${ANSWER_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
