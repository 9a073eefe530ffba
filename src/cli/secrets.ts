import { randomBytes, randomUUID } from "node:crypto";
import { Command, InvalidArgumentError } from "commander";
import { type Environment, secretWarnings } from "../config.ts";
import { systemClock } from "../domain/clock.ts";
import { durationInWords, parseDuration } from "../domain/duration.ts";
import { CURRENT, masterKeyProblem, openKept, PREVIOUS } from "../secrets/accepted-secrets.ts";
import { answerOf, leavesAnother } from "../secrets/retirement.ts";
import { NONCE_BYTES, SecretBox } from "../secrets/sealing.ts";
import {
  allSecrets,
  endsOf,
  type ListedSecret,
  type SecretSettings,
} from "../secrets/secret-list.ts";
import {
  type AuditEntry,
  type CredentialsStore,
  KEPT_SECRETS_MAX,
  type SecretStore,
} from "../store/credentials.ts";
import { openCredentials } from "../store/open.ts";
import { durationBy } from "./arguments.ts";
import { CliError, EXIT_FAILED, EXIT_USAGE } from "./cli-error.ts";
import { type CommandHelp, withHelp } from "./help.ts";
import { type JsonFlag, withJson, writeJson } from "./json-output.ts";
import { minute, retirementInWords } from "./retirement-words.ts";
import { existingDatabaseUrlOf, requiredSecret, secretSettingsOf } from "./settings.ts";
import { tableOf } from "./table.ts";
import { writeStderr, writeStdout } from "./terminal.ts";

const NAME = /^(?!current|previous)[a-z0-9][a-z0-9_-]{0,31}$/;
const duration = durationBy(parseDuration, "must be a duration such as 30m, 24h or 7d");
const SECRET_BYTES = 32;
const SECRET_CHARACTERS_MAX = 4_096;
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
const NO_MASTER_KEY =
  "MASTER_KEY is not set. Stored secrets are encrypted with it.\n" +
  "Generate one, give it to every process of the service, and keep a copy: MASTER_KEY=$(openssl rand -hex 32)";

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
      if (masterKey === undefined) throw new CliError(NO_MASTER_KEY, EXIT_USAGE);
      const random = () => randomBytes(SECRET_BYTES).toString("hex");
      const secret = secretFile === undefined ? random() : givenSecret(env, secretFile);
      await withSecrets("write", existingDatabaseUrlOf(env), (store) =>
        add(store, { name, secret, box: new SecretBox(masterKey) }),
      );
      for (const warning of secretWarnings(name, secret)) writeStderr(`Warning: ${warning}\n`);
      writeStderr(`Added ${name}. A running service accepts it within 2 seconds.\n`);
      if (secretFile !== undefined) return;
      writeStderr("It is shown only now:\n");
      writeStdout(`${secret}\n`);
    });
}

interface NewSecret {
  readonly name: string;
  readonly secret: string;
  readonly box: SecretBox;
}

async function add({ secrets }: CredentialsStore, { name, secret, box }: NewSecret): Promise<void> {
  const nowMs = systemClock.now();
  // Encrypted with another key than the others, this secret would prevent the service from
  // starting.
  const { unreadable } = openKept(await secrets.list(), { box, nowMs });
  if (unreadable.length > 0) throw new CliError(masterKeyProblem(unreadable, true), EXIT_USAGE);
  const entry = entryOf("secret.added", name, nowMs, {});
  const sealed = box.seal(name, secret, randomBytes(NONCE_BYTES));
  switch (await secrets.add({ name, sealed, createdAt: entry.at, retiresAt: null }, entry)) {
    case "added":
      return;
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
      const { secrets, processes } = await withSecrets(
        "read",
        existingDatabaseUrlOf(env),
        (access) =>
          allSecrets(secretSettingsOf(env), { store: access.secrets, nowMs: systemClock.now() }),
      );
      if (secrets.length === 0) writeStderr("There are no secrets, so every webhook is refused.\n");
      else if (processes === 0) writeStderr(`${NO_PROCESS}\n`);
      const headings = [...HEADINGS, ...(processes > 0 ? ["ACCEPTED BY"] : []), QUESTION];
      if (json) writeJson({ data: secrets.map(factsOf), processes });
      else if (secrets.length > 0)
        writeStdout(tableOf([headings, ...secrets.map((one) => rowOf(one, processes))]));
      if (secrets.some(({ retirement }) => answerOf(retirement.decision) === "unknown"))
        exit(EXIT_USAGE);
    });
}

function factsOf({ name, from, since, ends, known, processes, retirement }: ListedSecret) {
  const instant = (ms: number | undefined) =>
    ms === undefined ? null : new Date(ms).toISOString();
  return {
    name,
    from,
    since: instant(since),
    ends: instant(ends),
    last_verified_at: instant(known?.lastVerifiedMs),
    accepted_by: processes,
    may_be_retired: answerOf(retirement.decision),
    reason: retirementInWords(retirement),
  };
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
      if (name === CURRENT || name.startsWith(PREVIOUS))
        throw new CliError(FROM_ENVIRONMENT, EXIT_USAGE);
      await withSecrets("write", existingDatabaseUrlOf(env), async ({ secrets }) => {
        const nowMs = systemClock.now();
        const untilMs = nowMs + inMs;
        if (!force)
          await requireRetirable(name, untilMs, {
            settings: secretSettingsOf(env),
            store: secrets,
          });
        const retiresAt = new Date(untilMs).toISOString();
        const entry = entryOf("secret.retired", name, nowMs, { retires_at: retiresAt });
        if (!(await secrets.retire(name, retiresAt, entry)))
          throw new CliError(
            `No secret of the database has the name ${name}. See lyftr secrets list.`,
            EXIT_FAILED,
          );
      });
      const when =
        inMs === 0
          ? "A running service refuses it within 2 seconds"
          : `It is refused in ${durationInWords(inMs)}`;
      writeStderr(`Retired ${name}. ${when}.\n`);
    });
}

interface RetireContext {
  readonly settings: SecretSettings;
  readonly store: SecretStore;
}

/** Rejects unless `list` says that the secret may be retired. */
async function requireRetirable(
  name: string,
  untilMs: number,
  { settings, store }: RetireContext,
): Promise<void> {
  const { secrets, processes } = await allSecrets(settings, { store, nowMs: systemClock.now() });
  const found = secrets.find((one) => one.from === "database" && one.name === name);
  if (found === undefined) return;
  if (processes === 0) {
    if (!leavesAnother(name, untilMs, endsOf(settings, await store.list())))
      throw new CliError(`${LAST_ONE} ${FORCE}`);
    writeStderr(`${NO_PROCESS}\n`);
  }
  if (["no", "not yet"].includes(answerOf(found.retirement.decision))) {
    const answer = retirementInWords(found.retirement);
    throw new CliError(
      `${name} was not retired. The answer of lyftr secrets list: ${answer}.\n${FORCE}`,
    );
  }
}

const LAST_ONE =
  "No other secret would be left, in the database or in this environment, and every webhook would be refused.";
const FORCE =
  "First add another secret and let the sender use it. With --force, webhooks with this secret are refused.";
const NO_PROCESS =
  "No running service has reported to this database within the last minute, so the answer is based on the environment of this command.";
const FROM_ENVIRONMENT =
  "That secret comes from the environment: remove it from WEBHOOK_SECRET or WEBHOOK_SECRET_PREVIOUS, and restart the service.";

async function withSecrets<T>(
  mode: "read" | "write",
  url: string,
  work: (access: CredentialsStore) => Promise<T>,
): Promise<T> {
  const access = await openCredentials(url, mode);
  try {
    return await work(access);
  } finally {
    await access.close();
  }
}

function entryOf(
  action: string,
  subject: string,
  atMs: number,
  details: AuditEntry["details"],
): AuditEntry {
  return {
    at: new Date(atMs).toISOString(),
    id: randomUUID(),
    actor: "cli",
    action,
    subject,
    details,
  };
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
  if (!NAME.test(text)) {
    throw new InvalidArgumentError(
      "It must have 1 to 32 lower-case letters, digits, - and _, begin with a letter or digit, and not begin with current or previous.",
    );
  }
  return text;
}
