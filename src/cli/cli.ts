import { Command, CommanderError } from "commander";
import { type Environment, withDotEnv } from "../config.ts";
import { ConfigError, StoreRefused, StoreUnavailable } from "../domain/errors.ts";
import { CliError, EXIT_FAILED, EXIT_USAGE } from "./cli-error.ts";
import { fileProblem } from "./failures.ts";
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
  backup: async () => (await import("./backup.ts")).backupCommand,
  verify: async () => (await import("./verify.ts")).verifyCommand,
  migrate: async () => (await import("./migrate.ts")).migrateCommand,
  "check-config": async () => (await import("./check-config.ts")).checkConfigCommand,
  healthcheck: async () => (await import("./healthcheck.ts")).healthcheckCommand,
};

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
    if (called === undefined) program.version((await import("../app.ts")).VERSION);
    for (const load of called === undefined ? Object.values(COMMANDS) : [called]) {
      const command = await load();
      program.addCommand(command(env, (code) => (exitCode = code), outside).copyInheritedSettings(program));
    }
    await program.parseAsync(args, { from: "user" });
    return exitCode;
  } catch (error) {
    return explain(error);
  }
}

function newProgram(): Command {
  return new Command("lyftr")
    .description("A webhook inbox that loses nothing.")
    .addHelpText("after", EXAMPLES)
    .exitOverride()
    .configureOutput({ writeOut: say, writeErr: complain })
    .showHelpAfterError("Run with --help to see what is possible.");
}

/** Says on stderr what is wrong and what to do, and chooses the exit code. */
function explain(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
  if (error instanceof CliError) {
    complain(`${error.message}\n`);
    return error.exitCode;
  }
  if (error instanceof ConfigError) {
    complain(`The configuration is wrong:\n${error.problems.map((problem) => `  - ${problem}\n`).join("")}`);
    return EXIT_USAGE;
  }
  complain(`${inWords(error as NodeJS.ErrnoException & { port?: number })}\n`);
  return EXIT_FAILED;
}

function inWords(error: NodeJS.ErrnoException & { port?: number }): string {
  const { code, path, port, message } = error;
  if (error instanceof StoreRefused) return `The database cannot be used: ${message}`;
  if (error instanceof StoreUnavailable) return `The database did not do it: ${message}`;
  if (code === "EADDRINUSE") return `Port ${port} is taken. Stop what listens there, or choose another: PORT=8001`;
  if (code === "EACCES" && port !== undefined) {
    return `Port ${port} may not be used by this user. Choose one above 1023: PORT=8000`;
  }
  if (code === "EADDRNOTAVAIL") return `This machine has not the address of HOST: ${message}`;
  return `lyftr failed: ${path === undefined ? message : fileProblem(error, path)}`;
}
