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
import { CliError } from "./cli-error.ts";
import { existingDatabaseUrlOf } from "./settings.ts";
import { complain, say, tableOf } from "./terminal.ts";

const ACTOR = "cli";
const HELP = `
The service may be running: it knows of a change within 5 seconds. Without any key reading is open to everybody, unless READ_AUTH says
otherwise; with the first one it closes, and does not open again when keys end.

Examples:
  $ lyftr keys create --name grafana --scope read --expires 90d
  $ curl -H "Authorization: Bearer $(lyftr keys create --name ops --scope admin)" http://127.0.0.1:8000/keys
  $ lyftr keys rotate grafana --overlap 7d
  $ lyftr keys revoke grafana
`;
const SHOWN_ONCE = "This is the only time it is shown: what the database keeps of it cannot be used.";
const FULL = `There are ${KEYS_MAX} keys, and none is ever deleted.`;

/** `lyftr keys`: who may read, and administer, besides the key in the environment. */
export function keysCommand(env: Environment): Command {
  const existing = () => existingDatabaseUrlOf(env);
  return new Command("keys")
    .description("Create, list, rotate and revoke API keys, in the database of DATABASE_URL.")
    .addHelpText("after", HELP)
    .addCommand(createCommand(existing))
    .addCommand(listCommand(existing))
    .addCommand(rotateCommand(existing))
    .addCommand(revokeCommand(existing));
}

function createCommand(url: () => string): Command {
  return new Command("create")
    .description("Make a key, and write it to standard output.")
    .requiredOption("--name <name>", "what it is called in the log and the audit", keyName)
    .addOption(new Option("--scope <scope>", "what it may do").choices(SCOPES).makeOptionMandatory())
    .option(
      "--expires <duration>",
      "how long it lives, such as 90d; for ever without",
      durationBy(parseLife, LIFE_FORM),
    )
    .addHelpText("after", HELP)
    .action(async ({ name, scope, expires }: { name: string; scope: Scope; expires?: number }) => {
      const creation = await withKeys("write", url(), ({ issuer }) =>
        issuer.create({ name, scope, lifeMs: expires }, ACTOR),
      );
      switch (creation.kind) {
        case "created":
          return show(creation, `Made the ${scope} key "${name}".`);
        case "name_taken":
          throw new CliError(`A live key is called ${name}. Rotate it: lyftr keys rotate ${name}`);
        case "full":
          throw new CliError(FULL);
      }
    });
}

function listCommand(url: () => string): Command {
  return new Command("list")
    .description("Show every key that ever was, without what could be used.")
    .addHelpText("after", HELP)
    .action(async () => {
      const keys = await withKeys("read", url(), ({ access }) => access.keys.all());
      if (keys.length === 0) complain("There are no keys.\n");
      else say(tableOf([HEADINGS, ...keys.map(rowOf)]));
    });
}

function rotateCommand(url: () => string): Command {
  return new Command("rotate")
    .description("Give a key a successor of the same name and scope, and write that to standard output.")
    .argument("<name>", "what it is called")
    .option(
      "--overlap <duration>",
      "how long the old one is accepted beside it; 0 ends it at once",
      durationBy(parseOverlap, OVERLAP_FORM),
      parseOverlap(OVERLAP_DEFAULT),
    )
    .addHelpText("after", HELP)
    .action(async (name: string, { overlap }: { readonly overlap: number }) => {
      const rotation = await withKeys("write", url(), async ({ access, issuer }) => {
        const live = (await access.keys.all()).filter((key) => key.name === name && isLive(key, now()));
        return live[0] === undefined ? { kind: "over" as const } : issuer.rotate(live[0].id, overlap, ACTOR);
      });
      switch (rotation.kind) {
        case "rotated":
          return show(rotation, `Made another key "${name}". ${fateOf(rotation.old)}`);
        case "two_live":
          throw new CliError(
            `Two keys ${name} are live. Revoke one by its id, see lyftr keys list, or wait until it ends.`,
          );
        case "unknown":
        case "over":
          throw new CliError(`No live key is called ${name}. See lyftr keys list.`);
        case "full":
          throw new CliError(FULL);
      }
    });
}

function revokeCommand(url: () => string): Command {
  return new Command("revoke")
    .description("End a key, or all of a name, now and for ever.")
    .argument("<name|id>", "what it is called, or its id")
    .addHelpText("after", HELP)
    .action(async (given: string) => {
      const revoked = await withKeys("write", url(), async ({ issuer }) => {
        return (await issuer.revoke({ id: given }, ACTOR)) ?? (await issuer.revoke({ name: given }, ACTOR));
      });
      if (revoked === undefined) throw new CliError(`No key is called ${given}, nor is it an id. See lyftr keys list.`);
      if (revoked.length === 0) complain(`${given} was revoked before.\n`);
      for (const { name, id } of revoked) complain(`Revoked ${name} (${id}).\n`);
    });
}

interface Keys {
  readonly access: CredentialsStore;
  readonly issuer: KeyIssuer;
}

async function withKeys<T>(mode: "read" | "write", url: string, work: (keys: Keys) => Promise<T>): Promise<T> {
  const access = await openCredentials(url, mode);
  try {
    const issuer = new KeyIssuer({ clock: systemClock, newId: randomUUID }, { store: access.keys, randomBytes });
    return await work({ access, issuer });
  } finally {
    await access.close();
  }
}

/** The key alone goes to standard output, so that it can be piped. */
function show({ key, text }: IssuedKey, sentence: string): void {
  const end = key.expiresAt === null ? "It does not expire." : `It expires at ${key.expiresAt}.`;
  complain(`${sentence} ${end}\n${SHOWN_ONCE}\n`);
  say(`${text}\n`);
}

function fateOf(old: ApiKey): string {
  return isLive(old, now()) ? `The old one is accepted until ${endOf(old)}.` : "The old one has ended.";
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

function durationBy(parse: (text: string) => number | undefined, form: string): (text: string) => number {
  return (text) => {
    const ms = parse(text);
    if (ms === undefined) throw new InvalidArgumentError(`It ${form}.`);
    return ms;
  };
}
