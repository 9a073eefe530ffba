import { Command } from "commander";
import type { Environment } from "../config.ts";
import { sign } from "../providers/signature.ts";
import { type CommandHelp, withHelp } from "./help.ts";
import { requiredSecret } from "./settings.ts";
import { readBody } from "./signing/read-body.ts";
import { writeStdout } from "./terminal.ts";

const HELP: CommandHelp = {
  notes: [
    "The signature is the HMAC-SHA256 of the bytes with the secret, as hex: the value of the header X-Signature. " +
      "Every byte counts, including a line end at the end of the file. Send the file with `curl --data-binary @FILE`, " +
      "because `curl --data @FILE` removes line ends.",
  ],
  examples: [
    "lyftr sign message.json",
    'curl -H "X-Signature: $(lyftr sign message.json)" \\\n    --data-binary @message.json http://127.0.0.1:8000/webhook',
    'printf %s \'{"message_id":"m1"}\' | lyftr sign -',
  ],
};

/** `lyftr sign`: the signature of a body. */
export function signCommand(env: Environment): Command {
  return withHelp(new Command("sign"), HELP)
    .description("Show the signature of a file, for the header X-Signature.")
    .argument("<file>", "the body of the webhook; - is standard input")
    .option("--secret-file <file>", "a file with the secret (default: WEBHOOK_SECRET)")
    .action(async (file: string, { secretFile }: { readonly secretFile?: string }) => {
      const secret = requiredSecret(env, secretFile);
      writeStdout(`${sign(secret, await readBody(file))}\n`);
    });
}
