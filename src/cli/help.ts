import type { Command } from "commander";
import { wrapped } from "./wrap.ts";

/** What a command says about itself besides its description, arguments and options. */
export interface CommandHelp {
  /** Paragraphs of prose. */
  readonly notes?: readonly string[];
  /** Command lines, as they are typed. */
  readonly examples: readonly string[];
  /** One line of the input that the command reads. */
  readonly input?: string;
  /** What exit codes mean, where that differs from {@link EXIT_CODES}. */
  readonly exitCodes?: Readonly<Record<number, string>>;
}

/** What the exit codes of every command mean. */
export const EXIT_CODES: Readonly<Record<number, string>> = {
  0: "success",
  1: "failure; standard error says why",
  2: "wrong arguments or configuration; trying again changes nothing",
};

/** One line of a file of messages. */
export const MESSAGE_LINE =
  '{"message_id":"m1","from":"+91987","to":"+14155","ts":"2025-01-15T10:00:00Z"}';

const WIDTH_MAX = 80;
const helps = new WeakMap<Command, CommandHelp>();

/** Adds notes, examples and exit codes to the help of a command, and of docs/cli.md. */
export function withHelp(command: Command, help: CommandHelp): Command {
  helps.set(command, help);
  return command.addHelpText("after", () => helpText(help, helpWidth()));
}

export function helpOf(command: Command): CommandHelp | undefined {
  return helps.get(command);
}

function helpWidth(): number {
  return Math.min(process.stdout.columns ?? WIDTH_MAX, WIDTH_MAX);
}

/** Notes, examples and exit codes, in lines of at most `width` characters where words allow it. */
function helpText(
  { notes = [], examples, input, exitCodes = {} }: CommandHelp,
  width: number,
): string {
  const blocks = notes.map((note) => wrapped(note, width));
  blocks.push(["Examples:", ...examples.flatMap((example) => indented(`$ ${example}`))]);
  if (input !== undefined) blocks.push(["A line of the input:", ...indented(input)]);
  const codes = Object.entries(exitCodes);
  if (codes.length > 0) {
    const lines = codes.flatMap(([code, meaning]) =>
      wrapped(meaning, width - 5).map((line, at) => `  ${at === 0 ? code : " "}  ${line}`),
    );
    blocks.push(["Exit codes:", ...lines]);
  }
  return `\n${blocks.map((lines) => lines.join("\n")).join("\n\n")}`;
}

function indented(text: string): readonly string[] {
  return text.split("\n").map((line) => `  ${line}`);
}
