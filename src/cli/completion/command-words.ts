import type { Command, Option } from "commander";

/** What may follow the words of a command. */
export interface CommandWords {
  /** The words that lead here, such as `keys create`; empty for the program. */
  readonly path: string;
  /** Subcommands with their descriptions. */
  readonly commands: readonly Described[];
  readonly options: readonly OptionWords[];
  /** Values of its arguments: a list of words, or the names of files. */
  readonly values: readonly string[];
  readonly takesFiles: boolean;
}

export interface Described {
  readonly name: string;
  readonly description: string;
}

export interface OptionWords extends Described {
  /** Whether a value follows. */
  readonly takesValue: boolean;
  readonly values: readonly string[];
  readonly takesFiles: boolean;
}

const HELP: OptionWords = {
  name: "--help",
  description: "display help for command",
  takesValue: false,
  values: [],
  takesFiles: false,
};
const VERSION: OptionWords = {
  ...HELP,
  name: "--version",
  description: "output the version number",
};

/** The words of a program and of all its commands. */
export function wordsOf(program: Command): readonly CommandWords[] {
  return [{ ...ownWords(program, ""), options: [HELP, VERSION] }, ...wordsBelow(program, "")];
}

function wordsBelow(command: Command, path: string): readonly CommandWords[] {
  return command.commands.flatMap((below) => {
    const belowPath = path === "" ? below.name() : `${path} ${below.name()}`;
    return [ownWords(below, belowPath), ...wordsBelow(below, belowPath)];
  });
}

function ownWords(command: Command, path: string): CommandWords {
  const commands = command.commands.map((below) => ({
    name: below.name(),
    description: below.description(),
  }));
  const values = command.registeredArguments.flatMap(({ argChoices = [] }) => argChoices);
  const takesFiles = command.registeredArguments.some((argument) => argument.name() === "file");
  return {
    path,
    commands,
    options: [...command.options.map(optionWords), HELP],
    values,
    takesFiles,
  };
}

function optionWords({
  long,
  flags,
  description,
  required,
  optional,
  argChoices = [],
}: Option): OptionWords {
  const takesValue = required || optional;
  return {
    name: long ?? flags,
    description,
    takesValue,
    values: argChoices,
    takesFiles: /<file>/.test(flags),
  };
}
