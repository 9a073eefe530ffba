import type { Command } from "commander";
import { writeStdout } from "./terminal.ts";

/** The option of a command that lists or reports. */
export interface JsonFlag {
  readonly json?: true | undefined;
}

export function withJson(command: Command): Command {
  return command.option("--json", "write one JSON object");
}

/** Writes a result for programs or for people. */
export function writeResult(json: true | undefined, value: object, text: string): void {
  if (json) writeJson(value);
  else writeStdout(text);
}

/** Writes a result for programs, on one line. */
export function writeJson(value: object): void {
  writeStdout(`${JSON.stringify(value)}\n`);
}
