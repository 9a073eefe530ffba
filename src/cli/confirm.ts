import { createInterface } from "node:readline/promises";
import { CliError, EXIT_USAGE } from "./cli-error.ts";

/** Refuses a command that has to ask where there is no terminal to ask at. */
export function requireTerminal(): void {
  if (!process.stdin.isTTY)
    throw new CliError(
      "There is no terminal for the question, so nothing was deleted. To delete without a question, add --yes.",
      EXIT_USAGE,
    );
}

/** Asks a question at the terminal. Only "yes" is agreement; Ctrl-C and the end of input are not. */
export async function confirmed(question: string, signal?: AbortSignal): Promise<boolean> {
  requireTerminal();
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const closed = new Promise<string>((resolve) => terminal.once("close", () => resolve("")));
  const stop = () => terminal.close();
  signal?.addEventListener("abort", stop, { once: true });
  try {
    const answer = await Promise.race([terminal.question(`${question} Type yes: `).catch(() => ""), closed]);
    return answer.trim().toLowerCase() === "yes";
  } finally {
    signal?.removeEventListener("abort", stop);
    terminal.close();
  }
}
