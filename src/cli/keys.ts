import { randomBytes, randomUUID } from "node:crypto";
import { Command, InvalidArgumentError, Option } from "commander";
import type { Environment } from "../config.ts";
import { type ApiKey, endOf, isLive, SCOPES, type Scope } from "../domain/api-key.ts";
import { systemClock } from "../domain/clock.ts";
import {
  isKeyName,
  LIFE_FORM,
  NAME_FORM,
  OVERLAP_DEFAULT,
  OVERLAP_FORM,
  parseLife,
  parseOverlap,
} from "../domain/key-request.ts";
import { type IssuedKey, KeyIssuer } from "../keys/key-issuer.ts";
import type { CredentialsStore } from "../store/credentials.ts";
import { KEYS_MAX } from "../store/key-rules.ts";
import { openCredentials } from "../store/open.ts";
import { durationBy } from "./arguments.ts";
import { CliError } from "./cli-error.ts";
import { type CommandHelp, withHelp } from "./help.ts";
import { type JsonFlag, withJson, writeJson } from "./json-output.ts";
import { existingDatabaseUrlOf } from "./settings.ts";
import { tableOf } from "./table.ts";
import { writeStderr, writeStdout } from "./terminal.ts";

const ACTOR = "cli";
const HELP: CommandHelp = {
  notes: [
    "The service may be running. It applies a change within 5 seconds. Without any key, reading is open, " +
      "unless READ_AUTH says otherwise. The first key closes it, and it does not open again when keys end.",
  ],
  examples: [
    "lyftr keys create --name grafana --scope read --expires 90d",
    "key=$(lyftr keys create --name ops --scope admin)",
    'curl -H "Authorization: Bearer $key" http://127.0.0.1:8000/keys',
    "lyftr keys list --json",
    "lyftr keys rotate grafana --overlap 7d",
    "lyftr keys revoke grafana",
  ],
};
const SHOWN_ONCE = "It is shown only now: the database stores only its hash.";
const FULL = `There are ${KEYS_MAX} keys, which is the maximum. Keys are never deleted.`;

/** `lyftr keys`: manages the API keys in the database. */
export function keysCommand(env: Environment): Command {
  const existing = () => existingDatabaseUrlOf(env);
  return withHelp(new Command("keys"), HELP)
    .description("Create, list, rotate and revoke API keys.")
    .addCommand(createCommand(existing))
    .addCommand(listCommand(existing))
    .addCommand(rotateCommand(existing))
    .addCommand(revokeCommand(existing));
}

function createCommand(url: () => string): Command {
  return withHelp(new Command("create"), HELP)
    .description("Create a key, and write it to standard output.")
    .requiredOption("--name <name>", "its name in the log and the audit", keyName)
    .addOption(
      new Option("--scope <scope>", "what it may do; admin includes read")
        .choices(SCOPES)
        .makeOptionMandatory(),
    )
    .option(
      "--expires <duration>",
      "its lifetime, such as 90d (default: unlimited)",
      durationBy(parseLife, LIFE_FORM),
    )
    .action(async ({ name, scope, expires }: { name: string; scope: Scope; expires?: number }) => {
      const creation = await withKeys("write", url(), ({ issuer }) =>
        issuer.create({ name, scope, lifeMs: expires }, ACTOR),
      );
      switch (creation.kind) {
        case "created":
          return show(creation, `Created the ${scope} key "${name}".`);
        case "name_taken":
          throw new CliError(
            `A live key has the name ${name}. Rotate it: lyftr keys rotate ${name}`,
          );
        case "full":
          throw new CliError(FULL);
      }
    });
}

function listCommand(url: () => string): Command {
  return withJson(withHelp(new Command("list"), HELP))
    .description("Show all keys, including those that have ended, without their text.")
    .action(async ({ json }: JsonFlag) => {
      const keys = await withKeys("read", url(), ({ access }) => access.keys.all());
      if (json) {
        // The fields of GET /keys.
        const { keyBody } = await import("../http/routes/keys.ts");
        writeJson({ data: keys.map(keyBody) });
        return;
      }
      if (keys.length === 0) writeStderr("There are no keys.\n");
      else writeStdout(tableOf([HEADINGS, ...keys.map(rowOf)]));
    });
}

function rotateCommand(url: () => string): Command {
  return withHelp(new Command("rotate"), HELP)
    .description(
      "Create a successor with the same name and scope, and write it to standard output.",
    )
    .argument("<name>", "the name of the key")
    .addOption(
      new Option(
        "--overlap <duration>",
        "how long the old key is still accepted; 0 ends it at once",
      )
        .argParser(durationBy(parseOverlap, OVERLAP_FORM))
        .default(parseOverlap(OVERLAP_DEFAULT), OVERLAP_DEFAULT),
    )
    .action(async (name: string, { overlap }: { readonly overlap: number }) => {
      const rotation = await withKeys("write", url(), async ({ access, issuer }) => {
        const live = (await access.keys.all()).filter(
          (key) => key.name === name && isLive(key, now()),
        );
        return live[0] === undefined
          ? { kind: "over" as const }
          : issuer.rotate(live[0].id, overlap, ACTOR);
      });
      switch (rotation.kind) {
        case "rotated":
          return show(
            rotation,
            `Created a successor of the key "${name}". ${oldKeyInWords(rotation.old)}`,
          );
        case "two_live":
          throw new CliError(
            `Two live keys have the name ${name}. Revoke one by its id, see lyftr keys list, or wait until it ends.`,
          );
        case "unknown":
        case "over":
          throw new CliError(`No live key has the name ${name}. See lyftr keys list.`);
        case "full":
          throw new CliError(FULL);
      }
    });
}

function revokeCommand(url: () => string): Command {
  return withHelp(new Command("revoke"), HELP)
    .description("End a key, or all keys of a name, at once and for ever.")
    .argument("<name|id>", "the name or the id of the key")
    .action(async (given: string) => {
      const revoked = await withKeys("write", url(), async ({ issuer }) => {
        return (
          (await issuer.revoke({ id: given }, ACTOR)) ??
          (await issuer.revoke({ name: given }, ACTOR))
        );
      });
      if (revoked === undefined)
        throw new CliError(`No key has the name or the id ${given}. See lyftr keys list.`);
      if (revoked.length === 0) writeStderr(`${given} was revoked already.\n`);
      for (const { name, id } of revoked) writeStderr(`Revoked ${name} (${id}).\n`);
    });
}

interface Keys {
  readonly access: CredentialsStore;
  readonly issuer: KeyIssuer;
}

async function withKeys<T>(
  mode: "read" | "write",
  url: string,
  work: (keys: Keys) => Promise<T>,
): Promise<T> {
  const access = await openCredentials(url, mode);
  try {
    const issuer = new KeyIssuer(
      { clock: systemClock, newId: randomUUID },
      { store: access.keys, randomBytes },
    );
    return await work({ access, issuer });
  } finally {
    await access.close();
  }
}

/** The key alone goes to standard output, so that it can be piped. */
function show({ key, text }: IssuedKey, sentence: string): void {
  const end = key.expiresAt === null ? "It does not expire." : `It expires at ${key.expiresAt}.`;
  writeStderr(`${sentence} ${end}\n${SHOWN_ONCE}\n`);
  writeStdout(`${text}\n`);
}

function oldKeyInWords(old: ApiKey): string {
  return isLive(old, now())
    ? `The old one is accepted until ${endOf(old)}.`
    : "The old one has ended.";
}

const HEADINGS = ["NAME", "SCOPE", "STATE", "KEY", "CREATED", "LAST USED", "ID"];

function rowOf(key: ApiKey): readonly string[] {
  const { name, scope, hint, createdAt, lastUsedAt, id } = key;
  return [
    name,
    scope,
    stateOf(key),
    `${hint}…`,
    minute(createdAt),
    lastUsedAt === null ? "never" : minute(lastUsedAt),
    id,
  ];
}

function stateOf(key: ApiKey): string {
  const end = endOf(key);
  if (key.revokedAt !== null) return `revoked ${minute(key.revokedAt)}`;
  if (end === null) return "live";
  return isLive(key, now()) ? `live until ${minute(end)}` : `ended ${minute(end)}`;
}

function now(): string {
  return new Date(systemClock.now()).toISOString();
}

function minute(at: string): string {
  return `${at.slice(0, 16)}Z`;
}

function keyName(text: string): string {
  if (!isKeyName(text)) throw new InvalidArgumentError(`It ${NAME_FORM}.`);
  return text;
}
