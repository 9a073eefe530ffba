import { loadMessages, MS_PER_MESSAGE } from "../../src/cli/demo/loader.ts";
import { RARE_WORD } from "../../src/cli/sending/sample-texts.ts";
import { systemClock } from "../../src/domain/clock.ts";
import { parseMessageQuery } from "../../src/domain/message-query.ts";
import { find } from "../../src/store/sqlite/reads/find.ts";
import { SqliteParts } from "../../test/support/sqlite-parts.ts";
import { rounded, table } from "./figures.ts";
import { FILLED_UNTIL_MS } from "./fill.ts";
import { threadSeconds } from "./process-figures.ts";

const LIMIT = "50";
/** Other messages than those of the database. */
const SEED = 3;

export interface TailLists {
  /** Of a database that is filled and indexed, and that no process has open. */
  readonly path: string;
  readonly lists: readonly (readonly [name: string, filter: Readonly<Record<string, string>>])[];
  /** How many messages are added that are not in the read index. */
  readonly tailRows: number;
  readonly reads: number;
}

/**
 * The CPU time of lists on SQLite: with every message in the read index, then with a tail that is
 * not. The first read of the tail keeps it for the later ones. There is no service, so nothing
 * indexes the tail.
 */
export async function measureTailLists(options: TailLists): Promise<string> {
  using parts = new SqliteParts(options.path);
  const indexed = options.lists.map(([, filter]) => cpuMs(parts, filter, options.reads));
  await addTail(parts, options.tailRows);
  const first = cpuMs(parts, { q: RARE_WORD }, 1);
  const rows = options.lists.map(([name, filter], at) => [
    name,
    rounded(indexed[at] ?? Number.NaN, 2),
    rounded(cpuMs(parts, filter, options.reads), 2),
  ]);
  return [
    table([["CPU ms of a list", "all indexed", `${rounded(options.tailRows)} not`], ...rows]),
    "",
    `- the first search, which reads the tail: ${rounded(first, 1)} ms`,
  ].join("\n");
}

async function addTail(parts: SqliteParts, count: number): Promise<void> {
  const store = {
    insertMessages: async (rows: Parameters<SqliteParts["insert"]>[0]) => parts.insert(rows),
    // Nothing waits for the index.
    backlogRows: () => 0,
  };
  const nowMs = FILLED_UNTIL_MS + count * MS_PER_MESSAGE;
  await loadMessages(store, { seed: SEED, count, nowMs, clock: systemClock });
}

/** Of one of several reads, which are too quick to be measured one by one. */
function cpuMs(
  parts: SqliteParts,
  filter: Readonly<Record<string, string>>,
  reads: number,
): number {
  const parsed = parseMessageQuery({ ...filter, order: "desc", limit: LIMIT, count: "none" });
  if (!parsed.ok) throw new Error(`no such list: ${JSON.stringify(filter)}`);
  const before = threadSeconds(process.pid);
  for (let read = 0; read < reads; read++) parts.read((snapshot) => find(snapshot, parsed.query));
  return (1e3 * (threadSeconds(process.pid) - before)) / reads;
}
