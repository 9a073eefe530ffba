import type { Fault, RoundContext, RoundResult } from "../fault.ts";
import { Inbox } from "../support/inbox.ts";
import { Recording } from "./recording.ts";

/** The cuts of one recorded run of the work. */
const CUTS = { short: 4, long: 10 };

/** Work on a database that was prepared for it. */
export interface Work {
  /** Does all of it. Processes get this environment, and have ended when it resolves. */
  run(env: Readonly<Record<string, string>>): Promise<void>;
  /** What is broken after a cut. No process is running. It may leave the service running. */
  check(): Promise<readonly string[]>;
}

interface WorkFault
  extends Pick<Fault, "name" | "what" | "expected" | "controls" | "controlRounds"> {
  prepare(inbox: Inbox, context: RoundContext): Promise<Work>;
}

/**
 * Records some work once, and cuts the power at several random moments of the recording. No sender
 * waits for answers, so each moment is as good as a kill.
 */
export function cutDuring({ prepare, ...fault }: WorkFault): Fault {
  return {
    ...fault,
    databases: ["sqlite"],
    rounds: { short: 1, long: 20 },
    run: (context) => cutRecordedWork(context, prepare),
  };
}

async function cutRecordedWork(
  context: RoundContext,
  prepare: WorkFault["prepare"],
): Promise<RoundResult> {
  await using inbox = await Inbox.create(context);
  const work = await prepare(inbox, context);
  using recording = new Recording(context.folder);
  await work.run(recording.env);
  const goal = context.isShort ? CUTS.short : CUTS.long;
  const broken: string[] = [];
  let cuts = 0;
  while (cuts < goal && broken.length === 0) {
    const moment = context.random.between(1, recording.records.length);
    recording.cut(context.random, { moment });
    broken.push(...(await work.check()));
    await inbox.stop();
    cuts++;
    if (broken.length > 0) broken.push(`cut ${cuts} at record ${moment}`);
  }
  return { counts: { cuts, changes: recording.records.length }, broken };
}

/** Runs a command to its end. It must succeed. */
export async function mustSucceed(
  inbox: Inbox,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  const command = inbox.run(args, env);
  const code = await command.ended;
  if (code !== 0)
    throw new Error(`lyftr ${args.join(" ")} ended with ${code}: ${command.stderr()}`);
}

/** What a command that must succeed reports, or nothing. */
export async function failureOf(inbox: Inbox, args: readonly string[]): Promise<readonly string[]> {
  try {
    await mustSucceed(inbox, args);
    return [];
  } catch (error) {
    return [(error as Error).message];
  }
}
