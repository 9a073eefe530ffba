import { randomBytes, randomUUID } from "node:crypto";
import { Command, InvalidArgumentError } from "commander";
import type { Environment } from "../config.ts";
import { systemClock } from "../domain/clock.ts";
import { durationInWords, parseDuration } from "../domain/duration.ts";
import { isSecretName, SECRET_CHARACTERS_MAX, SECRET_NAME_FORM } from "../domain/secret-request.ts";
import { secretWarnings } from "../domain/secret-warnings.ts";
import { isOfEnvironment } from "../secrets/accepted-secrets.ts";
import { Fingerprints } from "../secrets/fingerprints.ts";
import { answerOf } from "../secrets/retirement.ts";
import { minute, retirementInWords } from "../secrets/retirement-words.ts";
import {
  FROM_ENVIRONMENT,
  LAST_ONE,
  NO_MASTER_KEY,
  type SecretAddition,
  SecretIssuer,
  type SecretRetirement,
} from "../secrets/secret-issuer.ts";
import type { ListedSecret, SecretList } from "../secrets/secret-list.ts";
import { KEPT_SECRETS_MAX } from "../store/credentials.ts";
import { openCredentials } from "../store/open.ts";
import { durationBy } from "./arguments.ts";
import { CliError, EXIT_FAILED, EXIT_USAGE } from "./cli-error.ts";
import { type CommandHelp, withHelp } from "./help.ts";
import { type JsonFlag, withJson, writeJson } from "./json-output.ts";
import { existingDatabaseUrlOf, requiredSecret, secretSettingsOf } from "./settings.ts";
import { tableOf } from "./table.ts";
import { writeStderr, writeStdout } from "./terminal.ts";

const duration = durationBy(parseDuration, "must be a duration such as 30m, 24h or 7d");
/** The actor in the audit. */
const ACTOR = "cli";
const HELP: CommandHelp = {
  notes: [
    "The service accepts secrets in the database besides WEBHOOK_SECRET and WEBHOOK_SECRET_PREVIOUS. They are " +
      "encrypted with MASTER_KEY, which `add` needs. The service may be running. It applies a change within " +
      "2 seconds.",
    "The examples rotate the secret of a sender without refusing a webhook: give the sender the new secret, " +
      "then retire the old one when `list` says yes. A secret from the environment is retired by removing it " +
      "from WEBHOOK_SECRET and restarting the service.",
    "The running processes record in the database which secrets they accept. `list` and `retire` use that to " +
      "decide whether a secret may be retired.",
  ],
  examples: [
    "lyftr secrets add autumn",
    "lyftr secrets list",
    "lyftr secrets list --json",
    "lyftr secrets retire summer",
  ],
  exitCodes: {
    2: "wrong arguments or configuration; `list`: for one secret the answer is unknown",
  },
};
/** `lyftr secrets`: manages the webhook secrets in the database. */
export function secretsCommand(env: Environment, exit: (code: number) => void): Command {
  return withHelp(new Command("secrets"), HELP)
    .description("Add, list and retire the webhook secrets in the database.")
    .addCommand(addCommand(env))
    .addCommand(listCommand(env, exit))
    .addCommand(retireCommand(env));
}

function addCommand(env: Environment): Command {
  return withHelp(new Command("add"), HELP)
    .description(
      "Store a secret that is accepted from now on. Without --secret-file a new one is generated and written to standard output.",
    )
    .argument("<name>", "its name in metrics and lists", secretName)
    .option("--secret-file <file>", "store the secret in this file")
    .action(async (name: string, { secretFile }: { readonly secretFile?: string }) => {
      const { masterKey } = secretSettingsOf(env);
      if (masterKey === undefined) throw new CliError(NO_MASTER_KEY.join("\n"), EXIT_USAGE);
      const given = secretFile === undefined ? undefined : givenSecret(env, secretFile);
      const addition = await withSecrets("write", env, (issuer) =>
        issuer.add({ name, secret: given }, ACTOR),
      );
      const secret = requireAdded(name, addition);
      for (const warning of secretWarnings(name, secret)) writeStderr(`Warning: ${warning}\n`);
      writeStderr(`Added ${name}. A running service accepts it within 2 seconds.\n`);
      if (secretFile !== undefined) return;
      writeStderr("It is shown only now:\n");
      writeStdout(`${secret}\n`);
    });
}

function requireAdded(name: string, addition: SecretAddition): string {
  switch (addition.kind) {
    case "added":
      return addition.secret;
    case "no_master_key":
      throw new CliError(NO_MASTER_KEY.join("\n"), EXIT_USAGE);
    case "other_master_key":
      throw new CliError(addition.problem, EXIT_USAGE);
    case "name_taken":
      throw new CliError(
        `A secret has the name ${name} already. Choose another name, or retire it: lyftr secrets retire ${name}`,
      );
    case "too_many":
      throw new CliError(
        `There are ${KEPT_SECRETS_MAX} secrets in the database, which is the maximum: each costs time for every webhook. Retire one.`,
      );
  }
}

const HEADINGS = ["NAME", "FROM", "SINCE", "ENDS", "LAST VERIFIED"];
const QUESTION = "MAY IT BE RETIRED?";

function listCommand(env: Environment, exit: (code: number) => void): Command {
  return withJson(withHelp(new Command("list"), HELP))
    .description("Show every secret by name, its last use, and whether it may be retired.")
    .action(async ({ json }: JsonFlag) => {
      const list = await withSecrets("read", env, (issuer) => issuer.list());
      const { secrets, processes } = list;
      if (secrets.length === 0) writeStderr("There are no secrets, so every webhook is refused.\n");
      else if (processes === 0) writeStderr(`${NO_PROCESS}\n`);
      const headings = [...HEADINGS, ...(processes > 0 ? ["ACCEPTED BY"] : []), QUESTION];
      if (json) await writeList(list);
      else if (secrets.length > 0)
        writeStdout(tableOf([headings, ...secrets.map((one) => rowOf(one, processes))]));
      if (secrets.some(({ retirement }) => answerOf(retirement.decision) === "unknown"))
        exit(EXIT_USAGE);
    });
}

/** Writes the fields of GET /secrets. */
async function writeList({ secrets, processes }: SecretList): Promise<void> {
  const { secretBody } = await import("../http/routes/secrets.ts");
  writeJson({ data: secrets.map(secretBody), processes });
}

function rowOf(secret: ListedSecret, processes: number): readonly string[] {
  const { name, from, since, ends, known } = secret;
  const verified = known === undefined ? "unknown" : minute(known.lastVerifiedMs, "never");
  const accepted = processes > 0 ? [`${secret.processes} of ${processes}`] : [];
  return [
    name,
    from,
    minute(since, "-"),
    minute(ends, "-"),
    verified,
    ...accepted,
    retirementInWords(secret.retirement),
  ];
}

interface RetireOptions {
  readonly in: number;
  readonly force: boolean;
}

function retireCommand(env: Environment): Command {
  return withHelp(new Command("retire"), HELP)
    .description("Refuse a secret of the database, now or after a time.")
    .argument("<name>", "the name of the secret")
    .option("--in <duration>", "how long it is still accepted, such as 24h", duration, 0)
    .option(
      "--force",
      "retire it even if list answers no or not yet: webhooks with it are refused",
      false,
    )
    .action(async (name: string, { in: inMs, force }: RetireOptions) => {
      if (isOfEnvironment(name)) throw new CliError(FROM_ENVIRONMENT, EXIT_USAGE);
      const order = { name, inMs, force };
      requireRetired(
        name,
        await withSecrets("write", env, (issuer) => issuer.retire(order, ACTOR)),
      );
      const when =
        inMs === 0
          ? "A running service refuses it within 2 seconds"
          : `It is refused in ${durationInWords(inMs)}`;
      writeStderr(`Retired ${name}. ${when}.\n`);
    });
}

function requireRetired(name: string, outcome: SecretRetirement): void {
  if ("isUnreported" in outcome && outcome.isUnreported) writeStderr(`${NO_PROCESS}\n`);
  switch (outcome.kind) {
    case "retired":
      return;
    case "refused": {
      const answer = retirementInWords(outcome.retirement);
      throw new CliError(
        `${name} was not retired. The answer of lyftr secrets list: ${answer}.\n${FORCE}`,
      );
    }
    case "last_one":
      throw new CliError(`${LAST_ONE} ${FORCE}`);
    case "of_environment":
      throw new CliError(FROM_ENVIRONMENT, EXIT_USAGE);
    case "unknown":
      throw new CliError(
        `No secret of the database has the name ${name}. See lyftr secrets list.`,
        EXIT_FAILED,
      );
  }
}

const FORCE =
  "First add another secret and let the sender use it. With --force, webhooks with this secret are refused.";
const NO_PROCESS =
  "No running service has reported to this database within the last minute, so the answer is based on the environment of this command.";
async function withSecrets<T>(
  mode: "read" | "write",
  env: Environment,
  work: (issuer: SecretIssuer) => Promise<T>,
): Promise<T> {
  const access = await openCredentials(existingDatabaseUrlOf(env), mode);
  try {
    const { secrets: store } = access;
    const issuer = new SecretIssuer(
      { clock: systemClock, newId: randomUUID },
      {
        store,
        settings: () => secretSettingsOf(env),
        fingerprints: new Fingerprints(store),
        randomBytes,
      },
    );
    return await work(issuer);
  } finally {
    await access.close();
  }
}

function givenSecret(env: Environment, file: string): string {
  const secret = requiredSecret(env, file);
  if (secret.length > SECRET_CHARACTERS_MAX)
    throw new CliError(
      `A secret has at most ${SECRET_CHARACTERS_MAX} characters; ${file} has more.`,
      EXIT_USAGE,
    );
  return secret;
}

function secretName(text: string): string {
  if (!isSecretName(text)) throw new InvalidArgumentError(`It ${SECRET_NAME_FORM}.`);
  return text;
}
