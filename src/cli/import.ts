import { Command } from "commander";
import type { Environment } from "../config.ts";
import { systemClock } from "../domain/clock.ts";
import type { NewMessage } from "../domain/message.ts";
import { type OpenOptions, openStore } from "../store/open.ts";
import type { Store } from "../store/store.ts";
import { CliError, EXIT_FAILED, EXIT_USAGE } from "./cli-error.ts";
import { type CommandHelp, MESSAGE_LINE, withHelp } from "./help.ts";
import {
  fingerprint,
  ImportProgress,
  type ImportState,
  NOTHING_IMPORTED,
} from "./importing/import-progress.ts";
import { Importer } from "./importing/importer.ts";
import { type InputFile, kindOf, openInput, standardInput } from "./importing/input.ts";
import { LineNotes } from "./importing/line-notes.ts";
import { readNdjson } from "./importing/ndjson.ts";
import { type JsonFlag, withJson, writeResult } from "./json-output.ts";
import { interruption } from "./lifecycle.ts";
import { startProgressBar } from "./progress-bar.ts";
import { databaseUrlOf, storeOptionsOf } from "./settings.ts";
import { writeStderr } from "./terminal.ts";

const HELP: CommandHelp = {
  notes: [
    "The service may be running. Messages that are stored already are not changed.",
    "If the import is interrupted, run it again: it continues where it stopped. Until it ends, " +
      "FILE.lyftr-import stores the position. Standard input (-) is read from the beginning, and " +
      "messages that are stored already count as duplicates.",
    "A timestamp in `created_at` is stored as the time at which the message was received.",
  ],
  examples: ["lyftr import messages.ndjson", "zcat messages.ndjson.gz | lyftr import -"],
  input: MESSAGE_LINE,
  exitCodes: {
    0: "every line is stored, by this run or an earlier one",
    1: "a line is not a valid message, or the import stopped before the end",
  },
};

const STANDARD_INPUT = "-";
const INTERRUPTED = "Interrupted. Run the same command again to continue from here.\n";
const INTERRUPTED_INPUT =
  "Interrupted. Run the same command again: messages that are stored already count as duplicates.\n";

/** `lyftr import`: stores the messages of a file in the database, without HTTP and signatures. */
export function importCommand(env: Environment, exit: (code: number) => void): Command {
  return withJson(withHelp(new Command("import"), HELP))
    .description("Store the messages of a file in the database, without HTTP and signatures.")
    .argument("<file>", "one JSON object a line; - is standard input")
    .action(async (path: string, { json }: JsonFlag) => {
      const databaseUrl = databaseUrlOf(env);
      const storeOptions = storeOptionsOf(env);
      if (path === STANDARD_INPUT) {
        exit(
          await importFile({
            input: standardInput(),
            progress: undefined,
            databaseUrl,
            storeOptions,
            json,
          }),
        );
        return;
      }
      const { isFile, isDirectory } = await kindOf(path);
      if (!isFile && !isDirectory) {
        const reason = "an interrupted import can continue only in a regular file";
        throw new CliError(
          `${path} is not a regular file, and ${reason}. For a pipe use: lyftr import -`,
          EXIT_USAGE,
        );
      }
      const input = await openInput(path);
      try {
        const progress = new ImportProgress(path, await fingerprint(input, databaseUrl));
        exit(await importFile({ input, progress, databaseUrl, storeOptions, json }));
      } finally {
        await input.close();
      }
    });
}

interface Import extends JsonFlag {
  readonly input: InputFile;
  /** Undefined when an interrupted import cannot continue. */
  readonly progress: ImportProgress | undefined;
  readonly databaseUrl: string;
  readonly storeOptions: OpenOptions;
}

async function importFile({
  input,
  progress,
  databaseUrl,
  storeOptions,
  json,
}: Import): Promise<number> {
  const signal = interruption();
  const store = await openStore(databaseUrl, storeOptions);
  const state = await placeToStart(store, progress);
  const bar = startProgressBar({ label: "importing", total: input.bytes, unit: "bytes" });
  const notes = new LineNotes((line) => bar.note(line));
  const importer = new Importer(systemClock, {
    store,
    state,
    invalid: (line, problem) => notes.add(line, problem),
    committed: (reached) => {
      const problem = progress?.save(reached);
      if (problem !== undefined) bar.note(problem);
      bar.update(reached.offset);
    },
  });
  try {
    const reached = await importer.run(
      readNdjson(input.chunks(signal, state.offset), state),
      signal,
    );
    bar.stop();
    const { imported, duplicates, conflicts, invalid } = reached;
    writeResult(json, { imported, duplicates, conflicts, invalid }, summary(reached));
    if (signal.aborted) writeStderr(progress === undefined ? INTERRUPTED_INPUT : INTERRUPTED);
    else progress?.remove();
    return reached.invalid === 0 && !signal.aborted ? 0 : EXIT_FAILED;
  } catch (error) {
    bar.stop();
    const problem = error instanceof Error ? error.message : String(error);
    throw new CliError(
      `The import stopped: ${problem}\nCorrect that, then run the same command again: it continues from there.`,
    );
  } finally {
    await store.close();
  }
}

/** The position of an interrupted import, if the file and the database are the same as then. */
async function placeToStart(
  store: Store,
  progress: ImportProgress | undefined,
): Promise<ImportState> {
  const state = progress?.read();
  if (state === undefined || state.offset === 0) return NOTHING_IMPORTED;
  // The half-filled database may have been deleted to start over: continuing would omit the first
  // half.
  if (state.last !== null && !(await knows(store, state.last))) {
    writeStderr(
      "The database is not the one of the interrupted import: starting from the beginning.\n",
    );
    return NOTHING_IMPORTED;
  }
  writeStderr(`Continuing after line ${state.line}, where the last import stopped.\n`);
  return state;
}

async function knows(store: Store, { messageId, source }: NewMessage): Promise<boolean> {
  return (await store.findMessage(messageId, source)) !== undefined;
}

function summary({ imported, duplicates, conflicts, invalid }: ImportState): string {
  return (
    `imported   ${imported}\nduplicates ${duplicates}\n` +
    `conflicts  ${conflicts}${conflicts === 0 ? "" : " (same id, other content: the stored message is kept)"}\ninvalid    ${invalid}\n`
  );
}
