import { randomBytes } from "node:crypto";
import { appendFileSync, closeSync, fchmodSync, openSync, readFileSync } from "node:fs";
import { Command } from "commander";
import { type Environment, withDotEnv } from "../config.ts";
import { CliError } from "./cli-error.ts";
import { fileProblem } from "./failures.ts";
import { type CommandHelp, withHelp } from "./help.ts";
import { signedCurl } from "./sending/signed-curl.ts";
import { secretOf, urlOf } from "./settings.ts";
import { writeStderr } from "./terminal.ts";

const SECRET_BYTES = 32;
const DOT_ENV = ".env";
const OWNER_ONLY = 0o600;

const HELP: CommandHelp = {
  notes: [
    "Senders sign their webhooks with this secret. It is shown once, on standard error, and stored in .env, " +
      "which only its owner may read. When WEBHOOK_SECRET or WEBHOOK_SECRET_FILE is set already, the command " +
      "changes nothing.",
  ],
  examples: ["lyftr init && lyftr serve"],
};

/**
 * `lyftr init`: generates a secret, so that the service can start without further setup. Standard
 * output stays empty.
 */
export function initCommand(
  _env: Environment,
  _exit: (code: number) => void,
  outside: Environment,
): Command {
  return withHelp(new Command("init"), HELP)
    .description("Create a webhook secret and write it to .env, unless one is set.")
    .action(() => {
      const before = withDotEnv(outside);
      if (before.WEBHOOK_SECRET?.trim() || before.WEBHOOK_SECRET_FILE) return;
      const secret = randomBytes(SECRET_BYTES).toString("hex");
      appendToDotEnv(`WEBHOOK_SECRET=${secret}\n`);
      const after = withDotEnv(outside);
      if (secretOf(after) !== secret) {
        throw new CliError(
          "A secret was added to .env, but it has no effect: the environment sets WEBHOOK_SECRET or WEBHOOK_SECRET_FILE to an empty text, " +
            "which overrides .env, or an earlier line of .env has an opening quote without a closing one. Correct that, then run it again.",
        );
      }
      writeStderr(`A new secret is in .env: ${secret}\n${tryIt(after, secret)}`);
    });
}

function appendToDotEnv(line: string): void {
  try {
    const file = openSync(DOT_ENV, "a+", OWNER_ONLY);
    try {
      // An existing file may be readable by every user.
      fchmodSync(file, OWNER_ONLY);
      const text = readFileSync(file, "utf8");
      appendFileSync(file, text === "" || text.endsWith("\n") ? line : `\n${line}`, {
        flush: true,
      });
    } finally {
      closeSync(file);
    }
  } catch (error) {
    const problem = fileProblem(error, DOT_ENV);
    throw new CliError(
      `The secret cannot be stored: ${problem} Correct that, or set WEBHOOK_SECRET in the environment.`,
    );
  }
}

function tryIt(env: Environment, secret: string): string {
  if (env.PORT === "0") return "";
  const url = urlOf(env);
  const curl = signedCurl({ url, secret, nowMs: Date.now() });
  return `When the service runs, its dashboard is at ${url}/ui/, and this command sends a message to it:\n\n${curl}\n\n`;
}
