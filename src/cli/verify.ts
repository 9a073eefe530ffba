import { existsSync } from "node:fs";
import { Command } from "commander";
import type { Environment } from "../config.ts";
import { isPostgres, recountDatabase, sqlitePath, verifyDatabase } from "../store/open.ts";
import type { VerifyOptions, VerifyReport } from "../store/verify-report.ts";
import { CliError, EXIT_FAILED, EXIT_USAGE } from "./cli-error.ts";
import { type CommandHelp, withHelp } from "./help.ts";
import { type JsonFlag, withJson, writeResult } from "./json-output.ts";
import { interruption } from "./lifecycle.ts";
import { type ProgressBarOptions, startProgressBar } from "./progress-bar.ts";
import { databaseUrlOf } from "./settings.ts";

const HELP: CommandHelp = {
  notes: [
    "Totals, statistics, lists of senders and deep pages come from counts that are stored next to the messages. " +
      "With SQLite these counts, and the search index, are in a separate file whose name ends in -index. This " +
      "command counts everything again from the messages, in one snapshot. The service may be running. With " +
      "SQLite it first reads both files completely and checks each row. It takes about a minute for a million " +
      "messages, and changes nothing.",
  ],
  examples: ["lyftr verify", "DATABASE_URL=postgres://lyftr@db/lyftr lyftr verify --recount"],
  exitCodes: { 0: "nothing differs", 1: "something is damaged or differs" },
};

/** `lyftr verify`: compares the counts with the messages. */
export function verifyCommand(env: Environment, exit: (code: number) => void): Command {
  return withJson(withHelp(new Command("verify"), HELP))
    .description("Count everything again from the messages, and report differences.")
    .option("--recount", "PostgreSQL: delete the counts, so that the service rebuilds them")
    .action(async ({ recount = false, json }: JsonFlag & { readonly recount?: boolean }) => {
      const counts = countsOf(databaseUrlOf(env));
      exit(recount ? await recountAll(counts, json) : await verify(counts, json));
    });
}

/** The operations of `verify` on either database. */
interface Counts {
  readonly verify: (options: VerifyOptions) => Promise<VerifyReport>;
  /** Undefined when the counts are rebuilt in another way. */
  readonly recount: (() => Promise<void>) | undefined;
  readonly unit: ProgressBarOptions["unit"];
  /** Advice on how to rebuild the counts. */
  readonly remedy: string;
  /** Advice for when the messages themselves are damaged. */
  readonly repair: string;
}

function countsOf(databaseUrl: string): Counts {
  if (isPostgres(databaseUrl)) {
    return {
      verify: (options) => verifyDatabase(databaseUrl, options),
      recount: () => recountDatabase(databaseUrl),
      unit: "blocks",
      remedy: "Run lyftr verify --recount: the service rebuilds the counts while it runs.",
      repair:
        "The database itself is damaged. Restore a backup of the server, and check its disk and its log.",
    };
  }
  const path = sqlitePath(databaseUrl) ?? "";
  if (!existsSync(path))
    throw new CliError(`There is no database to verify: ${path} (DATABASE_URL) does not exist.`);
  return {
    verify: (options) => verifyDatabase(databaseUrl, options),
    recount: undefined,
    unit: "messages",
    remedy: `Stop the service, delete ${path}-index, and start it again: it is rebuilt from the messages.`,
    repair: `The database itself is damaged. Stop the service and keep a copy of ${path} and ${path}-wal. Then restore the newest backup
in which lyftr verify finds no damage, or repair the file: see "A damaged database" in the documentation.`,
  };
}

async function recountAll({ recount, remedy }: Counts, json?: true): Promise<number> {
  if (recount === undefined)
    throw new CliError(`--recount is for PostgreSQL. ${remedy}`, EXIT_USAGE);
  await recount();
  const text =
    "the counts are deleted; the running service, or the next one, counts everything again\n";
  writeResult(json, { counts_deleted: true }, text);
  return 0;
}

async function verify(counts: Counts, json?: true): Promise<number> {
  const signal = interruption();
  let bar = startProgressBar({ label: "verifying", total: 0, unit: counts.unit });
  try {
    const report = await counts.verify({
      progress: (done, total) => bar.update(done, total),
      signal,
      phase: (label) => {
        bar.stop();
        bar = startProgressBar({ label, total: 0, unit: counts.unit });
      },
    });
    bar.stop();
    const { messages, backlog: not_indexed, differences, damage = [] } = report;
    writeResult(json, { messages, not_indexed, differences, damage }, inWords(report, counts));
    return differences.length === 0 && damage.length === 0 ? 0 : EXIT_FAILED;
  } catch (error) {
    bar.stop();
    if (signal.aborted) throw new CliError("Interrupted.");
    throw error;
  }
}

function inWords(
  { messages, backlog, differences, damage = [] }: VerifyReport,
  { repair, remedy }: Counts,
): string {
  if (damage.length > 0) return `${damage.map((line) => `damaged: ${line}\n`).join("")}${repair}\n`;
  const counted = `counted ${messages} messages again; ${backlog} wait to be indexed\n`;
  if (differences.length === 0) return `${counted}nothing differs\n`;
  return `${counted}${differences.map((line) => `differs: ${line}\n`).join("")}${remedy}\n`;
}
