import { ownServer, unlessOwnServer } from "../test/support/postgres-server.ts";
import { compareBatches } from "./support/compare-batches.ts";
import {
  type Compared,
  type Contender,
  compareIngest,
  ingestTable,
  medianOf,
} from "./support/compare-ingest.ts";
import { compareReads, readsTables } from "./support/compare-reads.ts";
import { unlessCoreShares } from "./support/core-share.ts";
import { describeServer, type Engine, postgresEngine, sqliteEngine } from "./support/engines.ts";
import { rounded } from "./support/figures.ts";
import { readFlags } from "./support/flags.ts";
import { describeMachine, scratchFolder } from "./support/machine.ts";
import { requireTool } from "./support/wrk.ts";

// Compares PostgreSQL with the embedded database: ingest of the same service, two processes with
// one, the store alone by batch size, and every kind of read, whose answers are compared too. Runs
// alternate, so that other load on the machine affects both.

const PARTS = ["ingest", "workers", "batches", "reads"] as const;
/** A usual configuration of a server of this size; everything else is PostgreSQL's default. */
const SETTINGS = {
  shared_buffers: "512MB",
  max_wal_size: "4GB",
  fsync: "on",
  full_page_writes: "on",
  synchronous_commit: "on",
};
const QUICK = {
  rounds: 1,
  seconds: 1,
  warmupSeconds: 0,
  connections: 16,
  workerConnections: 32,
  messagesPerSecondMax: 40_000,
  batchSizes: "1,64,512",
  batchSeconds: 0.1,
  batchMessages: 5_000,
  rows: 5_000,
  requests: 3,
};

const given = readFlags({
  // Only checks that it runs and that its assertions hold: the figures mean nothing.
  quick: false,
  parts: PARTS.join(","),
  // A server on which databases may be created, instead of TEST_POSTGRES_URL or a server of this
  // run.
  url: "",
  rounds: 3,
  seconds: 8,
  warmupSeconds: 6,
  connections: 64,
  // For two processes compared with one. In a closed loop the connections limit the size of a
  // batch: of 64, each of two processes has half.
  workerConnections: 256,
  messagesPerSecondMax: 40_000,
  // The share of a core of each process in the second table of two processes compared with one.
  coreShare: 0.2,
  batchSizes: "1,16,64,256,512",
  batchSeconds: 2,
  batchMessages: 200_000,
  rows: 1_000_000,
  requests: 300,
  figureSeconds: 20,
});
const flags = given.quick ? { ...given, ...QUICK } : given;
const parts = flags.parts.split(",");
if (!parts.every((part) => PARTS.some((known) => known === part))) {
  throw new Error(`--parts must be some of ${PARTS.join(",")}`);
}
const batchSizes = flags.batchSizes.split(",").map(Number);

requireTool("wrk", "-v");
const named = flags.url || process.env.TEST_POSTGRES_URL;
const missing = named
  ? false
  : process.env.TEST_POSTGRES_URL === ""
    ? "TEST_POSTGRES_URL is empty"
    : unlessOwnServer();
if (missing !== false && process.env.CI !== "true") {
  process.stderr.write(`LEFT OUT: PostgreSQL: ${missing}\n`);
} else {
  await run();
}

async function run(): Promise<void> {
  using folder = scratchFolder();
  const machine = describeMachine(folder.path);
  await using own = named ? undefined : await ownServer({ settings: SETTINGS });
  const server = named || (own?.url ?? "");
  const [sqlite, postgres] = [sqliteEngine(folder.path), await postgresEngine(server)];
  if (postgres.pid === undefined)
    process.stderr.write("LEFT OUT: CPU of the server: it is not on this machine\n");
  const say = (...lines: readonly string[]) => process.stdout.write(`${lines.join("\n")}\n\n`);
  say(`${machine}; ${await describeServer(server)}`);
  const load = { ...flags, folder: folder.path };
  if (parts.includes("ingest")) {
    const compared = await compareIngest([one(sqlite), one(postgres)], load);
    say("### Ingest, one process", "", ingestTable(compared), "", ...ratios(compared, 0.7));
  }
  if (parts.includes("workers")) {
    const shared = { ...load, connections: flags.workerConnections };
    const compared = await compareIngest([one(postgres), two(postgres)], shared);
    say("### Two processes against one", "", ingestTable(compared), "", ...ratios(compared, 1.8));
    await sharesOfCores(postgres, shared, say);
  }
  if (parts.includes("batches")) {
    const { rounds, batchSeconds: seconds, batchMessages: messages } = flags;
    const batches = await compareBatches([sqlite, postgres], {
      rounds,
      seconds,
      messages,
      rowsPerCall: batchSizes,
    });
    say("### Batch sizes, the store alone", "", batches);
  }
  if (parts.includes("reads")) {
    const reads = await compareReads([sqlite, postgres], flags);
    say(`### Reads at ${rounded(flags.rows)} rows`, "", readsTables(reads, flags.rows, 3));
  }
}

/**
 * Where load generator, service and server share the cores, two processes have no cores of their
 * own. So each process is limited to a share of one.
 */
async function sharesOfCores(
  postgres: Engine,
  load: Parameters<typeof compareIngest>[1],
  say: (...lines: readonly string[]) => void,
): Promise<void> {
  const cannot = unlessCoreShares();
  if (cannot !== undefined) {
    process.stderr.write(
      `LEFT OUT: two processes against one, each held to a part of a core: ${cannot}\n`,
    );
    return;
  }
  const { coreShare } = flags;
  const compared = await compareIngest([one(postgres, coreShare), two(postgres, coreShare)], load);
  const title = `### The same, each process held to ${coreShare} of a core`;
  say(title, "", ingestTable(compared), "", ...ratios(compared, 1.8));
}

function one(engine: Engine, coreShare?: number): Contender {
  return { name: `one process, ${engine.name}`, engine, workers: 1, coreShare };
}

function two(engine: Engine, coreShare?: number): Contender {
  return { name: `two processes, ${engine.name}`, engine, workers: 2, coreShare };
}

function ratios([first, second]: readonly Compared[], goal: number): readonly string[] {
  const ratio = (figure: Parameters<typeof medianOf>[1]) =>
    rounded(medianOf(second, figure) / medianOf(first, figure), 2);
  const names = `${second?.contender.name} ÷ ${first?.contender.name}`;
  return [
    `- messages/s, ${names}: ${ratio("messagesPerSecond")} (goal ≥ ${goal})`,
    `- CPU of the service a message, ${names}: ${ratio("cpuMicros")}`,
  ];
}
