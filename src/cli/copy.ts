import { Command } from "commander";
import { type Environment, readConfig } from "../config.ts";
import { oneLine } from "../domain/json.ts";
import { BEGINNING, type CopyEndpoint, type CopyPosition } from "../store/copying.ts";
import { openCopyEndpoint, openStore } from "../store/open.ts";
import type { Store } from "../store/store.ts";
import { CliError, EXIT_FAILED, EXIT_USAGE } from "./cli-error.ts";
import { Copier, type CopyComparison, type CopyTally, verifyCopy } from "./copying/copier.ts";
import { type CommandHelp, withHelp } from "./help.ts";
import { type JsonFlag, withJson, writeJson } from "./json-output.ts";
import { interruption } from "./lifecycle.ts";
import { startProgressBar } from "./progress-bar.ts";
import { storeOptionsOf } from "./settings.ts";
import { writeStderr, writeStdout } from "./terminal.ts";

const HELP: CommandHelp = {
  notes: [
    "Both databases may be in use. Messages that arrive at the source during the copy are copied too. If the " +
      "command is interrupted, run it again: it continues where it stopped, because the target stores the position. " +
      "At the end both databases are read again and compared, by number of messages and by checksum.",
    "To move a service: copy, stop the service, copy again, and start it with the new DATABASE_URL. The second " +
      "copy takes only what arrived since the first.",
    "Every user of a machine can read its command lines. Put a URL that contains a password into the environment " +
      "(COPY_FROM, COPY_TO), or into a file (COPY_FROM_FILE, COPY_TO_FILE). PGPASSWORD and ~/.pgpass work too.",
  ],
  examples: [
    "lyftr copy --from sqlite:////data/app.db \\\n    --to postgres://lyftr@db/lyftr",
    "COPY_TO_FILE=/run/secrets/new-database \\\n    lyftr copy --from sqlite:////data/app.db",
    "lyftr copy --from postgres://lyftr@db/lyftr \\\n    --to sqlite:///./app.db --no-verify",
  ],
  exitCodes: {
    0: "every message is in the target, and both databases have the same checksum",
    1: "interrupted, a message was refused or conflicts, or the databases differ",
    2: "a database cannot be opened, or the arguments are wrong",
  },
};

interface CopyFlags extends JsonFlag {
  readonly from?: string;
  readonly to?: string;
  readonly verify: boolean;
}

/** `lyftr copy`: copies all messages of one database into another. */
export function copyCommand(env: Environment, exit: (code: number) => void): Command {
  return withJson(withHelp(new Command("copy"), HELP))
    .description("Copy all messages from one database to another, SQLite or PostgreSQL.")
    .option("--from <url>", "the source (instead of COPY_FROM)")
    .option("--to <url>", "the target, created or upgraded (instead of COPY_TO)")
    .option("--no-verify", "do not compare the databases at the end")
    .action(async (flags: CopyFlags) => exit(await copy(env, flags)));
}

async function copy(env: Environment, { from, to, verify, json }: CopyFlags): Promise<number> {
  const fromUrl = urlOf(env, { flag: "--from", variable: "COPY_FROM", given: from });
  const toUrl = urlOf(env, { flag: "--to", variable: "COPY_TO", given: to });
  const signal = interruption();
  const source = await named("--from", openCopyEndpoint(fromUrl, "read"));
  const opened: { close(): Promise<void> }[] = [source];
  try {
    const store = await named("--to", openStore(toUrl, storeOptionsOf(env)));
    opened.unshift(store);
    const target = await named("--to", openCopyEndpoint(toUrl, "write"));
    opened.unshift(target);
    if (source.id === target.id)
      throw new CliError("--from and --to are the same database.", EXIT_USAGE);
    return await run({ source, target, store, signal, verify, json });
  } finally {
    for (const end of opened) await end.close();
  }
}

interface Run extends JsonFlag {
  readonly source: CopyEndpoint;
  readonly target: CopyEndpoint;
  readonly store: Store;
  readonly signal: AbortSignal;
  readonly verify: boolean;
}

async function run({ source, target, store, signal, verify, json }: Run): Promise<number> {
  const saved = await target.savedPosition(source.id);
  if (saved !== undefined)
    writeStderr("Continuing where the last copy from this database stopped.\n");
  const bar = startProgressBar({ label: "copying", total: await source.count(), unit: "messages" });
  const copier = new Copier({
    source,
    target,
    store,
    signal,
    progress: (messages) => bar.update(messages),
    refused: ({ messageId }, reason) =>
      bar.note(`not copied: ${oneLine(JSON.stringify(messageId.slice(0, 128)))}: ${reason}`),
  });
  const place = await copier.copy(saved ?? BEGINNING).finally(() => bar.stop());
  if (!json) writeStdout(inWords(copier.tally));
  const compared =
    verify && !signal.aborted ? await compare({ source, target, signal }, place) : undefined;
  if (json) writeJson(factsOf(copier.tally, compared));
  else if (compared !== undefined) writeStdout(comparisonInWords(compared));
  if (signal.aborted) return interrupted();
  const failed = copier.tally.refused > 0 || copier.tally.conflicts > 0;
  if (compared === undefined || `${compared.source}` === `${compared.target}`)
    return failed ? EXIT_FAILED : 0;
  // The missing messages are before the saved position, so the next run starts from the beginning.
  await target.savePosition(source.id, BEGINNING);
  writeStderr("The databases differ. Run the same command again: it reads all messages.\n");
  return EXIT_FAILED;
}

/** Verifies the copy by reading both databases again. Undefined when it was interrupted. */
async function compare(
  { source, target, signal }: Pick<Run, "source" | "target" | "signal">,
  place: CopyPosition,
): Promise<CopyComparison | undefined> {
  const bar = startProgressBar({
    label: "verifying",
    total: await source.count(),
    unit: "messages",
  });
  const progress = (messages: number) => bar.update(messages);
  const compared = await verifyCopy({ source, target, signal, progress }, place).finally(() =>
    bar.stop(),
  );
  return signal.aborted ? undefined : compared;
}

function factsOf(
  { copied, duplicates, conflicts, refused }: CopyTally,
  compared: CopyComparison | undefined,
) {
  const side = (checksum: CopyComparison["source"]) => ({
    messages: checksum.messages,
    checksum: `${checksum}`,
  });
  return {
    copied,
    duplicates,
    conflicts,
    refused,
    source: compared === undefined ? null : side(compared.source),
    target: compared === undefined ? null : side(compared.target),
  };
}

function interrupted(): number {
  writeStderr("Interrupted. Run the same command again to continue from here.\n");
  return EXIT_FAILED;
}

function inWords({ copied, duplicates, conflicts, refused }: CopyTally): string {
  const kept = conflicts === 0 ? "" : " (same id, other content: the stored message is kept)";
  const cannot = refused === 0 ? "" : " (the target cannot store them)";
  return `copied     ${copied}\nduplicates ${duplicates}\nconflicts  ${conflicts}${kept}\nrefused    ${refused}${cannot}\n`;
}

function comparisonInWords({ source, target }: CopyComparison): string {
  return `source     ${source.messages} messages, checksum ${source}\ntarget     ${target.messages} of them, checksum ${target}\n`;
}

interface GivenUrl {
  readonly flag: string;
  readonly variable: string;
  /** The value of a command-line option. */
  readonly given: string | undefined;
}

/** Reads a URL as DATABASE_URL is read, from the command line, the environment or a file. */
function urlOf(env: Environment, { flag, variable, given }: GivenUrl): string {
  const [direct, file] =
    given === undefined ? [env[variable], env[`${variable}_FILE`]] : [given, undefined];
  if (!direct?.trim() && !file?.trim()) {
    throw new CliError(
      `${flag} is missing: name the database with ${flag}, or in the environment with ${variable} or ${variable}_FILE.`,
      EXIT_USAGE,
    );
  }
  try {
    return readConfig({ DATABASE_URL: direct, DATABASE_URL_FILE: file }).databaseUrl;
  } catch (error) {
    const where = given === undefined ? variable : flag;
    throw new CliError(
      `${where}: ${problemText(error).replaceAll("DATABASE_URL", variable)}`,
      EXIT_USAGE,
    );
  }
}

async function named<T>(flag: string, opening: Promise<T>): Promise<T> {
  try {
    return await opening;
  } catch (error) {
    throw new CliError(`${flag}: ${problemText(error)}`, EXIT_USAGE);
  }
}

function problemText(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replaceAll(
    "DATABASE_URL ",
    "it ",
  );
}
