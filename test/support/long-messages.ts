import { parentPort, workerData } from "node:worker_threads";
import { Deleter } from "../../src/store/sqlite/forgetting/deleter.ts";
import { fold } from "../../src/store/sqlite/read-index/fold.ts";
import { find } from "../../src/store/sqlite/reads/find.ts";
import { message, query } from "../store/exercise.ts";
import { SqliteParts } from "./sqlite-parts.ts";

// The code of a thread with little memory that indexes and deletes many messages of the longest kind.

export interface LongMessages {
  readonly path: string;
  /** What each text is made of. */
  readonly letters: string;
  readonly codePoints: number;
  readonly rows: number;
}

/** The longest id there may be, in bytes. */
const ID_BYTES_MAX = 1_024;
const ROWS_PER_BATCH = 250;

const { path, letters, codePoints, rows } = workerData as LongMessages;
using parts = new SqliteParts(path);
const text = [...letters.repeat(Math.ceil(codePoints / [...letters].length))].slice(0, codePoints).join("");
const prefix = "é".repeat(ID_BYTES_MAX / 2 - 4);
for (let stored = 0; stored < rows; stored += ROWS_PER_BATCH) {
  parts.insert(
    Array.from({ length: ROWS_PER_BATCH }, (_, n) =>
      message(`${prefix}${stored + n}`, { text, from: `+${(stored + n) % 3}` }),
    ),
  );
}
while (fold(parts.index, rows).backlog > 0);
const deleter = new Deleter(parts.index, () => performance.now());
let deleted = 0;
for (let place: string | undefined; ; ) {
  const step = deleter.erase({ msisdn: "+1", rowsMax: rows, tombstonesUntil: "2026", place });
  deleted += step.deleted;
  place = step.place;
  if (place === undefined) break;
}
const left = parts.read((snapshot) => find(snapshot, query({ q: letters, limit: "1" })));
parentPort?.postMessage([deleted, left.total]);
