import { randomBytes, randomUUID } from "node:crypto";
import { Command, InvalidArgumentError } from "commander";
import type { Environment } from "../config.ts";
import { systemClock } from "../domain/clock.ts";
import { durationInWords, parseDuration } from "../domain/duration.ts";
import { leavesAnother, mayRetire } from "../domain/retirement.ts";
import { CURRENT, masterKeyProblem, openKept, PREVIOUS } from "../ingest/live-secrets.ts";
import { NONCE_BYTES, SecretBox } from "../providers/sealed-secret.ts";
import { type AccessStore, type AuditEntry, KEPT_SECRETS_MAX } from "../store/access.ts";
import { openAccess } from "../store/open.ts";
import { CliError, EXIT_FAILED, EXIT_USAGE } from "./cli-error.ts";
import { allSecrets, endsOf, type ListedSecret } from "./secrets/listed-secrets.ts";
import { databaseUrlOf, existingDatabaseUrlOf, requiredSecret, secretSettingsOf } from "./settings.ts";
import { tableOf } from "./table.ts";
import { complain, say } from "./terminal.ts";

const NAME = /^(?!current|previous)[a-z0-9][a-z0-9_-]{0,31}$/;
const SECRET_BYTES = 32;
const SECRET_CHARACTERS_MAX = 4_096;
const HELP = `
Secrets in the database are accepted beside WEBHOOK_SECRET and WEBHOOK_SECRET_PREVIOUS, and are encrypted under MASTER_KEY, which add needs.
The service may be running: it knows of a change within 2 seconds.

To change the secret of a sender without refusing anything:
  $ lyftr secrets add autumn           # write down what it shows, and give it to the sender
  $ lyftr secrets list                 # until the old one may be retired: a week after its last use
  $ lyftr secrets retire summer        # or take it out of WEBHOOK_SECRET and start again
`;
const NO_MASTER_KEY =
  "MASTER_KEY is not set, and secrets are kept encrypted under it.\n" +
  "Make one, give it to every process of the service, and keep a copy: MASTER_KEY=$(openssl rand -hex 32)";

/** `lyftr secrets`: what senders may sign with, besides the secrets of the environment. */
export function secretsCommand(env: Environment, exit: (code: number) => void): Command {
  return new Command("secrets")
    .description("Add, list and retire webhook secrets, in the database of DATABASE_URL.")
    .addHelpText("after", HELP)
    .addCommand(addCommand(env))
    .addCommand(listCommand(env, exit))
    .addCommand(retireCommand(env));
}

function addCommand(env: Environment): Command {
  return new Command("add")
    .description("Keep a secret that is accepted from now on. A new one is made and written to standard output.")
    .argument("<name>", "what it is called in metrics and lists", secretName)
    .option("--secret-file <file>", "keep the secret in this file instead of a new one")
    .addHelpText("after", HELP)
    .action(async (name: string, { secretFile }: { readonly secretFile?: string }) => {
      const { masterKey } = secretSettingsOf(env);
      if (masterKey === undefined) throw new CliError(NO_MASTER_KEY, EXIT_USAGE);
      const secret =
        secretFile === undefined ? randomBytes(SECRET_BYTES).toString("hex") : givenSecret(env, secretFile);
      await withSecrets(databaseUrlOf(env), (store) => add(store, { name, secret, box: new SecretBox(masterKey) }));
      complain(`Added ${name}. A service that runs accepts it within 2 seconds.\n`);
      if (secretFile !== undefined) return;
      complain("This is the only time it is shown:\n");
      say(`${secret}\n`);
    });
}

interface NewSecret {
  readonly name: string;
  readonly secret: string;
  readonly box: SecretBox;
}

async function add({ secrets }: AccessStore, { name, secret, box }: NewSecret): Promise<void> {
  const nowMs = systemClock.now();
  // With a key of its own this one would keep the service from starting.
  const { unreadable } = openKept(await secrets.list(), { box, nowMs });
  if (unreadable.length > 0) throw new CliError(masterKeyProblem(unreadable, true), EXIT_USAGE);
  const entry = entryOf("secret.added", name, nowMs, {});
  const sealed = box.seal(name, secret, randomBytes(NONCE_BYTES));
  switch (await secrets.add({ name, sealed, createdAt: entry.at, retiresAt: null }, entry)) {
    case "added":
      return;
    case "name_taken":
      throw new CliError(
        `There is a secret ${name}. Take another name, or retire that one: lyftr secrets retire ${name}`,
      );
    case "too_many":
      throw new CliError(
        `There are ${KEPT_SECRETS_MAX} secrets in the database, and each costs time at every webhook. Retire one.`,
      );
  }
}

const HEADINGS = ["NAME", "FROM", "SINCE", "ENDS", "LAST VERIFIED", "MAY IT BE RETIRED?"];

function listCommand(env: Environment, exit: (code: number) => void): Command {
  return new Command("list")
    .description("Show every secret by name, when it was used last, and whether it may be retired.")
    .addHelpText("after", HELP)
    .action(async () => {
      const all = await withSecrets(existingDatabaseUrlOf(env), ({ secrets }) =>
        allSecrets(secretSettingsOf(env), secrets),
      );
      if (all.length === 0) complain("There are no secrets, so every webhook is refused.\n");
      else say(tableOf([HEADINGS, ...all.map((one) => rowOf(one, all))]));
      if (all.some(({ known }) => known === "unreadable")) exit(EXIT_USAGE);
    });
}

function rowOf({ name, from, since, ends, known }: ListedSecret, all: readonly ListedSecret[]): readonly string[] {
  const nowMs = systemClock.now();
  const others = all.flatMap((one) => (typeof one.known === "object" ? [one.known] : []));
  const verified = typeof known === "object" ? minute(known.lastVerifiedMs, "never") : "unknown";
  return [name, from, minute(since, "-"), minute(ends, "-"), verified, answer()];

  function answer(): string {
    if (known === "ended") return "ended: it is refused";
    if (known === "unreadable") return "unknown: MASTER_KEY is not set, or not the one it is encrypted under";
    return mayRetire(known, others, nowMs);
  }
}

interface RetireOptions {
  readonly in: number;
  readonly force: boolean;
}

function retireCommand(env: Environment): Command {
  return new Command("retire")
    .description("Refuse a secret of the database, from now or from later on.")
    .argument("<name>", "what it is called")
    .option("--in <duration>", "how long it is still accepted, such as 24h", duration, 0)
    .option("--force", "also the last one that is left: every webhook is refused then", false)
    .addHelpText("after", HELP)
    .action(async (name: string, { in: inMs, force }: RetireOptions) => {
      if (name === CURRENT || name.startsWith(PREVIOUS)) throw new CliError(FROM_ENVIRONMENT, EXIT_USAGE);
      await withSecrets(existingDatabaseUrlOf(env), async ({ secrets }) => {
        const nowMs = systemClock.now();
        const untilMs = nowMs + inMs;
        const ends = endsOf(secretSettingsOf(env), await secrets.list());
        if (!force && ends.some((one) => one.name === name) && !leavesAnother(name, untilMs, ends))
          throw new CliError(
            `No other secret would be left, in the database or in this environment, and every webhook would be refused. Add another first, or say --force.`,
          );
        const retiresAt = new Date(untilMs).toISOString();
        const entry = entryOf("secret.retired", name, nowMs, { retires_at: retiresAt });
        if (!(await secrets.retire(name, retiresAt, entry)))
          throw new CliError(`No secret of the database is called ${name}. See lyftr secrets list.`, EXIT_FAILED);
      });
      const when =
        inMs === 0 ? "A service that runs refuses it within 2 seconds" : `It is refused in ${durationInWords(inMs)}`;
      complain(`Retired ${name}. ${when}.\n`);
    });
}

const FROM_ENVIRONMENT =
  "That secret comes from the environment: take it out of WEBHOOK_SECRET or WEBHOOK_SECRET_PREVIOUS, and start the service again.";

async function withSecrets<T>(url: string, work: (access: AccessStore) => Promise<T>): Promise<T> {
  const access = await openAccess(url);
  try {
    return await work(access);
  } finally {
    await access.close();
  }
}

function entryOf(action: string, subject: string, atMs: number, details: AuditEntry["details"]): AuditEntry {
  return { at: new Date(atMs).toISOString(), id: randomUUID(), actor: "cli", action, subject, details };
}

function givenSecret(env: Environment, file: string): string {
  const secret = requiredSecret(env, file);
  if (secret.length > SECRET_CHARACTERS_MAX)
    throw new CliError(`A secret has at most ${SECRET_CHARACTERS_MAX} characters; ${file} has more.`, EXIT_USAGE);
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

function duration(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new InvalidArgumentError("It must be a duration such as 30m, 24h or 7d.");
  return ms;
}

function minute(ms: number | undefined, otherwise: string): string {
  return ms === undefined ? otherwise : `${new Date(ms).toISOString().slice(0, 16)}Z`;
}
