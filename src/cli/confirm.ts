import { createInterface } from "node:readline/promises";
import { CliError, EXIT_USAGE } from "./cli-error.ts";

/**
 * Refuses a command that must ask when standard input is not a terminal. `nothing` completes "so
 * …".
 */
export function requireTerminal(
  nothing = "nothing was deleted. To delete without a question, add --yes",
): void {
  if (!process.stdin.isTTY)
    throw new CliError(`The command cannot ask without a terminal, so ${nothing}.`, EXIT_USAGE);
}

/**
 * Asks at the terminal, after {@link requireTerminal}. Only "yes" confirms; Ctrl-C and the end of
 * input do not.
 */
export async function confirmed(question: string, signal?: AbortSignal): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const closed = new Promise<string>((resolve) => terminal.once("close", () => resolve("")));
  const stop = () => terminal.close();
  signal?.addEventListener("abort", stop, { once: true });
  try {
    const answer = await Promise.race([
      terminal.question(`${question} Type yes: `).catch(() => ""),
      closed,
    ]);
    return answer.trim().toLowerCase() === "yes";
  } finally {
    signal?.removeEventListener("abort", stop);
    terminal.close();
  }
}
