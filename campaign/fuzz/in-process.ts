import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { INHERITED } from "../../test/support/process.ts";
import type { RoundContext, RoundResult } from "../fault.ts";
import type { Random } from "../support/random.ts";

// Checks that call functions of src/ directly run in a process of their own. So a control can build
// them wrong, and a crash or an endless loop is a broken promise and not the end of the campaign.

/** What such a process runs: `executions` calls, from this seed. */
export interface CheckOptions {
  readonly random: Random;
  readonly executions: number;
  /** An empty folder for files. */
  readonly folder: string;
  /** Must be called every few seconds: a process without progress is killed. */
  readonly progress: () => void;
}

export type Check = (options: CheckOptions) => RoundResult | Promise<RoundResult>;

const MAIN = fileURLToPath(new URL("./check-process.ts", import.meta.url));
/** A busy machine makes a check slow, but does not stop it. */
const PROGRESS_MS_MAX = 120_000;
/** What the process writes to standard error for progress. */
export const PROGRESS = ".";
const LAST_WORDS_CHARACTERS_MAX = 2_000;

/** Runs the {@link Check} of that name in a process of its own. */
export async function inProcess(
  context: RoundContext,
  name: string,
  executions: number,
): Promise<RoundResult> {
  const args = [MAIN, name, String(context.random.seed()), String(executions), context.folder];
  const env = { ...INHERITED, ...context.env };
  const child = spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  const timer = setTimeout(() => child.kill("SIGKILL"), PROGRESS_MS_MAX);
  let out = "";
  let err = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    timer.refresh();
    if (text.replaceAll(PROGRESS, "") !== "") err += text;
  });
  const [code, signal] = await once(child, "close");
  clearTimeout(timer);
  if (code === 0) return JSON.parse(out);
  const lastWords = err.slice(-LAST_WORDS_CHARACTERS_MAX);
  return {
    counts: {},
    broken: [`the process of ${name} ended with ${code ?? signal}: ${lastWords}`],
  };
}
