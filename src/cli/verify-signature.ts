import { createHash } from "node:crypto";
import { Command } from "commander";
import type { Environment } from "../config.ts";
import { systemClock } from "../domain/clock.ts";
import { EXIT_FAILED } from "./cli-error.ts";
import { type CommandHelp, withHelp } from "./help.ts";
import { type JsonFlag, withJson, writeResult } from "./json-output.ts";
import { checkedSecrets } from "./signing/checked-secrets.ts";
import { explainSignature, type SignatureReport } from "./signing/explain-signature.ts";
import { readBody } from "./signing/read-body.ts";
import { factsTable } from "./table.ts";
import { writeStderr } from "./terminal.ts";

const HELP: CommandHelp = {
  notes: [
    "Compares the signature with WEBHOOK_SECRET, every secret of WEBHOOK_SECRET_PREVIOUS and, when MASTER_KEY is " +
      "set, every secret in the database. It names the secret that fits, never the secret itself.",
    "If none fits, it tries likely mistakes: a line end that was added or removed, JSON that was serialized again, " +
      "other line ends, a secret with a line end or decoded from hex, base64 instead of hex, and secrets that have " +
      "ended.",
  ],
  examples: [
    "lyftr verify-signature body.json 5f2b…64 hex digits…",
    "lyftr verify-signature --json body.json $(cat signature.txt)",
  ],
  exitCodes: {
    0: "the service would accept the signature now",
    1: "it would not; the output says why",
  },
};

interface Options extends JsonFlag {
  readonly secretFile?: string;
}

/** `lyftr verify-signature`: says which secret fits a signature, or why none does. */
export function verifySignatureCommand(env: Environment, exit: (code: number) => void): Command {
  return withJson(withHelp(new Command("verify-signature"), HELP))
    .description("Check the signature of a file, and say why it does not fit.")
    .argument("<file>", "the body of the webhook; - is standard input")
    .argument("<signature>", "the value of the header X-Signature")
    .option("--secret-file <file>", "compare with the secret in this file only")
    .action(async (file: string, signature: string, { secretFile, json }: Options) => {
      const { secrets, problem } = await checkedSecrets(env, secretFile);
      if (problem !== undefined)
        writeStderr(`The secrets of the database were not compared: ${problem}\n`);
      const body = await readBody(file);
      const report = explainSignature({ body, signature, secrets, nowMs: systemClock.now() });
      writeResult(json, factsOf(report, body), inWords(report, body));
      if (!report.verified) exit(EXIT_FAILED);
    });
}

function factsOf({ verified, reason, secret, change, detail }: SignatureReport, body: Buffer) {
  const found = { secret: secret ?? null, change: change ?? null };
  return { verified, reason, ...found, detail, bytes: body.length, body_sha256: sha256(body) };
}

function inWords({ verified, secret, detail }: SignatureReport, body: Buffer): string {
  return factsTable([
    ["result", verified ? "verified" : "refused"],
    ["secret", secret ?? "none fits"],
    ["hashed", `${body.length} bytes${endOf(body)}`],
    ["sha256", sha256(body)],
    ["reason", detail],
  ]);
}

/** Describes bytes that an editor does not show. */
function endOf(body: Buffer): string {
  return body.at(-1) === 0x0a ? ", the last of them a line end" : "";
}

function sha256(body: Buffer): string {
  return createHash("sha256").update(body).digest("hex");
}
