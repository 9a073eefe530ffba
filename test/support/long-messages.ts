import { parentPort, workerData } from "node:worker_threads";
import { Deleter } from "../../src/store/sqlite/deletion/deleter.ts";
import { indexMessages } from "../../src/store/sqlite/index/index-messages.ts";
import { find } from "../../src/store/sqlite/reads/find.ts";
import { PLAN_BOUNDS } from "../../src/store/sqlite/reads/plan.ts";
import { findSenders } from "../../src/store/sqlite/reads/senders.ts";
import { message, query } from "../store/exercise.ts";
import { SqliteParts } from "./sqlite-parts.ts";

// The code of a thread with little memory that indexes, reads and deletes many messages of maximum
// length.

export interface LongMessages {
  readonly path: string;
  /** The content of each text. */
  readonly letters: string;
  readonly codePoints: number;
  readonly rows: number;
}

/** The longest possible id, in bytes. */
const ID_BYTES_MAX = 1_024;
const ROWS_PER_BATCH = 250;
const WALK = { ...PLAN_BOUNDS, fewRows: 1_000_000 };

const { path, letters, codePoints, rows } = workerData as LongMessages;
using parts = new SqliteParts(path);
const text = [...letters.repeat(Math.ceil(codePoints / [...letters].length))]
  .slice(0, codePoints)
  .join("");
const prefix = "é".repeat(ID_BYTES_MAX / 2 - 4);
for (let stored = 0; stored < rows; stored += ROWS_PER_BATCH) {
  parts.insert(
    Array.from({ length: ROWS_PER_BATCH }, (_, n) =>
      message(`${prefix}${stored + n}`, { text, from: `+${(stored + n) % 3}` }),
    ),
  );
}
const far = { q: letters, limit: "1", offset: String(rows - 1) };
const unindexed = parts.read((snapshot) => find(snapshot, query(far)));
const unfiltered = parts.read((snapshot) =>
  find(snapshot, query({ limit: "1", offset: String(rows - 1) })),
);
const plain = parts.read((snapshot) =>
  find(snapshot, query(far), { ...PLAN_BOUNDS, tailRowsMax: 10 }),
);
const senders = parts.read((snapshot) => findSenders(snapshot, { limit: 10, offset: 0 }));
while (indexMessages(parts.index, rows).backlog > 0);
const searched = parts.read((snapshot) => find(snapshot, query({ q: letters, limit: "1" })));
// So short that it scans all texts.
const walked = parts.read((snapshot) =>
  find(snapshot, query({ q: [...letters][0] ?? "", source: "native" }), WALK),
);
const deleter = new Deleter(parts.index);
let deleted = 0;
for (let place: string | undefined; ; ) {
  const step = deleter.erase({
    msisdn: "+1",
    rowsMax: rows,
    tombstonesUntil: "2026",
    position: place,
  });
  deleted += step.deleted;
  place = step.position;
  if (place === undefined) break;
}
const left = parts.read((snapshot) => find(snapshot, query({ q: letters, limit: "1" })));
parentPort?.postMessage([
  [unindexed, unfiltered, plain, searched, walked].map(({ total, messages }) => [
    total,
    messages.length > 0,
  ]),
  senders.senders.map(({ count }) => count),
  [deleted, left.total],
]);
