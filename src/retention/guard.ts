import type { Clock } from "../domain/clock.ts";
import type { RetentionLook } from "../store/retention.ts";
import { countOld, cutoffOf, type SweepOptions } from "./sweep.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** A clock that differs by more from the last look is taken for a wrong one. */
const CLOCK_DAYS_MAX = 7;
/** What has become old since the last look is deleted without a question, if that look is no older than this. */
const STEADY_MS_MAX = DAY_MS;
/** Of all messages; a look that would delete this share or more is taken for a mistake. */
const NEARLY_ALL_SHARE = 0.9;
/** How long a search where the oldest are as a rule has to do, after one that looked at every message. */
const EVERYWHERE_EVERY_MS = DAY_MS;

/** Why a look for old messages is not carried out. */
export interface Refusal {
  readonly reason: "clock" | "nearly_all";
  /** Whole sentences for the operator. */
  readonly text: string;
}

/** How the wall clock compares with the last look. */
export interface ClockCheck {
  readonly lookedAt: string;
  readonly now: string;
  readonly days: number;
}

/**
 * The clock against the last look that was carried out, or against the newest message before the first one.
 * Undefined when it is near enough, or when there is nothing to compare it with.
 */
export function suspectClock(clock: Clock, last: RetentionLook | undefined): ClockCheck | undefined {
  const aheadMs = clock.now() - Date.parse(last?.at ?? "");
  if (last === undefined || Number.isNaN(aheadMs) || Math.abs(aheadMs) <= CLOCK_DAYS_MAX * DAY_MS) return undefined;
  return { lookedAt: last.at, now: new Date(clock.now()).toISOString(), days: Math.round(aheadMs / DAY_MS) };
}

/** A suspect clock, for the operator. */
export function clockInWords({ lookedAt, now, days }: ClockCheck): string {
  const away = days < 0 ? `${-days} days behind` : `${days} days ahead of`;
  return `The clock of this machine says ${now}. That is ${away} ${lookedAt}, when old messages were last looked for or, before the first look, the newest message was received.`;
}

/** What is wrong with the clock, or undefined. Without retention nothing depends on it but tombstones that have ended. */
export async function clockRefusal(
  { store, clock, days }: Pick<SweepOptions, "store" | "clock" | "days">,
  last: RetentionLook | undefined,
): Promise<Refusal | undefined> {
  const suspect = suspectClock(clock, last);
  if (suspect === undefined) return undefined;
  if (days === undefined && !(await store.hasEndedTombstones(suspect.now))) return undefined;
  return { reason: "clock", text: `${clockInWords(suspect)} ${CLOCK_REMEDY}` };
}

const CLOCK_REMEDY =
  "Nothing was deleted. If the clock is wrong, set it: the next look goes on by itself. If it is right, confirm it with lyftr retention.";

/** Whether every message has to be looked at this time. */
export function isDueEverywhere(clock: Clock, last: RetentionLook | undefined): boolean {
  const sinceMs = clock.now() - Date.parse(last?.everywhereAt ?? "");
  return !(Math.abs(sinceMs) < EVERYWHERE_EVERY_MS);
}

/**
 * A refusal when the look would delete nearly all messages. What became old since the last look does not
 * count, when that look was lately: a service that gets no messages for long empties itself day by day.
 */
export async function shareRefusal(
  options: SweepOptions,
  { last, messages }: { readonly last: RetentionLook | undefined; readonly messages: () => Promise<number> },
): Promise<Refusal | undefined> {
  const receivedBefore = cutoffOf(options);
  if (receivedBefore === undefined) return undefined;
  const lastCutoff = last?.receivedBefore ?? undefined;
  const advancedMs = Date.parse(receivedBefore) - Date.parse(lastCutoff ?? "");
  const steady = lastCutoff !== undefined && advancedMs <= STEADY_MS_MAX;
  const unexpected = await countOld(options, steady && lastCutoff < receivedBefore ? lastCutoff : receivedBefore);
  const total = unexpected === 0 ? 0 : await messages();
  if (unexpected === 0 || unexpected < total * NEARLY_ALL_SHARE) return undefined;
  return {
    reason: "nearly_all",
    text: `${unexpected} of ${total} messages were received before ${receivedBefore} and would be deleted. That is nearly all of them, so nothing was deleted. Check RETENTION_DAYS and the clock of this machine. If it is meant, confirm it with lyftr retention.`,
  };
}

/** What is to be remembered of a look that was carried out. */
export function lookOf(
  options: Pick<SweepOptions, "clock" | "days">,
  { everywhere, last }: { readonly everywhere: boolean; readonly last: RetentionLook | undefined },
): RetentionLook {
  const at = new Date(options.clock.now()).toISOString();
  return {
    at,
    receivedBefore: cutoffOf(options) ?? null,
    everywhereAt: everywhere ? at : (last?.everywhereAt ?? null),
  };
}
