import type { ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { freePort, ServerFolder } from "./server-folder.ts";
import { unlessTool } from "./tools.ts";

const START_MS_MAX = 30_000;
const ANSWER_MS_MAX = 10_000;
const LOOK_EVERY_MS = 50;

/** One series of the answer to a query, with its value at that moment. */
export interface QueriedSample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

/**
 * A real Prometheus of one test. It ends and is removed at the end of the scope, or with this
 * process.
 */
export interface Prometheus extends AsyncDisposable {
  readonly url: string;
  /** Queries for now, or for `atMs`. Rejects with Prometheus's message for a wrong query. */
  query(promql: string, atMs?: number): Promise<readonly QueriedSample[]>;
  log(): string;
}

/** Why none is available here, or false. */
export function unlessPrometheus(): string | false {
  return unlessTool("prometheus");
}

/**
 * Starts one with this configuration and resolves when it is ready. `files` are referenced by the
 * configuration, for example rules: they are written beside it under these names.
 */
export async function startPrometheus(
  config: string,
  files: Readonly<Record<string, string>> = {},
): Promise<Prometheus> {
  const folder = new ServerFolder("prometheus");
  try {
    const port = await freePort();
    for (const [name, text] of Object.entries(files)) folder.write(name, text);
    const child = folder.spawn("prometheus", [
      `--config.file=${folder.write("prometheus.yml", config)}`,
      `--storage.tsdb.path=${folder.path}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
    ]);
    const url = `http://127.0.0.1:${port}`;
    await untilReady(`${url}/-/ready`, child, folder);
    return {
      url,
      query: (promql, atMs) => query(url, promql, atMs),
      log: () => folder.log(),
      [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
    };
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
}

/**
 * A file of `deploy/` with addresses of a test instead of its own. Each must occur, or the test
 * would not test what it says.
 */
export function shipped(path: string, replacements: Readonly<Record<string, string>> = {}): string {
  let text = readFileSync(new URL(`../../deploy/${path}`, import.meta.url), "utf8");
  for (const [from, to] of Object.entries(replacements)) {
    if (!text.includes(from)) throw new Error(`there is no ${from} in deploy/${path}`);
    text = text.replaceAll(from, to);
  }
  return text;
}

/** Resolves when a server answers 200 there; rejects with its log when it ends instead. */
export async function untilReady(
  url: string,
  child: ChildProcess,
  folder: ServerFolder,
): Promise<void> {
  const deadline = performance.now() + START_MS_MAX;
  for (;;) {
    const answer = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS_MAX) }).catch(
      () => undefined,
    );
    await answer?.body?.cancel();
    if (answer?.ok === true) return;
    if (child.exitCode !== null || child.signalCode !== null || performance.now() > deadline)
      throw new Error(`nothing answers at ${url}:\n${folder.log()}`);
    await setTimeout(LOOK_EVERY_MS);
  }
}

interface Answer {
  readonly status: "success" | "error";
  readonly error?: string;
  readonly data?: { readonly resultType: string; readonly result: readonly InstantSeries[] };
}

interface InstantSeries {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [seconds: number, value: string];
}

async function query(
  url: string,
  promql: string,
  atMs: number | undefined,
): Promise<readonly QueriedSample[]> {
  const body = new URLSearchParams({
    query: promql,
    ...(atMs !== undefined && { time: String(atMs / 1_000) }),
  });
  const answer = await fetch(`${url}/api/v1/query`, {
    method: "POST",
    body,
    signal: AbortSignal.timeout(ANSWER_MS_MAX),
  });
  const { error, data } = (await answer.json()) as Answer;
  if (data?.resultType !== "vector")
    throw new Error(`${promql}: ${error ?? `no vector but a ${data?.resultType}`}`);
  return data.result.map(({ metric, value }) => ({ metric, value: toNumber(value[1]) }));
}

/** In Prometheus's spelling of numbers. */
function toNumber(text: string): number {
  if (text === "+Inf") return Number.POSITIVE_INFINITY;
  return text === "-Inf" ? Number.NEGATIVE_INFINITY : Number(text);
}
