import { randomUUID } from "node:crypto";
import { Command, Option } from "commander";
import type { Environment } from "../config.ts";
import { systemClock } from "../domain/clock.ts";
import { clockInWords, lookOf, suspectClock } from "../retention/guard.ts";
import { countOld, cutoffOf, type SweepOptions, type SweepReport, sweep } from "../retention/sweep.ts";
import { openStore } from "../store/open.ts";
import type { Store } from "../store/store.ts";
import { wholeNumber } from "./arguments.ts";
import { CliError, EXIT_FAILED, EXIT_USAGE } from "./cli-error.ts";
import { confirmed, requireTerminal } from "./confirm.ts";
import { interruption } from "./interrupt.ts";
import { startProgressBar } from "./progress-bar.ts";
import { databaseUrlOf, retentionOf, storeOptionsOf } from "./settings.ts";
import { complain, say } from "./terminal.ts";

const DAYS_MAX = 36_500;

const HELP = `
Deletes the messages that were received more than RETENTION_DAYS ago, as the service does every hour.
The service may be running. The command says what it would delete and asks first, unless told --yes.
The id of a deleted message is still a duplicate for TOMBSTONE_DAYS. If the command is interrupted,
run it again.

It also confirms a look that the service refuses (ERROR "deleting old messages refused"), because the
clock is far from the newest message or nearly all messages would be deleted. From then on the service
deletes by itself again.

Examples:
  $ lyftr retention --dry-run
  $ lyftr retention --days 365
  $ lyftr retention --days 365 --yes
`;

interface Flags {
  readonly dryRun?: boolean;
  readonly days?: number;
  readonly yes?: boolean;
}

/** `lyftr retention`: deletes what is too old, now, or says what that would be. */
export function retentionCommand(env: Environment, exit: (code: number) => void): Command {
  return new Command("retention")
    .description("Delete messages that are older than RETENTION_DAYS.")
    .option("--dry-run", "only say what would be deleted")
    .addOption(new Option("--days <n>", "instead of RETENTION_DAYS").argParser(wholeNumber(1, DAYS_MAX)))
    .option("--yes", "do not ask")
    .addHelpText("after", HELP)
    .action(async ({ dryRun = false, days, yes = false }: Flags) => {
      const { retentionDays, tombstoneDays } = retentionOf(env);
      const kept = days ?? retentionDays;
      if (kept === undefined) {
        throw new CliError("RETENTION_DAYS is off: set it, or say how many days with --days.", EXIT_USAGE);
      }
      if (!dryRun && !yes) requireTerminal();
      const store = await openStore(databaseUrlOf(env), storeOptionsOf(env));
      try {
        exit(await run(store, { days: kept, tombstoneDays, dryRun, yes }));
      } finally {
        await store.close();
      }
    });
}

interface Run {
  readonly days: number;
  readonly tombstoneDays: number;
  readonly dryRun: boolean;
  readonly yes: boolean;
}

async function run(store: Store, { dryRun, yes, days, tombstoneDays }: Run): Promise<number> {
  const signal = interruption();
  const { total: before } = await store.stats();
  const last = await store.retention.lastLook();
  const suspect = suspectClock(systemClock, last);
  if (suspect !== undefined) complain(`note: ${clockInWords(suspect)}\n`);
  const options: SweepOptions = {
    store: store.retention,
    clock: systemClock,
    days,
    tombstoneDays,
    dryRun,
    everywhere: true,
    signal,
    deleted: () => undefined,
  };
  if (!dryRun && !yes && !(await agreedTo(options, before))) {
    complain("Nothing was deleted.\n");
    return EXIT_FAILED;
  }
  const bar = startProgressBar({ label: dryRun ? "counting" : "deleting", total: undefined, unit: "messages" });
  let done = 0;
  try {
    const report = await sweep({
      ...options,
      deleted: (messages) => {
        done += messages;
        bar.update(done);
      },
    });
    bar.stop();
    if (!dryRun && report.messages > 0) await tellAudit(store, report);
    // The service goes on from here.
    if (!dryRun && !signal.aborted) await store.retention.noteLook(lookOf(options, { everywhere: true, last }));
    say(inWords(report, { before, dryRun }));
    if (signal.aborted) complain("Interrupted. Run the same command again to go on.\n");
    return signal.aborted ? EXIT_FAILED : 0;
  } catch (error) {
    bar.stop();
    if (done > 0 && !dryRun) complain(`${done} messages were deleted before it failed.\n`);
    throw error;
  }
}

/** Shows what would be deleted and asks. */
async function agreedTo(options: SweepOptions, before: number): Promise<boolean> {
  const receivedBefore = cutoffOf(options) ?? "";
  const bar = startProgressBar({ label: "counting", total: undefined, unit: "messages" });
  const old = await countOld(options, receivedBefore).finally(() => bar.stop());
  if (options.signal.aborted) return false;
  complain(`received before  ${receivedBefore}\nwould delete     ${old} of ${before} messages\n`);
  return confirmed("Delete them for ever?", options.signal);
}

async function tellAudit(store: Store, { messages, receivedBefore = "" }: SweepReport): Promise<void> {
  const at = new Date(systemClock.now()).toISOString();
  const details = { messages, received_before: receivedBefore };
  await store.access.audit.add({ at, id: randomUUID(), actor: "cli", action: "retention.ran", subject: "", details });
}

function inWords(
  report: SweepReport,
  { before, dryRun }: { readonly before: number; readonly dryRun: boolean },
): string {
  const { receivedBefore = "", messages, tombstones, bytesGivenBack, seconds } = report;
  const cutoff = `received before  ${receivedBefore}\n`;
  if (dryRun) return `${cutoff}would delete     ${messages} of ${before} messages\n`;
  return (
    `${cutoff}deleted          ${messages} of ${before} messages\n` +
    `tombstones       ${tombstones} had come to their end\n` +
    `space            ${bytesGivenBack} bytes given back\n` +
    `took             ${seconds.toFixed(1)} s\n`
  );
}
