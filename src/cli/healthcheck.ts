import { Command } from "commander";
import { type FetchAnswer, nodeFetch } from "../../client/client.ts";
import type { Environment } from "../config.ts";
import { serviceUrl } from "./arguments.ts";
import { CliError } from "./cli-error.ts";
import { connectionProblem } from "./failures.ts";
import { urlOf } from "./settings.ts";

const ANSWER_MS_MAX = 3_000;
const ANSWER_CHARACTERS_SHOWN_MAX = 200;

const HELP = `
It ends with 0 when the service answers well within 3 seconds, else with 1 and one line that says why.

Examples:
  $ lyftr healthcheck
  $ lyftr healthcheck --ready --url http://127.0.0.1:8001
`;

interface Options {
  readonly ready?: true;
  readonly url?: string;
}

/** `lyftr healthcheck`: what a container runtime asks every few seconds. It says nothing when all is well. */
export function healthcheckCommand(env: Environment): Command {
  return new Command("healthcheck")
    .description("Ask a running service whether it is well.")
    .option("--ready", "ask whether it can take messages, not only whether it runs")
    .option("--url <url>", "the service (default: the one of HOST and PORT on this machine)", serviceUrl)
    .addHelpText("after", HELP)
    .action(async ({ ready, url }: Options) => {
      const problem = await problemOf(new URL(`${url ?? urlOf(env)}/health/${ready ? "ready" : "live"}`));
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
