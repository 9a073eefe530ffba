import type { Argument, Command, Option } from "commander";
import { wholeProgram } from "../../src/cli/cli.ts";
import { EXIT_CODES, helpOf } from "../../src/cli/help.ts";
import { block, code, GENERATED, page, paragraph, table } from "./markdown.ts";

const INTRODUCTION = paragraph(
  "Run a command as `npx lyftr COMMAND` in a checkout, and as `lyftr COMMAND` where the package is installed. " +
    "`lyftr help COMMAND` and `lyftr COMMAND --help` show its part of this page. Commands read the environment " +
    "variables of [configuration.md](configuration.md), above all `DATABASE_URL`. Results go to standard output, " +
    "everything else to standard error.",
);

/** docs/cli.md, from the commands. */
export async function cliPage(): Promise<string> {
  const program = await wholeProgram();
  const commands = program.commands.filter((command) => command.name() !== "help");
  return page(
    GENERATED,
    "# Command line",
    INTRODUCTION,
    table(
      ["command", "what it does"],
      commands.map((command) => [
        `[${code(`lyftr ${command.name()}`)}](#lyftr-${command.name()})`,
        command.description(),
      ]),
    ),
    "## Exit codes",
    table(["code", "meaning"], Object.entries(EXIT_CODES)),
    paragraph(
      "Where a command gives a code a narrower meaning, its section says so. A second signal ends a command at once, " +
        "with 130 (SIGINT) or 143 (SIGTERM).",
    ),
    ...commands.flatMap((command) => [`## lyftr ${command.name()}`, ...section(command)]),
  );
}

/** A command with its subcommands. */
function section(command: Command): readonly string[] {
  const own =
    command.parent && helpOf(command.parent) === helpOf(command) ? undefined : helpOf(command);
  const { notes = [], examples = [], input, exitCodes = {} } = own ?? {};
  const codes = Object.entries(exitCodes);
  return [
    paragraph(command.description()),
    ...notes.map((note) => paragraph(marked(note))),
    ...(command.commands.length === 0 ? usage(command) : []),
    ...(examples.length === 0 ? [] : ["Examples:", block("sh", examples.join("\n"))]),
    ...(input === undefined ? [] : ["A line of the input:", block("json", input)]),
    ...(codes.length === 0
      ? []
      : [
          table(
            ["exit code", "meaning"],
            codes.map(([name, text]) => [name, marked(text)]),
          ),
        ]),
    ...command.commands.flatMap((below) => [`### ${pathOf(below)}`, ...section(below)]),
  ];
}

function usage(command: Command): readonly string[] {
  const rows = [
    ...command.registeredArguments.map((argument) => [
      code(argumentText(argument)),
      argument.description,
      "required",
    ]),
    ...command.options.map((option) => [
      code(option.flags),
      describedOption(option),
      defaultOf(option),
    ]),
  ];
  return [
    block("text", `${pathOf(command)} ${command.usage()}`),
    ...(rows.length === 0
      ? []
      : [
          table(
            ["argument or option", "meaning", "default"],
            rows.map((row) => row.map(marked)),
          ),
        ]),
  ];
}

function describedOption({ description, argChoices }: Option): string {
  return argChoices === undefined ? description : `${description} (${argChoices.join(", ")})`;
}

function defaultOf({ mandatory, defaultValue, defaultValueDescription, negate }: Option): string {
  if (mandatory) return "required";
  if (negate || defaultValue === undefined || defaultValue === false) return "";
  return defaultValueDescription ?? String(defaultValue);
}

function argumentText(argument: Argument): string {
  return argument.required ? `<${argument.name()}>` : `[${argument.name()}]`;
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}

/** Environment variables and options of the plain text of a help, marked as code. */
function marked(text: string): string {
  if (text.startsWith("`")) return text;
  return text.replace(/(?<![`\w/.-])(--[a-z][a-z-]*|[A-Z]+_[A-Z_]*[A-Z](=0)?)(?![`\w])/g, "`$1`");
}
