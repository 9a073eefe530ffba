import { copyFileSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openReader } from "../../src/store/sqlite/connection.ts";
import { indexMessages } from "../../src/store/sqlite/index/index-messages.ts";
import { message } from "../../test/store/exercise.ts";
import { body, post } from "../../test/support/service.ts";
import { SqliteParts } from "../../test/support/sqlite-parts.ts";
import type { Fault, RoundContext, RoundResult } from "../fault.ts";
import { Inbox } from "../support/inbox.ts";
import type { Random } from "../support/random.ts";

const SECTOR_BYTES = 512;
const WAL_BYTES = 1024 * 1024;
const WAL_HEADER_BYTES = 32;
const FRAME_BYTES = 24 + 4_096;
const ROWS_BEFORE = 50;
const ROWS_PER_COMMIT_MAX = 8;
const TEXT_MAX = 300;
/** A short round tries every 16th sector. */
const SHORT_STEP = 16;
const STARTS = { short: 2, long: 6 };

/** The write-ahead log is cut off, or a byte in it changes, and the database is opened. */
export const tornWal: Fault = {
  name: "torn-wal",
  what: "a log of 1 MiB is truncated at each 512 bytes, and a byte is changed in each 512 bytes",
  expected:
    "exactly the commits before the damage are there; the service starts and all its answers agree with the rows",
  databases: ["sqlite"],
  rounds: { short: 1, long: 10 },
  controls: ["index-not-compared"],
  run: torn,
};

/** What a disk has: the files, and where in the log each commit ends. */
interface Written {
  readonly path: string;
  readonly wal: Buffer;
  readonly ids: readonly string[];
  readonly commits: readonly { readonly rows: number; readonly endByte: number }[];
}

async function torn(context: RoundContext): Promise<RoundResult> {
  const { random, folder, isShort } = context;
  const written = write(join(folder, "written.db"), random);
  const sectors = Math.floor(written.wal.length / SECTOR_BYTES);
  const step = isShort ? SHORT_STEP : 1;
  const broken: string[] = [];
  let opened = 0;
  for (let sector = random.between(0, step - 1); sector < sectors; sector += step) {
    const byte = sector * SECTOR_BYTES;
    const cut = written.wal.subarray(0, byte);
    broken.push(...differences(written, cut, rowsBefore(written, byte), `cut at ${byte}`));
    const at = byte + random.between(0, SECTOR_BYTES - 1);
    const flipped = Buffer.from(written.wal);
    flipped[at] = (flipped[at] ?? 0) ^ (1 << random.between(0, 7));
    const rows = rowsBefore(written, frameOf(at));
    broken.push(...differences(written, flipped, rows, `changed at ${at}`));
    opened += 2;
  }
  const starts = isShort ? STARTS.short : STARTS.long;
  for (let start = 0; start < starts; start++)
    broken.push(...(await startOn(context, written, start)));
  return { counts: { opened, starts, walBytesMax: written.wal.length }, broken };
}

/** Writes messages until the log is long enough, and indexes all of them. */
function write(path: string, random: Random): Written {
  const ids: string[] = [];
  const next = () => {
    const id = `m${ids.length}`;
    ids.push(id);
    const text = `message ${id} `.padEnd(random.between(1, TEXT_MAX), "x");
    return message(id, { from: `+1${random.between(0, 20)}`, to: "+14155550100", text });
  };
  {
    using parts = new SqliteParts(path);
    parts.insert(Array.from({ length: ROWS_BEFORE }, next));
  }
  // Closing has copied the log into the file. Nothing copies the next one.
  using parts = new SqliteParts(path);
  const commits = [{ rows: ids.length, endByte: 0 }];
  const size = () => statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  while (size() < WAL_BYTES) {
    parts.insert(Array.from({ length: random.between(1, ROWS_PER_COMMIT_MAX) }, next));
    commits.push({ rows: ids.length, endByte: size() });
  }
  while (indexMessages(parts.index, ids.length).backlog > 0);
  for (const suffix of ["", "-index", "-index-wal"])
    copyFileSync(path + suffix, `${path}.kept${suffix}`);
  return { path: `${path}.kept`, wal: readFileSync(`${path}-wal`), ids, commits };
}

/** The first byte of the frame with this byte, or 0 for the header of the log. */
function frameOf(byte: number): number {
  if (byte < WAL_HEADER_BYTES) return 0;
  return byte - ((byte - WAL_HEADER_BYTES) % FRAME_BYTES);
}

function rowsBefore({ commits }: Written, byte: number): number {
  return commits.findLast(({ endByte }) => endByte <= byte)?.rows ?? 0;
}

/** Opens the database with this log. Its rows must be the first ones that were committed. */
function differences(
  { path, ids }: Written,
  wal: Buffer,
  rows: number,
  where: string,
): readonly string[] {
  const trial = `${path}.trial`;
  rmSync(`${trial}-shm`, { force: true });
  copyFileSync(path, trial);
  writeFileSync(`${trial}-wal`, wal);
  const db = openReader(trial);
  try {
    const found = db.prepare("SELECT message_id FROM lyftr_messages ORDER BY seq").all();
    if (found.length !== rows)
      return [`${where}: ${found.length} messages instead of the first ${rows}`];
    return found.every(({ message_id }, at) => message_id === ids[at])
      ? []
      : [`${where}: the messages are not those that were committed first`];
  } catch (error) {
    return [`${where}: ${error}`];
  } finally {
    db.close();
  }
}

/** Starts the service on the database with a torn log, and a read index that is ahead of it. */
async function startOn(
  context: RoundContext,
  written: Written,
  start: number,
): Promise<readonly string[]> {
  const folder = join(context.folder, `start-${start}`);
  mkdirSync(folder);
  await using inbox = await Inbox.create({ ...context, folder });
  for (const suffix of ["", "-index", "-index-wal"])
    copyFileSync(written.path + suffix, inbox.path + suffix);
  const byte = context.random.between(0, written.wal.length);
  writeFileSync(`${inbox.path}-wal`, written.wal.subarray(0, byte));
  const { url } = await inbox.start();
  const broken = [...(await inbox.answersThatDiffer())];
  const [row] = await inbox.rows("SELECT count(*) AS count FROM messages");
  if (row?.count !== rowsBefore(written, byte)) broken.push(`${row?.count} messages are served`);
  const { status } = await post(url, body({ message_id: "after" }));
  if (status !== 200) broken.push(`a message after the damage gets ${status}`);
  broken.push(...(await inbox.answersThatDiffer()), ...(await inbox.verify()));
  return broken.map((promise) => `the service on a log that is cut at ${byte}: ${promise}`);
}
