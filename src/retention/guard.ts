import type { Clock } from "../domain/clock.ts";
import type { RetentionSweep } from "../store/retention.ts";
import { countOld, cutoffOf, type SweepOptions } from "./sweep.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** A clock that differs from the last sweep by more than this is considered wrong. */
const CLOCK_DAYS_MAX = 7;
/**
 * Messages that became old since the last sweep are deleted without a check, if the last sweep is
 * more recent than this.
 */
const STEADY_MS_MAX = DAY_MS;
/** A sweep that would delete this share of all messages or more is considered a mistake. */
const NEARLY_ALL_SHARE = 0.9;
/** For this long after a full scan, the sweeps scan only the oldest messages of each stream. */
const FULL_SCAN_EVERY_MS = DAY_MS;

/** Why a retention sweep is refused. */
export interface Refusal {
  readonly reason: "clock" | "nearly_all";
  /** Whole sentences for the operator. */
  readonly text: string;
}

/** The difference between the wall clock and the last sweep. */
export interface ClockCheck {
  readonly sweptAt: string;
  readonly now: string;
  readonly days: number;
}

/**
 * Compares the clock with the last completed sweep or, before the first sweep, with the newest
 * message. Returns undefined when the clock is close enough, or when there is nothing to compare it
 * with.
 */
export function suspectClock(
  clock: Clock,
  last: RetentionSweep | undefined,
): ClockCheck | undefined {
  const aheadMs = clock.now() - Date.parse(last?.at ?? "");
  if (last === undefined || Number.isNaN(aheadMs) || Math.abs(aheadMs) <= CLOCK_DAYS_MAX * DAY_MS)
    return undefined;
  return {
    sweptAt: last.at,
    now: new Date(clock.now()).toISOString(),
    days: Math.round(aheadMs / DAY_MS),
  };
}

/** The sentence about a suspect clock, for the operator. */
export function clockInWords({ sweptAt, now, days }: ClockCheck): string {
  const away = days < 0 ? `${-days} days behind` : `${days} days ahead of`;
  return `The clock of this machine says ${now}. That is ${away} ${sweptAt}, the time of the last retention sweep or, before the first sweep, of the newest message.`;
}

/**
 * What is wrong with the clock, or undefined. Without retention only the expiry of tombstones
 * depends on the clock.
 */
export async function clockRefusal(
  clock: Clock,
  { store, days }: Pick<SweepOptions, "store" | "days">,
  last: RetentionSweep | undefined,
): Promise<Refusal | undefined> {
  const suspect = suspectClock(clock, last);
  if (suspect === undefined) return undefined;
  if (days === undefined && !(await store.hasEndedTombstones(suspect.now))) return undefined;
  return { reason: "clock", text: `${clockInWords(suspect)} ${CLOCK_REMEDY}` };
}

const CLOCK_REMEDY =
  "Nothing was deleted. If the clock is wrong, set it: the next sweep then runs by itself. If it is right, confirm it with lyftr retention.";

/** Whether this sweep has to scan every message. */
export function isFullScanDue(clock: Clock, last: RetentionSweep | undefined): boolean {
  const sinceMs = clock.now() - Date.parse(last?.fullScanAt ?? "");
  return !(Math.abs(sinceMs) < FULL_SCAN_EVERY_MS);
}

/**
 * Refuses a sweep that would delete nearly all messages. Messages that became old since a recent
 * sweep do not count: a service that gets no messages for a long time becomes empty day by day.
 */
export async function shareRefusal(
  clock: Clock,
  options: SweepOptions,
  {
    last,
    messages,
  }: { readonly last: RetentionSweep | undefined; readonly messages: () => Promise<number> },
): Promise<Refusal | undefined> {
  const receivedBefore = cutoffOf(clock, options.days);
  if (receivedBefore === undefined) return undefined;
  const lastCutoff = last?.receivedBefore ?? undefined;
  const advancedMs = Date.parse(receivedBefore) - Date.parse(lastCutoff ?? "");
  const steady = lastCutoff !== undefined && advancedMs <= STEADY_MS_MAX;
  const unexpected = await countOld(
    clock,
    options,
    steady && lastCutoff < receivedBefore ? lastCutoff : receivedBefore,
  );
  // A count that was stopped says nothing.
  const total = unexpected === 0 || options.signal.aborted ? 0 : await messages();
  if (total === 0 || unexpected < total * NEARLY_ALL_SHARE) return undefined;
  return {
    reason: "nearly_all",
    text: `${unexpected} of ${total} messages were received before ${receivedBefore} and would be deleted. That is nearly all of them, so nothing was deleted. Check RETENTION_DAYS and the clock of this machine. If this is intended, confirm it with lyftr retention.`,
  };
}

interface SweepNote {
  /** The cut-off of the sweep, which is earlier than that of its end. */
  readonly receivedBefore: string | undefined;
  readonly everywhere: boolean;
  readonly last: RetentionSweep | undefined;
}

/** The record of a completed sweep. */
export function sweepRecord(
  clock: Clock,
  { receivedBefore, everywhere, last }: SweepNote,
): RetentionSweep {
  const at = new Date(clock.now()).toISOString();
  return {
    at,
    receivedBefore: receivedBefore ?? null,
    fullScanAt: everywhere ? at : (last?.fullScanAt ?? null),
  };
}
