import http, { type IncomingMessage } from "node:http";
import https from "node:https";
import { LyftrError } from "./errors.ts";
import { countOf } from "./options.ts";
import type { FetchAnswer, FetchInit } from "./request.ts";

const CONNECTIONS_MAX = 16;

/** A function for the option `fetch`. A program can call it too. */
export type NodeFetch = (url: string, init?: Partial<FetchInit>) => Promise<FetchAnswer>;

export interface NodeFetchOptions {
  /** Open connections to one server; further requests wait for one. Default: 16. */
  readonly connectionsMax?: number;
}

/**
 * For the option `fetch`: sends requests through node:http over kept connections, with less than
 * half of the CPU time of the platform's fetch(). Proxies and instrumentation of fetch() do not
 * apply to it.
 */
export function nodeFetch({ connectionsMax = CONNECTIONS_MAX }: NodeFetchOptions = {}): NodeFetch {
  const options = { keepAlive: true, maxSockets: countOf("connectionsMax", connectionsMax) };
  const plain = { request: http.request, agent: new http.Agent(options) };
  const encrypted = { request: https.request, agent: new https.Agent(options) };
  return (url, { method = "GET", headers = {}, body, signal } = {}) =>
    new Promise((resolve, reject) => {
      const { request: begin, agent } = url.startsWith("https:") ? encrypted : plain;
      const request = begin(url, { method, headers, agent });
      const abort = () => request.destroy();
      if (signal?.aborted) abort();
      signal?.addEventListener("abort", abort);
      request.on("error", reject);
      request.on("response", (response) => {
        if (response.headers["content-encoding"] === undefined) return resolve(answerOf(response));
        reject(
          new LyftrError(
            "protocol",
            "the answer is compressed, although the client did not ask for that",
          ),
        );
        response.destroy();
      });
      request.end(body);
    });
}

function answerOf(response: IncomingMessage): FetchAnswer {
  const get = (name: string) => response.headers[name]?.toString() ?? null;
  const text = () => textOf(response);
  return { status: response.statusCode ?? 0, headers: { get }, body: response, text };
}

function textOf(response: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    response.setEncoding("utf8");
    response.on("data", (chunk: string) => (text += chunk));
    response.on("end", () => resolve(text));
    response.on("error", reject);
  });
}
