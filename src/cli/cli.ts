import { Command, CommanderError } from "commander";
import { type Environment, VARIABLES, withDotEnv } from "../config.ts";
import { EXIT_FAILED, EXIT_USAGE } from "./cli-error.ts";
import { explain } from "./failures.ts";
import { flushOutput, writeStderr, writeStdout } from "./terminal.ts";

/**
 * `env` includes the `.env` file, `outside` does not. `exit` sets the exit code of a command that
 * does not throw.
 */
export type CommandFactory = (
  env: Environment,
  exit: (code: number) => void,
  outside: Environment,
) => Command;

/**
 * A command is loaded when it is called, so that a frequent health check does not load a web
 * server.
 */
const COMMANDS: Readonly<Record<string, () => Promise<CommandFactory>>> = {
  serve: async () => (await import("./serve.ts")).serveCommand,
  init: async () => (await import("./init.ts")).initCommand,
  demo: async () => (await import("./demo.ts")).demoCommand,
  send: async () => (await import("./send.ts")).sendCommand,
  sign: async () => (await import("./sign.ts")).signCommand,
  "verify-signature": async () => (await import("./verify-signature.ts")).verifySignatureCommand,
  import: async () => (await import("./import.ts")).importCommand,
  export: async () => (await import("./export.ts")).exportCommand,
  copy: async () => (await import("./copy.ts")).copyCommand,
  backup: async () => (await import("./backup.ts")).backupCommand,
  restore: async () => (await import("./restore.ts")).restoreCommand,
  keys: async () => (await import("./keys.ts")).keysCommand,
  secrets: async () => (await import("./secrets.ts")).secretsCommand,
  alerts: async () => (await import("./alerts.ts")).alertsCommand,
  audit: async () => (await import("./audit.ts")).auditCommand,
  verify: async () => (await import("./verify.ts")).verifyCommand,
  retention: async () => (await import("./retention.ts")).retentionCommand,
  erase: async () => (await import("./erase.ts")).eraseCommand,
  migrate: async () => (await import("./migrate.ts")).migrateCommand,
  "check-config": async () => (await import("./check-config.ts")).checkConfigCommand,
  version: async () => (await import("./version.ts")).versionCommand,
  completion: async () => (await import("./completion.ts")).completionCommand,
  healthcheck: async () => (await import("./healthcheck.ts")).healthcheckCommand,
};

export const COMMAND_NAMES: readonly string[] = Object.keys(COMMANDS);

const EXAMPLES = `
Examples:
  $ lyftr demo                 try it on a temporary database
  $ lyftr init && lyftr serve  run it on ./data/app.db
  $ lyftr send --from +919876543210 --to +14155550100 --text Hello
`;

/**
 * Runs one command. Resolves with the exit code. Results go to stdout, everything else to stderr.
 */
export async function runCli(args: readonly string[], outside: Environment): Promise<number> {
  const exitCode = await run(args, outside);
  const problem = await flushOutput();
  if (problem === undefined) return exitCode;
  writeStderr(`The result could not be written to standard output: ${problem}\n`);
  return exitCode === 0 ? EXIT_FAILED : exitCode;
}

async function run(args: readonly string[], outside: Environment): Promise<number> {
  try {
    const env = withDotEnv(outside);
    let exitCode = 0;
    const program = newProgram();
    const [name = ""] = args;
    const called = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
    // Without a command, all are loaded, for the help and for suggestions. Completion needs all
    // too.
    if (called === undefined) program.version((await import("../app/start-up.ts")).VERSION);
    const needed =
      called === undefined || name === "completion" ? Object.values(COMMANDS) : [called];
    const exit = (code: number) => {
      exitCode = code;
    };
    await addCommands(program, needed, { env, exit, outside });
    await program.parseAsync(helpAsFlag(program, args), { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
    const { text, exitCode } = explain(error);
    writeStderr(text);
    return exitCode;
  }
}

/**
 * The program with every command, for its documentation and for shell completion. Nothing can be
 * run with it.
 */
export async function wholeProgram(): Promise<Command> {
  const program = newProgram();
  await addCommands(program, Object.values(COMMANDS), {
    env: {},
    exit: () => undefined,
    outside: {},
  });
  return program;
}

interface ProgramOptions {
  readonly env: Environment;
  readonly exit: (code: number) => void;
  readonly outside: Environment;
}

async function addCommands(
  program: Command,
  loads: readonly (() => Promise<CommandFactory>)[],
  { env, exit, outside }: ProgramOptions,
): Promise<void> {
  for (const load of loads) {
    const command = await load();
    program.addCommand(inheriting(command(env, exit, outside), program));
  }
}

/**
 * Rewrites `help NAME …` to `NAME … --help`. Without this, commander answers an unknown command
 * with the help of the program and exit code 0.
 */
function helpAsFlag(program: Command, args: readonly string[]): readonly string[] {
  let command = program;
  const words: string[] = [];
  let isHelp = false;
  for (const arg of args) {
    if (command.commands.length === 0 || arg.startsWith("-")) break;
    if (arg === "help") {
      isHelp = true;
      continue;
    }
    words.push(arg);
    const next = command.commands.find((one) => one.name() === arg);
    // Parsed alone, so that it is reported as unknown.
    if (next === undefined) return words;
    command = next;
  }
  return isHelp ? [...words, "--help"] : args;
}

/** Commands and subcommands report errors and exit as the program does. */
function inheriting(command: Command, program: Command, above = program.name()): Command {
  const typed = `${above} ${command.name()}`;
  for (const below of command.commands) inheriting(below, program, typed);
  return command.copyInheritedSettings(program).showHelpAfterError(whereToLook(typed, command));
}

/** The line after an error: the help that lists what is right in place of it. */
function whereToLook(typed: string, { commands }: Pick<Command, "commands">): string {
  return `Run ${typed} --help to see its ${commands.length > 0 ? "commands" : "arguments and options"}.`;
}

/**
 * Writes an error about arguments. An unknown option such as --port gets the environment variable
 * of that name, because most settings of the service are no options.
 */
function writeArgumentError(text: string): void {
  const [, option = ""] = /unknown option '--([a-z-]+)/.exec(text) ?? [];
  const name = option.toUpperCase().replaceAll("-", "_");
  const isVariable = Object.values(VARIABLES).some((variable) => variable.name === name);
  writeStderr(isVariable ? `${text}${name} is an environment variable: ${name}=… lyftr …\n` : text);
}

/** Names alone: arguments would make the column of commands too wide for a terminal. */
function subcommandTerm(command: Command): string {
  return command.name();
}

function newProgram(): Command {
  return new Command("lyftr")
    .description("A webhook inbox that loses no message.")
    .addHelpText("after", EXAMPLES)
    .exitOverride()
    .configureHelp({ subcommandTerm })
    .configureOutput({
      writeOut: writeStdout,
      writeErr: writeStderr,
      outputError: writeArgumentError,
    })
    .showHelpAfterError("Run lyftr --help to see its commands.");
}
