import type { Command } from "commander";
import { say } from "./terminal.ts";

/** The option of a command that lists or reports. */
export interface JsonFlag {
  readonly json?: true | undefined;
}

export function withJson(command: Command): Command {
  return command.option("--json", "write one JSON object");
}

/** Writes a result for programs or for people. */
export function sayResult(json: true | undefined, value: object, text: string): void {
  if (json) sayJson(value);
  else say(text);
}

/** Writes a result for programs, on one line. */
export function sayJson(value: object): void {
  say(`${JSON.stringify(value)}\n`);
}
