import { randomUUID } from "node:crypto";
import { Command, Option } from "commander";
import type { Environment } from "../config.ts";
import { systemClock, withoutJumps } from "../domain/clock.ts";
import { clockInWords, suspectClock, sweepRecord } from "../retention/guard.ts";
import {
  countOld,
  cutoffOf,
  type SweepOptions,
  type SweepReport,
  sweep,
} from "../retention/sweep.ts";
import { openRetentionPreview, openStore } from "../store/open.ts";
import type { RetentionSweep } from "../store/retention.ts";
import type { Store } from "../store/store.ts";
import { wholeNumber } from "./arguments.ts";
import { CliError, EXIT_FAILED, EXIT_USAGE } from "./cli-error.ts";
import { confirmed, requireTerminal } from "./confirm.ts";
import { type CommandHelp, withHelp } from "./help.ts";
import { type JsonFlag, withJson, writeResult } from "./json-output.ts";
import { interruption } from "./lifecycle.ts";
import { startProgressBar } from "./progress-bar.ts";
import { existingDatabaseUrlOf, retentionOf, storeOptionsOf } from "./settings.ts";
import { writeStderr } from "./terminal.ts";

const DAYS_MAX = 36_500;

const HELP: CommandHelp = {
  notes: [
    "Deletes the messages that were received more than RETENTION_DAYS ago, as the service does every hour. " +
      "The service may be running. The command shows what it would delete and asks first, unless --yes is " +
      "given. For TOMBSTONE_DAYS the id of a deleted message is still a duplicate. If the command is " +
      "interrupted, run it again.",
    'It also confirms a sweep that the service refuses (ERROR "deleting old messages refused"), because the ' +
      "clock is far from the last sweep or nearly all messages would be deleted. After that the service " +
      "deletes on its own again.",
  ],
  examples: [
    "lyftr retention --dry-run",
    "lyftr retention --dry-run --json",
    "lyftr retention --days 365",
    "lyftr retention --days 365 --yes",
  ],
  exitCodes: { 1: "not confirmed, interrupted, or failed" },
};

interface Flags extends JsonFlag {
  readonly dryRun?: boolean;
  readonly days?: number;
  readonly yes?: boolean;
}

/** `lyftr retention`: deletes messages that are too old, or shows how many these are. */
export function retentionCommand(env: Environment, exit: (code: number) => void): Command {
  return withJson(withHelp(new Command("retention"), HELP))
    .description("Delete messages that are older than RETENTION_DAYS.")
    .option("--dry-run", "only show what would be deleted")
    .addOption(
      new Option("--days <n>", "the number of days (instead of RETENTION_DAYS)").argParser(
        wholeNumber(1, DAYS_MAX),
      ),
    )
    .option("--yes", "do not ask")
    .action(async ({ dryRun = false, days, yes = false, json }: Flags) => {
      const { retentionDays, tombstoneDays } = retentionOf(env);
      const kept = days ?? retentionDays;
      if (kept === undefined) {
        throw new CliError(
          "RETENTION_DAYS is off. Set it, or give the number of days with --days.",
          EXIT_USAGE,
        );
      }
      const databaseUrl = existingDatabaseUrlOf(env);
      if ((dryRun || !yes) && !(await preview(databaseUrl, { days: kept, dryRun, json }))) {
        writeStderr("Nothing was deleted.\n");
        exit(EXIT_FAILED);
        return;
      }
      if (!dryRun)
        exit(await deleteOld(env, databaseUrl, { days: kept, tombstoneDays, yes, json }));
    });
}

/**
 * Shows what would be deleted, and changes nothing. Without --dry-run it asks for confirmation.
 * Resolves with the answer.
 */
async function preview(
  databaseUrl: string,
  { days, dryRun, json }: JsonFlag & { readonly days: number; readonly dryRun: boolean },
): Promise<boolean> {
  const store = await openRetentionPreview(databaseUrl);
  if (!dryRun) requireTerminal();
  const signal = interruption();
  const bar = startProgressBar({ label: "counting", total: undefined, unit: "messages" });
  let counted = 0;
  const found = (messages: number) => {
    counted += messages;
    bar.update(counted);
  };
  try {
    noteClock(await store.lastSweep());
    const before = await store.total();
    const receivedBefore = cutoffOf(systemClock, days) ?? "";
    const old = await countOld(systemClock, { store, signal, found }, receivedBefore);
    bar.stop();
    if (signal.aborted) return false;
    const text = `received before  ${receivedBefore}\nwould delete     ${old} of ${before} messages\n`;
    if (dryRun)
      writeResult(
        json,
        { received_before: receivedBefore, would_delete: old, messages: before },
        text,
      );
    else writeStderr(text);
    return dryRun || (await confirmed("Delete them for ever?", signal));
  } finally {
    bar.stop();
    await store.close();
  }
}

function noteClock(last: RetentionSweep | undefined): void {
  const suspect = suspectClock(systemClock, last);
  if (suspect !== undefined) writeStderr(`note: ${clockInWords(suspect)}\n`);
}

interface Deletion extends JsonFlag {
  readonly days: number;
  readonly tombstoneDays: number;
  /** Used when the command has neither shown nor asked anything. */
  readonly yes: boolean;
}

async function deleteOld(
  env: Environment,
  databaseUrl: string,
  deletion: Deletion,
): Promise<number> {
  const store = await openStore(databaseUrl, { ...storeOptionsOf(env), mode: "write" });
  try {
    return await run(store, deletion);
  } finally {
    await store.close();
  }
}

async function run(store: Store, { days, tombstoneDays, yes, json }: Deletion): Promise<number> {
  const signal = interruption();
  const clock = withoutJumps(systemClock);
  const { total: before } = await store.stats();
  const last = await store.retention.lastSweep();
  if (yes) noteClock(last);
  const bar = startProgressBar({ label: "deleting", total: undefined, unit: "messages" });
  let done = 0;
  const options: SweepOptions = {
    store: store.retention,
    days,
    tombstoneDays,
    everywhere: true,
    signal,
    deleted: (messages) => {
      done += messages;
      bar.update(done);
    },
  };
  try {
    const report = await sweep(clock, options);
    bar.stop();
    if (report.messages > 0) await recordInAudit(store, report);
    // The service compares its next sweep with this one.
    const { receivedBefore } = report;
    if (!signal.aborted)
      await store.retention.recordSweep(
        sweepRecord(clock, { receivedBefore, everywhere: true, last }),
      );
    writeResult(json, factsOf(report, before), inWords(report, before));
    if (signal.aborted) writeStderr("Interrupted. Run the same command again to continue.\n");
    return signal.aborted ? EXIT_FAILED : 0;
  } catch (error) {
    bar.stop();
    if (done > 0) writeStderr(`${done} messages were deleted before it failed.\n`);
    throw error;
  }
}

async function recordInAudit(
  store: Store,
  { messages, receivedBefore = "" }: SweepReport,
): Promise<void> {
  const at = new Date(systemClock.now()).toISOString();
  const details = { messages, received_before: receivedBefore };
  await store.credentials.audit.add({
    at,
    id: randomUUID(),
    actor: "cli",
    action: "retention.ran",
    subject: "",
    details,
  });
}

function factsOf(
  { receivedBefore = "", messages, tombstones, bytesGivenBack, seconds }: SweepReport,
  before: number,
) {
  return {
    received_before: receivedBefore,
    deleted: messages,
    messages: before,
    tombstones_deleted: tombstones,
    bytes_returned: bytesGivenBack,
    seconds,
  };
}

function inWords(report: SweepReport, before: number): string {
  const { receivedBefore = "", messages, tombstones, bytesGivenBack, seconds } = report;
  return (
    `received before  ${receivedBefore}\n` +
    `deleted          ${messages} of ${before} messages\n` +
    `tombstones       ${tombstones} expired and were deleted\n` +
    `space            ${bytesGivenBack} bytes returned to the file system\n` +
    `took             ${seconds.toFixed(1)} s\n`
  );
}
