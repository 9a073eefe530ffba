import { Command } from "commander";
import { type FetchAnswer, nodeFetch } from "../../client/client.ts";
import type { Environment } from "../config.ts";
import { serviceUrl } from "./arguments.ts";
import { CliError } from "./cli-error.ts";
import { connectionProblem } from "./failures.ts";
import { type CommandHelp, withHelp } from "./help.ts";
import { urlOf } from "./settings.ts";

const ANSWER_MS_MAX = 3_000;
const ANSWER_CHARACTERS_SHOWN_MAX = 200;

const HELP: CommandHelp = {
  notes: [
    "When the service is healthy, nothing is written. Otherwise one line says why it is not.",
  ],
  examples: ["lyftr healthcheck", "lyftr healthcheck --ready --url http://127.0.0.1:8001"],
  exitCodes: { 0: "the service answered 200 within 3 seconds", 1: "it did not" },
};

interface Options {
  readonly ready?: true;
  readonly url?: string;
}

/**
 * `lyftr healthcheck`: for container runtimes, which call it every few seconds. It writes nothing
 * on success.
 */
export function healthcheckCommand(env: Environment): Command {
  return withHelp(new Command("healthcheck"), HELP)
    .description("Check whether a running service is healthy.")
    .option("--ready", "check whether it can accept messages, not only whether it runs")
    .option("--url <url>", "the service (default: HOST and PORT on this machine)", serviceUrl)
    .action(async ({ ready, url }: Options) => {
      const problem = await problemOf(
        new URL(`${url ?? urlOf(env)}/health/${ready ? "ready" : "live"}`),
      );
      if (problem !== undefined) throw new CliError(`Not well: ${problem}.`);
    });
}

async function problemOf(url: URL): Promise<string | undefined> {
  const signal = AbortSignal.timeout(ANSWER_MS_MAX);
  try {
    const { status, body } = await nodeFetch()(url.href, { signal });
    if (status === 200) return undefined;
    return `${url} answered ${status} ${(await beginningOf(body)).replace(/\s+/g, " ")}`;
  } catch (error) {
    if (signal.aborted) return `no answer from ${url.origin} within ${ANSWER_MS_MAX / 1_000} s`;
    return connectionProblem(error, url);
  }
}

async function beginningOf(body: FetchAnswer["body"]): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length >= ANSWER_CHARACTERS_SHOWN_MAX) break;
  }
  return text.slice(0, ANSWER_CHARACTERS_SHOWN_MAX);
}
