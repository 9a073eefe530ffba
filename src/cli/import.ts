import { Command } from "commander";
import type { Environment } from "../config.ts";
import { systemClock } from "../domain/clock.ts";
import type { NewMessage } from "../domain/message.ts";
import { type OpenOptions, openStore } from "../store/open.ts";
import type { Store } from "../store/store.ts";
import { CliError, EXIT_FAILED, EXIT_USAGE } from "./cli-error.ts";
import { fingerprint, ImportProgress, type ImportState, NOTHING_IMPORTED } from "./importing/import-progress.ts";
import { Importer } from "./importing/importer.ts";
import { type InputFile, kindOf, openInput, standardInput } from "./importing/input.ts";
import { LineNotes } from "./importing/line-notes.ts";
import { readNdjson } from "./importing/ndjson.ts";
import { interruption } from "./interrupt.ts";
import { startProgressBar } from "./progress-bar.ts";
import { databaseUrlOf, storeOptionsOf } from "./settings.ts";
import { complain, say } from "./terminal.ts";

const HELP = `
The service may be running. Messages that are there already are left as they are. An import that was interrupted goes on where
it stopped when it is started again; FILE.lyftr-import keeps the place until then. Standard input (-) is read from its beginning again:
what is stored already is a duplicate. It ends with 1 when a line was no message.

Examples:
  $ lyftr import messages.ndjson
  $ zcat messages.ndjson.gz | lyftr import -
A line of the file: {"message_id":"m1","from":"+919876543210","to":"+14155550100","ts":"2025-01-15T10:00:00Z","text":"Hello"}
A timestamp in "created_at" is kept as the time the message was received.
`;

const STANDARD_INPUT = "-";
const INTERRUPTED = "Interrupted. Run the same command again to go on from here.\n";
const INTERRUPTED_INPUT = "Interrupted. Run the same command again: what is stored already is a duplicate.\n";

/** `lyftr import`: fills the database from a file, without the way over HTTP and without signatures. */
export function importCommand(env: Environment, exit: (code: number) => void): Command {
  return new Command("import")
    .description("Put the messages of a file into the database of DATABASE_URL.")
    .argument("<file>", "JSON, one message a line; - for standard input")
    .addHelpText("after", HELP)
    .action(async (path: string) => {
      const databaseUrl = databaseUrlOf(env);
      const storeOptions = storeOptionsOf(env);
      if (path === STANDARD_INPUT) {
        exit(await importFile({ input: standardInput(), progress: undefined, databaseUrl, storeOptions }));
        return;
      }
      const { isFile, isDirectory } = await kindOf(path);
      if (!isFile && !isDirectory) {
        const reason = "only in one can an interrupted import find its place again";
        throw new CliError(
          `${path} is no regular file, and ${reason}. For a pipe there is: lyftr import -`,
          EXIT_USAGE,
        );
      }
      const input = await openInput(path);
      try {
        const progress = new ImportProgress(path, await fingerprint(input, databaseUrl));
        exit(await importFile({ input, progress, databaseUrl, storeOptions }));
      } finally {
        await input.close();
      }
    });
}

interface Import {
  readonly input: InputFile;
  /** Undefined where an interrupted import cannot find its place again. */
  readonly progress: ImportProgress | undefined;
  readonly databaseUrl: string;
  readonly storeOptions: OpenOptions;
}

async function importFile({ input, progress, databaseUrl, storeOptions }: Import): Promise<number> {
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
    const reached = await importer.run(readNdjson(input.chunks(signal, state.offset), state), signal);
    bar.stop();
    say(summary(reached));
    if (signal.aborted) complain(progress === undefined ? INTERRUPTED_INPUT : INTERRUPTED);
    else progress?.remove();
    return reached.invalid === 0 && !signal.aborted ? 0 : EXIT_FAILED;
  } catch (error) {
    bar.stop();
    const problem = error instanceof Error ? error.message : String(error);
    throw new CliError(`The import stopped: ${problem}\nMend that and run the same command again to go on from there.`);
  } finally {
    await store.close();
  }
}

/** Where an interrupted import stopped, if this is the same file and the same database as then. */
async function placeToStart(store: Store, progress: ImportProgress | undefined): Promise<ImportState> {
  const state = progress?.read();
  if (state === undefined || state.offset === 0) return NOTHING_IMPORTED;
  // Somebody may have thrown the half-filled database away to begin again: going on would leave the first half out.
  if (state.last !== null && !(await knows(store, state.last))) {
    complain("The database is not the one of the interrupted import: starting from the beginning.\n");
    return NOTHING_IMPORTED;
  }
  complain(`Going on after line ${state.line}, where the last import stopped.\n`);
  return state;
}

async function knows(store: Store, { messageId, source }: NewMessage): Promise<boolean> {
  return (await store.findMessage(messageId, source)) !== undefined;
}

function summary({ imported, duplicates, conflicts, invalid }: ImportState): string {
  return (
    `imported   ${imported}\nduplicates ${duplicates}\n` +
    `conflicts  ${conflicts}${conflicts === 0 ? "" : " (same id, other content: what was there is kept)"}\ninvalid    ${invalid}\n`
  );
}
