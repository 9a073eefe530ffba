import { setTimeout } from "node:timers/promises";
import { Load } from "../../test/support/load.ts";
import type { LyftrProcess } from "../../test/support/process.ts";
import type { Fault, RoundContext, RoundResult } from "../fault.ts";
import { Inbox } from "../support/inbox.ts";
import { checkAfterCut } from "./check.ts";
import { mustSucceed } from "./during-work.ts";
import { importFile, messages, type PlainMessage } from "./fill.ts";
import { Recording } from "./recording.ts";

const LOADS = 2;
const CUT_MS_MIN = 20;
const CUT_MS_MAX = 500;
/** A command needs that time to start. */
const IMPORT_CUT_MS_MAX = 1_500;
const CUTS = { short: 5, long: 10 };
const LINES = 500;

/** The power fails while messages arrive. */
export const powerCut: Fault = {
  name: "power-cut",
  what: "the power fails under the load of 64 senders, and a part of what was not fsynced is lost",
  expected: "nothing acknowledged is lost; integrity ok; all answers equal a scan",
  databases: ["sqlite"],
  rounds: { short: 2, long: 100 },
  controls: ["synchronous-normal", "answer-before-commit"],
  // On a busy machine few messages are between their answer and their commit.
  controlRounds: 8,
  run: (context) => cutUnderLoad(context, undefined),
};

/** The power fails while two processes write to the database. */
export const cutBesideImport: Fault = {
  name: "power-cut-two-processes",
  what: "the power fails while 64 senders send and an import runs beside the service",
  expected: "nothing acknowledged is lost; the import can be run again; integrity ok",
  databases: ["sqlite"],
  rounds: { short: 1, long: 20 },
  controls: [],
  run: (context) => cutUnderLoad(context, ImportBeside),
};

async function cutUnderLoad(
  context: RoundContext,
  Beside: typeof ImportBeside | undefined,
): Promise<RoundResult> {
  await using inbox = await Inbox.create(context);
  const goal = context.isShort ? CUTS.short : CUTS.long;
  const cutMsMax = Beside === undefined ? CUT_MS_MAX : IMPORT_CUT_MS_MAX;
  let result: RoundResult = { counts: {}, broken: [] };
  let interrupted: ImportBeside | undefined;
  let cuts = 0;
  while (cuts < goal && result.broken.length === 0) {
    const beside = Beside && new Beside(inbox, context, `line${cuts}`);
    using recording = new Recording(context.folder);
    const { url, child, ended } = await inbox.start(recording.env);
    if (cuts > 0) result = await checkFinished(inbox, interrupted, recording.env);
    const other = beside?.start(recording.env);
    const loads = Array.from({ length: LOADS }, () => new Load(inbox.ledger, url));
    await setTimeout(context.random.between(CUT_MS_MIN, cutMsMax));
    other?.child.kill("SIGKILL");
    child.kill("SIGKILL");
    await Promise.all([ended, other?.ended, ...loads.map((load) => load.stop())]);
    recording.cut(context.random);
    interrupted = beside;
    cuts++;
  }
  await inbox.start();
  if (result.broken.length === 0) result = await checkFinished(inbox, interrupted);
  return { ...result, counts: { ...result.counts, cuts } };
}

async function checkFinished(
  inbox: Inbox,
  interrupted: ImportBeside | undefined,
  env: Readonly<Record<string, string>> = {},
): Promise<RoundResult> {
  await interrupted?.finish(env);
  return checkAfterCut(inbox);
}

/** An import beside the service, which is run again after the cut. */
class ImportBeside {
  readonly #inbox: Inbox;
  readonly #lines: readonly PlainMessage[];
  readonly #args: readonly string[];

  constructor(inbox: Inbox, context: RoundContext, prefix: string) {
    this.#inbox = inbox;
    this.#lines = messages(LINES, prefix);
    this.#args = ["import", importFile(context, `${prefix}.ndjson`, this.#lines)];
  }

  start(env: Readonly<Record<string, string>>): LyftrProcess {
    return this.#inbox.run(this.#args, env);
  }

  async finish(env: Readonly<Record<string, string>>): Promise<void> {
    await mustSucceed(this.#inbox, this.#args, env);
    for (const { id, payload } of this.#lines) this.#inbox.ledger.stored(id, payload);
  }
}
