import { Command, CommanderError } from "commander";
import { type Environment, withDotEnv } from "../config.ts";
import { EXIT_FAILED, EXIT_USAGE } from "./cli-error.ts";
import { explain } from "./failures.ts";
import { complain, say, whatWasUnsaid } from "./terminal.ts";

/** `env` has the `.env` file in it, `outside` has not. `exit` sets the exit code of a command that does not fail by throwing. */
export type CommandFactory = (env: Environment, exit: (code: number) => void, outside: Environment) => Command;

/** Each command is loaded when it is called: a health check, asked for every few seconds, shall not load a web server. */
const COMMANDS: Readonly<Record<string, () => Promise<CommandFactory>>> = {
  serve: async () => (await import("./serve.ts")).serveCommand,
  init: async () => (await import("./init.ts")).initCommand,
  demo: async () => (await import("./demo.ts")).demoCommand,
  send: async () => (await import("./send.ts")).sendCommand,
  import: async () => (await import("./import.ts")).importCommand,
  copy: async () => (await import("./copy.ts")).copyCommand,
  backup: async () => (await import("./backup.ts")).backupCommand,
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
  healthcheck: async () => (await import("./healthcheck.ts")).healthcheckCommand,
};

export const COMMAND_NAMES: readonly string[] = Object.keys(COMMANDS);

const EXAMPLES = `
Examples:
  $ lyftr demo                 look around, on a database that is thrown away
  $ lyftr init && lyftr serve  run it, on ./data/app.db
  $ lyftr send --from +919876543210 --to +14155550100 --text Hello
`;

/** Runs one command. Resolves with the exit code; what a command has to say goes to stdout, complaints to stderr. */
export async function runCli(args: readonly string[], outside: Environment): Promise<number> {
  const exitCode = await run(args, outside);
  const problem = await whatWasUnsaid();
  if (problem === undefined) return exitCode;
  complain(`The result could not be written to standard output: ${problem}\n`);
  return exitCode === 0 ? EXIT_FAILED : exitCode;
}

async function run(args: readonly string[], outside: Environment): Promise<number> {
  try {
    const env = withDotEnv(outside);
    let exitCode = 0;
    const program = newProgram();
    const [name = ""] = args;
    const called = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
    // Without one, all are needed: for the help, and to guess what a misspelt one means. The version is the service's.
    if (called === undefined) program.version((await import("../app/start-up.ts")).VERSION);
    for (const load of called === undefined ? Object.values(COMMANDS) : [called]) {
      const command = await load();
      program.addCommand(
        inheriting(
          command(env, (code) => (exitCode = code), outside),
          program,
        ),
      );
    }
    await program.parseAsync(helpMeant(program, args), { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
    const { text, exitCode } = explain(error);
    complain(text);
    return exitCode;
  }
}

/**
 * `help NAME …` and `NAME … --help` as the words of the command that is meant. Without this an unknown
 * command is answered with the help of all, and exit code 0.
 */
function helpMeant(program: Command, args: readonly string[]): readonly string[] {
  let command = program;
  const words: string[] = [];
  let asked = false;
  for (const arg of args) {
    if (command.commands.length === 0 || arg.startsWith("-")) break;
    if (arg === "help") {
      asked = true;
      continue;
    }
    words.push(arg);
    const next = command.commands.find((one) => one.name() === arg);
    // Parsed alone, it is complained about.
    if (next === undefined) return words;
    command = next;
  }
  return asked ? [...words, "--help"] : args;
}

/** The command and those below it complain, and end, as the program does. */
function inheriting(command: Command, program: Command): Command {
  for (const below of command.commands) inheriting(below, program);
  return command.copyInheritedSettings(program);
}

function newProgram(): Command {
  return new Command("lyftr")
    .description("A webhook inbox that loses nothing.")
    .addHelpText("after", EXAMPLES)
    .exitOverride()
    .configureOutput({ writeOut: say, writeErr: complain })
    .showHelpAfterError("Run with --help to see what is possible.");
}
