import { deepEqual } from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import type { LongMessages } from "../support/long-messages.ts";
import { temporaryDatabase } from "../support/sqlite-parts.ts";

/** Half of what a database thread of the service has. */
const HEAP_MIB = 32;

const LANGUAGES: readonly (readonly [string, string, number, number])[] = [
  ["Chinese characters", "漢字仮名交", 4_096, 2_250],
  ["characters beyond the first plane", "𠀀𠀁𠀂𠀃", 4_096, 1_500],
  ["letters with accents", "éàüößñ", 4_096, 3_000],
  ["ASCII letters", "Hello there, ", 4_096, 4_500],
];

for (const [what, letters, codePoints, rows] of LANGUAGES) {
  test(`any number of the longest messages of ${what} is indexed, read and deleted in bounded memory`, async () => {
    using file = temporaryDatabase();
    const worker = new Worker(new URL("../support/long-messages.ts", import.meta.url), {
      workerData: { path: file.path, letters, codePoints, rows } satisfies LongMessages,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB, maxYoungGenerationSizeMb: 4 },
    });
    const [found] = await once(worker, "message");
    const gone = rows / 3;
    deepEqual(found, [
      Array.from({ length: 5 }, () => [rows, true]),
      [gone, gone, gone],
      [gone, rows - gone],
    ]);
    await worker.terminate();
  });
}
